"""``flambeau demo``: train a small net on handwritten digits that ship with the package.

The part between the two rulers is what a PyTorch user writes; the rest draws it.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import resources

import numpy as np

import flambeau as torch
from flambeau import nn
from flambeau.cli.terminal import ProgressBar, can_write, curve
from flambeau.utils.data import DataLoader, TensorDataset

HELD_OUT = 360
BATCH = 32
GOOD_ACCURACY = 0.95


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """The UCI optical digits: images (1797, 64), float32 in 0..1, and their digits (1797,), int64."""
    packed = resources.files("flambeau").joinpath("data/optdigits.csv.gz").read_bytes()
    table = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",", dtype=np.float32)
    return table[:, :64] / 16, table[:, 64].astype(np.int64)


# --------------------------------------------------------------------------------------------------


def split(seed: int) -> tuple[TensorDataset, TensorDataset]:
    """Training and test set: a random fifth of the digits is held out."""
    images, digits = map(torch.from_numpy, load_digits())
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(seed))
    train, test = order[HELD_OUT:], order[:HELD_OUT]
    return TensorDataset(images[train], digits[train]), TensorDataset(images[test], digits[test])


def build() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def train(model: nn.Module, dataset: TensorDataset, epochs: int) -> Iterator[list[float]]:
    """Train ``model`` and yield the losses of each epoch's batches."""
    loader: DataLoader = DataLoader(dataset, batch_size=BATCH, shuffle=True)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(epochs):
        losses = []
        for images, digits in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), digits)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield losses


def accuracy(model: nn.Module, dataset: TensorDataset) -> float:
    images, digits = dataset.tensors
    model.eval()
    with torch.no_grad():
        guesses = model(images).argmax(dim=1)
    return (guesses == digits).float().mean().item()


# --------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] = ()) -> int:
    """Train, draw the loss and print the accuracy. Returns 1 if the net learned less than it should."""
    options = parse(arguments)
    torch.manual_seed(options.seed)
    training_set, test_set = split(options.seed)
    model = build()
    print(f"flambeau: {len(training_set)} handwritten digits to learn from, {len(test_set)} for the test")
    print(model)

    bar = ProgressBar(options.epochs)
    losses: list[float] = []
    start = time.perf_counter()
    for epoch, batch_losses in enumerate(train(model, training_set, options.epochs), start=1):
        losses += batch_losses
        mean = sum(batch_losses) / len(batch_losses)
        bar.update(epoch, f"epoch {epoch}/{options.epochs}  loss {mean:.4f}")
    seconds = time.perf_counter() - start
    score = accuracy(model, test_set)

    print(f"\ntraining loss over {len(losses)} steps (logarithmic)")
    print(curve(losses, unicode=can_write("█│", sys.stdout)))
    print(f"\ntest accuracy {100 * score:.1f} % after {seconds:.1f} s of training")
    return 0 if score >= GOOD_ACCURACY else 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="flambeau demo", description="Train a net on handwritten digits.")
    parser.add_argument("--epochs", type=positive, default=30, help="passes over the digits (default 30)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches and split (default 0)")
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number
