"""Every family of operators at a large and at a tiny size, sorted by the ratio to PyTorch's time."""

from __future__ import annotations

import statistics
from typing import NamedTuple

import numpy as np

from .measure import Block, Row, compare, timed, with_two_threads

LARGE_BAR = 10.0

# Expressions over the inputs of `inputs`; `T` is the library, `F` its nn.functional.
CASES = {
    "elementwise": """
        x + y; x * 2.5; x / p; T.maximum(x, y); x.abs(); x.clamp(-1, 1); T.exp(x); T.log(p); T.sqrt(p); T.sin(x); T.tanh(x);
        T.erf(x); x ** 2; p ** 1.5; T.atan2(x, y); T.where(mask, x, y); x > y; T.isnan(x); x.floor(); T.fmod(x, p); k // 3; k % 7;
        T.bitwise_and(k, 255); T.sigmoid(x); T.lerp(x, y, 0.3); T.addcmul(x, y, p); x.to(T.float64); x.to(T.int64); T.lgamma(p);
        T.digamma(p); T.erfinv(x.clamp(-0.9, 0.9)); T.logaddexp(x, y); T.nan_to_num(x); T.sign(x); T.round(x); c * c; c.abs()
        """,
    "activations": """
        F.relu(x); F.gelu(x); F.silu(x); F.elu(x); F.softplus(x); F.leaky_relu(x); F.hardswish(x); F.mish(x); F.softmax(x, -1);
        F.log_softmax(x, -1); F.softmax(x, 0); F.glu(x, -1)
        """,
    "reductions": """
        x.sum(); x.sum(0); x.sum(1); x.mean(1); x.var(1); x.std(); x.prod(1); x.amax(1); x.max(1); x.argmax(1); x.argmin(0); x.norm();
        T.logsumexp(x, 1); mask.any(1); mask.all(); T.count_nonzero(x); x.median(1); T.aminmax(x, dim=1); T.quantile(small, 0.3, dim=1)
        """,
    "sorting": """
        v.sort(); x.sort(1); x.argsort(1); x.topk(2, 1); x.kthvalue(3, 1); T.unique(labels); T.searchsorted(ordered, v);
        T.bincount(labels); T.histc(x, 50); T.msort(small)
        """,
    "scans": "x.cumsum(1); x.cumsum(0); x.cumprod(1); x.cummax(1); T.logcumsumexp(x, 1); x.diff()",
    "moving": """
        x.t().contiguous(); T.cat([x, y], 1); T.stack([x, y]); x.flip(1); x.roll(3, 1); F.pad(x, (1, 2, 3, 4)); x.repeat(2, 1);
        x.repeat_interleave(2, 1); x.clone(); T.tril(x); T.zeros_like(x); T.arange(x.numel()); F.one_hot(labels, 16); T.diag(small[0]);
        images.permute(0, 2, 3, 1).contiguous(); T.tile(x, (1, 2)); x.unfold(1, 2, 2).contiguous()
        """,
    "indexing": """
        x[rows]; x[:, columns]; x[mask]; x.index_select(1, columns); x.gather(1, places); x.take(labels); T.nonzero(mask);
        x.masked_fill(mask, 0.0); T.masked_select(x, mask); x.scatter(1, places, y); x.scatter_add(1, places, y);
        x.index_add(0, rows, x[rows]); x.index_copy(0, rows, x[rows]); x.index_put((rows,), x[rows], accumulate=True);
        F.embedding(labels, x[:, :16]); x.index_fill(0, rows, 1.0); T.take_along_dim(x, places, 1)
        """,
    "products": """
        T.matmul(square, square); T.matmul(x, x.t()[:, :64]); x @ x[0]; T.bmm(batch, batch); F.linear(x, x[:64]); T.dot(v, v);
        T.outer(v[:1000], v[:1000]); T.einsum('bij,bjk->bik', batch, batch); T.addmm(square, square, square); T.kron(square[:20, :20],
        square[:20, :20]); T.cdist(small, small); square.double() @ square.double()
        """,
    "attention": "F.scaled_dot_product_attention(heads, heads, heads)",
    "convolution": """
        F.conv2d(images, weight, padding=1); F.conv2d(images, weight, stride=2); F.conv1d(images[:, :, 0], weight[:, :, 0]);
        F.conv2d(images, weight[:, :1], groups=1) if images.shape[1] == 1 else F.conv2d(images, depthwise, groups=images.shape[1]);
        F.conv_transpose2d(images, weight.transpose(0, 1).contiguous(), stride=2); F.unfold(images, 3)
        """,
    "pooling": """
        F.max_pool2d(images, 2); F.max_pool2d(images, 3, 2, 1); F.avg_pool2d(images, 2); F.avg_pool2d(images, 3, 2, 1);
        F.adaptive_avg_pool2d(images, 1); F.adaptive_avg_pool2d(images, 2); F.adaptive_max_pool2d(images, 2);
        F.interpolate(images, scale_factor=2); F.interpolate(images, scale_factor=2, mode='bilinear'); F.grid_sample(images, grid,
        align_corners=False); F.max_pool1d(x, 2)
        """,
    "norms": """
        F.layer_norm(x, x.shape[1:]); F.batch_norm(images, None, None, training=True); F.group_norm(images, 2); F.instance_norm(images);
        F.normalize(x, dim=1); F.rms_norm(x, x.shape[1:]); F.local_response_norm(images, 3)
        """,
    "losses": """
        F.cross_entropy(x, classes); F.mse_loss(x, y); F.l1_loss(x, y); F.smooth_l1_loss(x, y); F.huber_loss(x, y);
        F.binary_cross_entropy_with_logits(x, y); F.nll_loss(x, classes); F.kl_div(x, y); F.cosine_similarity(x, y);
        F.triplet_margin_loss(x, y, p)
        """,
    "random": """
        T.rand(x.shape); T.randn(x.shape); T.randint(0, 10, x.shape); T.randperm(x.numel()); T.bernoulli(p.clamp(0, 1)); F.dropout(x, 0.5);
        T.multinomial(p[:8], 4); T.normal(x, p)
        """,
    "linear algebra": """
        T.linalg.inv(square); T.linalg.solve(square, square); T.linalg.cholesky(definite); T.linalg.qr(square); T.linalg.det(square);
        T.linalg.svd(square); T.linalg.eigh(definite); T.linalg.norm(square); T.linalg.lu(square); T.linalg.pinv(square[:32])
        """,
    "fft": "T.fft.fft(x); T.fft.rfft(x); T.fft.fft2(x); T.fft.irfft(c); T.stft(v, 16, return_complex=True, window=T.ones(16))",
    "backward": """
        grad(F.relu(gx)); grad(F.gelu(gx)); grad(F.softmax(gx, 1)); grad(gx.sum(1)); grad(gx.max(1)[0]); grad(gx.cumsum(1));
        grad(gx[rows]); grad(gx.gather(1, places)); grad(F.layer_norm(gx, gx.shape[1:])); grad(F.cross_entropy(gx, classes));
        grad(F.conv2d(gi, weight, padding=1)); grad(F.max_pool2d(gi, 2)); grad(F.avg_pool2d(gi, 2));
        grad(F.batch_norm(gi, None, None, training=True)); grad(F.interpolate(gi, scale_factor=2, mode='bilinear'));
        grad(gx @ gx.t()); grad(gx.sort(1)[0]); grad(T.cat([gx, gx])); grad(F.pad(gx, (1, 1)))
        """,
}


class Size(NamedTuple):
    """The sizes of the inputs: a matrix, small images, square matrices."""

    rows: int
    columns: int
    images: tuple[int, int, int, int]
    square: int


SIZES = {"large": Size(1024, 1024, (32, 32, 28, 28), 512), "tiny": Size(4, 4, (1, 2, 6, 6), 4)}


def inputs(lib, size: Size) -> dict:
    """The names that expressions use, the same numbers for both libraries."""
    rng = np.random.default_rng(0)
    shape = (size.rows, size.columns)
    square = rng.standard_normal((size.square, size.square)).astype(np.float32)
    channels = size.images[1]
    x = rng.standard_normal(shape).astype(np.float32)
    images = rng.standard_normal(size.images).astype(np.float32)
    arrays = dict(
        x=x, y=rng.standard_normal(shape).astype(np.float32), p=rng.random(shape).astype(np.float32) + 0.5,
        k=rng.integers(0, 1000, shape), mask=rng.random(shape) < 0.5, c=(x + 1j * x).astype(np.complex64),
        v=rng.standard_normal(size.rows * size.columns).astype(np.float32), small=x[:64, :64].copy(),
        ordered=np.sort(rng.standard_normal(size.columns).astype(np.float32)),
        labels=rng.integers(0, min(size.columns, 16), size.rows * 16), classes=rng.integers(0, size.columns, size.rows),
        rows=rng.permutation(size.rows)[: size.rows // 2],
        columns=rng.permutation(size.columns)[: size.columns // 2], places=rng.integers(0, size.columns, shape),
        square=square, definite=square @ square.T + size.square * np.eye(size.square, dtype=np.float32),
        batch=rng.standard_normal((16, size.square // 4, size.square // 4)).astype(np.float32), images=images,
        weight=rng.standard_normal((2 * channels, channels, 3, 3)).astype(np.float32),
        depthwise=rng.standard_normal((channels, 1, 3, 3)).astype(np.float32),
        heads=rng.standard_normal((4, 4, size.square // 2, 32)).astype(np.float32),
        grid=rng.uniform(-1, 1, (size.images[0], size.images[2], size.images[3], 2)).astype(np.float32),
    )  # fmt: skip
    names = {name: lib.tensor(array) for name, array in arrays.items()}
    names["gx"], names["gi"] = lib.tensor(x).requires_grad_(), lib.tensor(images).requires_grad_()
    leaves = (names["gx"], names["gi"])

    def grad(result):
        result.sum().backward()
        found = next(leaf for leaf in leaves if leaf.grad is not None)
        gradient, found.grad = found.grad, None
        return gradient

    return names | {"T": lib, "F": lib.nn.functional, "grad": grad}


def block(lib, expression: str, names: dict) -> Block:
    """Calls of the expression, each result looked at."""
    code = compile(expression, expression, "eval")

    def call():
        result = eval(code, names)
        (result[0] if isinstance(result, tuple) else result).data_ptr()

    return timed(call)


def cases() -> list[tuple[str, str]]:
    """Pairs (family, expression)."""
    return [(family, " ".join(text.split())) for family, texts in CASES.items() for text in texts.split(";") if text.strip()]


def rows(repetitions: int) -> list[Row]:
    """The table, slowest against PyTorch first at each size, and the medians."""
    flambeau, torch = with_two_threads()
    found: list[Row] = []
    for size_name, size in SIZES.items():
        ours, theirs = inputs(flambeau, size), inputs(torch, size)
        bar = LARGE_BAR if size_name == "large" else None
        measured = [_measure(f"{expression[:38]} {size_name}", expression, ours, theirs, bar, repetitions, family)
                    for family, expression in cases()]
        found += sorted([row for row in measured if row], key=lambda row: -row.ratio)
        ratios = [row.ratio for row in measured if row]
        median = statistics.median(ratios)
        found.append(Row(f"median ratio, {size_name}", median, 1.0, 1.0 if bar else None, "", f"{len(ratios)} operators"))
    return found


def _measure(name, expression, ours, theirs, bar, repetitions, family) -> Row | None:
    """A row; None, and a line that says why, where one side does not run the expression at this size."""
    blocks = [block(names["T"], expression, names) for names in (ours, theirs)]
    try:
        return compare(name, *blocks, bar, repetitions, note=family)
    except Exception as error:  # the table must not end for one operator
        print(f"  {name}: {type(error).__name__}: {error}", flush=True)
        return None
