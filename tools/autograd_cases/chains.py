"""Random programs: views, writes in place, indexing, grad modes and backward passes, in chains."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch.autograd import grad

from autograd_cases.helpers import attempt, randn

VIEWS = [
    lambda r, t: t.select(r.randrange(t.dim()), -1),
    lambda r, t: t.transpose(0, -1),
    lambda r, t: t.narrow(r.randrange(t.dim()), 0, 1 + t.shape[0] // 3),
    lambda r, t: t[..., ::2],
    lambda r, t: t[1:],
    lambda r, t: t.view(-1),
    lambda r, t: t.reshape(-1, 2),
    lambda r, t: t.unsqueeze(r.randrange(t.dim() + 1)),
    lambda r, t: t.diagonal() if t.dim() > 1 else t,
    lambda r, t: t.unfold(-1, 2, 2),
    lambda r, t: t.chunk(2, -1)[r.randrange(2)],
    lambda r, t: t.unbind(0)[0],
    lambda r, t: t.flatten(),
    lambda r, t: t.expand(2, *t.shape),
    lambda r, t: t.permute(tuple(reversed(range(t.dim())))),
    lambda r, t: t.squeeze(),
    lambda r, t: t.as_strided((2, 2), (2, 1), 1),
    lambda r, t: t.detach(),
    lambda r, t: t.view_as(t),
    lambda r, t: t.movedim(0, -1),
    lambda r, t: t.tensor_split(2)[0],
]
MADE = [
    lambda r, t: t * 2,
    lambda r, t: t.sin(),
    lambda r, t: t * t,
    lambda r, t: t.clone(),
    lambda r, t: t.sigmoid(),
    lambda r, t: t.t() @ t if t.dim() == 2 else t + 1,
    lambda r, t: t.softmax(0),
    lambda r, t: t[torch.tensor([0, 0])],
    lambda r, t: torch.cat([t, t * 3]),
    lambda r, t: t.cumsum(0),
    lambda r, t: t.sum(0, keepdim=True) + t,
    lambda r, t: torch.where(t > 0, t, t.exp()),
    lambda r, t: t.flip(0),
    lambda r, t: t.t().contiguous() if t.dim() == 2 else t.clone(),
    lambda r, t: t.roll(1, 0),
    lambda r, t: t.tanh(),
    lambda r, t: torch.stack([t, t.detach()]),
    lambda r, t: t.max(0)[0],
]
WRITES = [
    lambda r, t, o: t.mul_(1.5),
    lambda r, t, o: t.add_(o),
    lambda r, t, o: t.mul_(o),
    lambda r, t, o: t.copy_(o),
    lambda r, t, o: t.exp_(),
    lambda r, t, o: t.sigmoid_(),
    lambda r, t, o: t.zero_(),
    lambda r, t, o: t.fill_(0.5),
    lambda r, t, o: t.sub_(o, alpha=2),
    lambda r, t, o: t.tanh_(),
    lambda r, t, o: t.clamp_(-1, 1),
    lambda r, t, o: t.__setitem__(0, o if o.dim() < t.dim() else 0.25),
    lambda r, t, o: t.__setitem__(t > 0, 0.5),
    lambda r, t, o: t.__setitem__(torch.tensor([0, 0]), 0.75),
    lambda r, t, o: t.__setitem__((..., 0), t[..., -1]),
    lambda r, t, o: t.index_fill_(0, torch.tensor([0]), 2.0),
    lambda r, t, o: t.masked_fill_(t < 0, 0.1),
    lambda r, t, o: t.index_add_(0, torch.tensor([0]), t[-1:].clone()),
    lambda r, t, o: t.addcmul_(o, o),
    lambda r, t, o: t.relu_(),
    lambda r, t, o: t.sin_(),
    lambda r, t, o: t.div_(2),
    lambda r, t, o: t.lerp_(o, 0.3),
    lambda r, t, o: t.copy_(t.flip(0)),
    lambda r, t, o: t.cumsum_(0),
    lambda r, t, o: t.t_() if t.dim() == 2 else t.squeeze_(),
    lambda r, t, o: t.detach_(),
    lambda r, t, o: t.requires_grad_(),
    lambda r, t, o: t.swapaxes_(0, -1),
    lambda r, t, o: t.mul_(t.detach() * 0.5),
    lambda r, t, o: t.pow_(2),
    lambda r, t, o: t.abs_().sqrt_(),
]


def run_chain(seed: int) -> Any:
    """What a random program with this number lets one see."""
    r = random.Random(seed)
    leaves = [randn(3, 4, seed=seed), randn(2, 3, 2, seed=seed + 1), randn(4, seed=seed + 2)]
    pool = [t * 1 if r.random() < 0.7 else t for t in leaves] + [torch.ones(3, 4, dtype=torch.float64)]
    log = []
    for _ in range(r.randrange(6, 22)):
        log.append(_step(r, pool, leaves))
    facts = [[t.requires_grad, t.is_leaf, t._is_view(), t.detach().clone()] for t in pool]
    return [log, facts, attempt(lambda: _derivatives(pool, leaves)), [t.grad for t in leaves]]


def _step(r: random.Random, pool: list, leaves: list) -> Any:
    kind = r.choices(["view", "made", "write", "no_grad", "backward", "gradients"], [5, 4, 6, 1, 1, 1])[0]
    which, other, number = r.randrange(len(pool)), r.randrange(len(pool)), r.random()
    choice = random.Random(number)

    def act() -> Any:
        t, o = pool[which], pool[other]
        if kind == "view":
            made = choice.choice(VIEWS)(choice, t)
        elif kind == "made":
            made = choice.choice(MADE)(choice, t)
        elif kind == "write":
            choice.choice(WRITES)(choice, t, o)
            return [list(t.shape), t.requires_grad, t.is_leaf]
        elif kind == "no_grad":
            with torch.no_grad():
                if choice.random() < 0.5:
                    made = choice.choice(VIEWS)(choice, t)
                else:
                    choice.choice(WRITES)(choice, t, o)
                    return "written"
        elif kind == "backward":
            t.sin().sum().backward(retain_graph=True)
            return "passed"
        else:
            return grad(t.pow(2).sum(), leaves, retain_graph=True, allow_unused=True)
        if made.numel() <= 200:
            pool.append(made)
        return [list(made.shape), made.requires_grad]

    return attempt(act)


def _derivatives(pool: list, leaves: list) -> Any:
    total = sum((t.sin() * (n + 1)).sum() for n, t in enumerate(pool))
    first = grad(total, leaves, create_graph=True, allow_unused=True)
    again = sum(g.pow(2).sum() for g in first if g is not None)
    second = attempt(lambda: grad(again, leaves, allow_unused=True))
    return [first, second]
