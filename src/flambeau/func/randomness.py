"""Random functions under ``vmap``: one sample's numbers for all, or numbers for each, as it was asked for."""

from __future__ import annotations

from contextlib import contextmanager

from .. import ops
from ..ops import creation, overrides
from ..ops.batching import batched, beneath, expanded, sample_by_sample
from ..ops.overrides import modes, plain
from ..ops.schema import spread as sizes
from ..ops.transformed import Transformed, active, body_of, map_tensors, operator_of, tensors_in
from ..tensor import Tensor

_TORCH, _FUNCTIONAL = ops.NAMESPACES["torch"], ops.NAMESPACES["nn.functional"]
_SIZED = frozenset(_TORCH[n] for n in ("rand", "randn"))
_FACTORIES = frozenset(_TORCH[n] for n in ("rand", "randn", "randint", "randperm"))
_LIKE = frozenset(_TORCH[n] for n in ("rand_like", "randn_like", "randint_like"))
_IN_PLACE = frozenset(
    getattr(Tensor, n)
    for n in ("uniform_", "normal_", "random_", "bernoulli_", "exponential_", "geometric_", "cauchy_", "log_normal_")
)
_DROPOUT = frozenset(
    [
        _FUNCTIONAL[n]
        for n in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
        if n in _FUNCTIONAL
    ]
    + [_TORCH[n] for n in ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout") if n in _TORCH]
)
_OTHERS = frozenset(
    [_TORCH[n] for n in ("bernoulli", "multinomial", "normal", "poisson", "binomial") if n in _TORCH]
    + [_FUNCTIONAL[n] for n in ("gumbel_softmax", "rrelu") if n in _FUNCTIONAL]
)
RANDOM = _FACTORIES | _LIKE | _IN_PLACE | _DROPOUT | _OTHERS

REFUSED = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness flags on vmap "
    "or perform the randomness operation out of vmap"
)


class Drawing:
    """Sees the functions that are called under ``vmap``, and takes over the random ones."""

    _asks = False

    def __torch_function__(self, func, types, args=(), kwargs=None):
        func, kwargs = plain(func), kwargs or {}
        if func in RANDOM and not _idle(func, args, kwargs):
            return draw(func, args, kwargs)
        if operator_of(func) is not None:
            return func(*args, **kwargs)
        modes.stack = (*modes.stack, self)
        try:
            if any(isinstance(t, Transformed) for t in tensors_in((args, kwargs))):
                return Transformed.__torch_function__(func, types, args, kwargs)
            return body_of(func)(*args, **kwargs)
        finally:
            modes.stack = modes.stack[:-1]


@contextmanager
def drawing():
    """Within the block random functions go by the mode of the vmap."""
    previous = modes.stack
    modes.stack = (*(m for m in previous if not isinstance(m, Drawing)), Drawing())
    try:
        yield
    finally:
        modes.stack = previous


def _idle(func, args, kwargs) -> bool:
    """Whether a dropout draws nothing, as outside of training."""
    if func not in _DROPOUT:
        return False
    named = dict(zip(("input", "p", "training"), args)) | {
        ("training" if k == "train" else k): v for k, v in kwargs.items()
    }
    return not named.get("training", True) or named.get("p", 0.5) == 0


def draw(func, args, kwargs):
    """A random function's result under the innermost vmap; further ones are seen beneath."""
    levels = [level for level in active.levels if level.kind == "vmap"]
    if not levels:
        return func(*args, **kwargs)
    level = levels[-1]
    if level.randomness == "error":
        raise RuntimeError(REFUSED)
    previous = active.levels
    active.levels = tuple([other for other in previous if other is not level])
    try:
        rule = _different if level.randomness == "different" else _same
        return rule(func, level, args, kwargs)
    finally:
        active.levels = previous


def _different(func, level, args, kwargs):
    """Numbers for each sample, drawn in one go where that gives the same distribution."""
    number, size = level.number, level.size
    if func in _SIZED:
        return batched(draw(func, ((size, *sizes(args)),), kwargs), number)
    if func in _IN_PLACE:
        return _fill(func, level, args, kwargs)
    tensors = list(tensors_in((args, kwargs)))
    if func in _LIKE or func in _DROPOUT and "feature" not in func.__name__ and not func.__name__[-1].isdigit():
        whole = expanded(args[0], number, size)
        return batched(draw(func, (whole, *args[1:]), kwargs), number)
    if any(beneath(t, number) is not None for t in tensors):
        return sample_by_sample(_drawn(func), number, args, kwargs)
    from ..ops.joining import stack

    return batched(stack([draw(func, args, kwargs) for _ in range(size)]), number)


def _drawn(func):
    def drawn(*args, **kwargs):
        return draw(func, args, kwargs)

    drawn.__name__ = func.__name__
    return drawn


def _fill(func, level, args, kwargs):
    target = beneath(args[0], level.number)
    if target is None:
        raise RuntimeError(
            "vmap: we do not support calling out variants of random operations, or writing to a tensor that is not "
            "batched, with randomness "
            f"'different': {func.__name__}"
        )
    if any(beneath(t, level.number) is not None for t in tensors_in((args[1:], kwargs))):
        return sample_by_sample(_drawn(func), level.number, args, kwargs)
    draw(func, (target, *args[1:]), kwargs)
    return args[0]


def _same(func, level, args, kwargs):
    """One sample's numbers for all."""
    number = level.number
    given = [t for t in tensors_in((args, kwargs)) if beneath(t, number) is not None]
    if not given:
        return draw(func, args, kwargs)
    if func in _LIKE:
        return draw(func, (creation.empty_like(beneath(args[0], number).select(0, 0)), *args[1:]), kwargs)
    if func in _IN_PLACE and len(given) == 1 and given[0] is args[0]:
        target = beneath(args[0], number)
        first = target.select(0, 0)
        draw(func, (first, *args[1:]), kwargs)
        target.copy_(first.clone())
        return args[0]
    if func in _DROPOUT and "alpha" not in func.__name__:
        mask = draw(func, (creation.ones_like(beneath(args[0], number).select(0, 0)), *args[1:]), kwargs)
        return args[0] * mask
    raise RuntimeError(f"Vmap does not currently support same randomness with a batched tensor input: {func.__name__}")


__all__ = ["RANDOM", "drawing", "map_tensors", "overrides"]
