"""The actions of random programs that make, compute, view and write tensors."""

from __future__ import annotations

from typing import Any

from tests.random_machine import (
    LARGE,
    MOST_DIMS,
    MOST_ELEMENTS,
    SHAPES,
    Machine,
    Skip,
    Step,
    action,
    broadcast,
    dim_of,
    fits,
    repeats,
)

# -- creation --------------------------------------------------------------------------------------------------------


@action
def new(m: Machine, s: Step) -> Any:
    return m.fresh(SHAPES[s.a % len(SHAPES)], m.dtype(s.b), s.c)


@action
def new_large(m: Machine, s: Step) -> Any:
    return m.fresh(LARGE[s.a % len(LARGE)], m.dtype(s.b % 2), s.c)


@action
def new_leaf(m: Machine, s: Step) -> Any:
    return m.fresh(SHAPES[s.a % len(SHAPES)], m.dtype(s.b % 2), s.c).requires_grad_()


@action
def constant(m: Machine, s: Step) -> Any:
    shape = SHAPES[s.a % len(SHAPES)]
    kind = s.c % 5
    if kind == 0:
        return m.lib.zeros(shape, dtype=m.dtype(s.b))
    if kind == 1:
        return m.lib.ones(shape)
    if kind == 2:
        return m.lib.full(shape, s.d / 2, dtype=m.dtype(s.b % 2))
    if kind == 3:
        return m.lib.arange(s.d % 7)
    return m.lib.eye(s.d % 5)


@action
def like(m: Machine, s: Step) -> Any:
    t = m.pick(s.a)
    return (m.lib.zeros_like, m.lib.ones_like, m.lib.clone, m.lib.detach)[s.b % 4](t)


# -- elementwise -----------------------------------------------------------------------------------------------------


@action
def binary(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    y = m.partner(x, s.b)
    name = ("add", "sub", "mul", "maximum", "minimum")[s.c % 5]
    return getattr(m.lib, name)(x, y)


@action
def binary_scaled(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    y = m.partner(x, s.b)
    return (m.lib.add, m.lib.sub)[s.c % 2](x, y, alpha=s.d % 5 - 2)


@action
def with_number(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    number = (s.d % 9 - 4) / 2 if s.b % 2 else s.d % 9 - 4
    return [lambda: x + number, lambda: number - x, lambda: x * number, lambda: x / (abs(number) + 1),
            lambda: x - number, lambda: x == number, lambda: x < number, lambda: x >= number][s.c % 8]()


@action
def divide(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    y = m.partner(x, s.b)
    return x / (y.abs() + 1 if y.dtype.is_floating_point else 2)


@action
def compare(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    y = m.partner(x, s.b)
    return (m.lib.eq, m.lib.ne, m.lib.lt, m.lib.le, m.lib.gt, m.lib.ge)[s.c % 6](x, y)


@action
def unary(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    name = ("neg", "abs", "tanh", "sigmoid", "relu", "square", "sin", "sqrt_of", "exp_of", "logical_not")[s.b % 10]
    if name == "sqrt_of":
        return m.lib.sqrt(m.lib.abs(x) + 1)
    if name == "exp_of":
        return m.lib.exp(m.lib.clamp(x, -3, 3))
    return getattr(m.lib, name)(x)


@action
def clamp(m: Machine, s: Step) -> Any:
    return m.lib.clamp(m.pick(s.a), min=s.b % 4 - 2, max=s.b % 4)


@action
def where(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    y = m.partner(x, s.b)
    mask = m.partner(x, s.c)
    if not fits(broadcast(x.shape, y.shape, mask.shape) or ()):
        raise Skip
    return m.lib.where(mask > 0, x, y)


@action
def convert(m: Machine, s: Step) -> Any:
    return m.pick(s.a).to(m.dtype(s.b))


@action
def addcmul(m: Machine, s: Step) -> Any:
    x = m.floating(s.a)
    y, z = m.smaller(x, s.b), m.smaller(x, s.c)
    return m.lib.addcmul(x, y, z, value=s.d % 3)


# -- reductions ------------------------------------------------------------------------------------------------------


@action
def total(m: Machine, s: Step) -> Any:
    return (m.lib.sum, m.lib.mean, m.lib.amax, m.lib.any, m.lib.all)[s.b % 5](m.pick(s.a))


@action
def reduce(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    dim, keepdim = dim_of(x, s.b), bool(s.d % 2)
    name = ("sum", "mean", "amax", "amin", "any", "all", "argmax", "prod", "var")[s.c % 9]
    return getattr(m.lib, name)(x, dim=dim, keepdim=keepdim)


@action
def reduce_dims(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    if x.dim() < 2:
        raise Skip
    first = s.b % x.dim()
    second = (first + 1 + s.c % (x.dim() - 1)) % x.dim()
    return (m.lib.sum, m.lib.mean, m.lib.amax)[s.d % 3](x, dim=(first, second), keepdim=bool(s.d % 2))


@action
def reduce_pair(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.numel() > 0)
    values, positions = (m.lib.max, m.lib.min)[s.c % 2](x, dim=dim_of(x, s.b))
    return [values, positions]


@action
def along(m: Machine, s: Step) -> Any:
    x = m.floating(s.a)
    name = ("softmax", "log_softmax", "cumsum", "logsumexp")[s.c % 4]
    return getattr(m.lib, name)(x, dim=dim_of(x, s.b))


# -- views -----------------------------------------------------------------------------------------------------------


@action
def select(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    dim = dim_of(x, s.b)
    size = x.size(dim) if x.dim() and -x.dim() <= dim < x.dim() else 1
    return x.select(dim, s.c % (2 * size + 1) - size)


@action
def slice_(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.dim() > 0)
    dim = s.b % x.dim()
    size = x.size(dim)
    start = s.c % (size + 2) - 1
    return x[(slice(None),) * dim + (slice(start, start + s.d % (size + 2), s.d % 3 + 1),)]


@action
def narrow(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.dim() > 0)
    dim = s.b % x.dim()
    start = s.c % (x.size(dim) + 1)
    return x.narrow(dim, start, s.d % (x.size(dim) - start + 1))


@action
def transpose(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    return x.transpose(dim_of(x, s.b), dim_of(x, s.c))


@action
def permute(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    dims = list(range(x.dim()))
    for d in range(x.dim()):
        dims.append(dims.pop((s.b + d * s.c) % x.dim()))
    return x.permute(dims)


@action
def expand(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    shape = [3 if size == 1 and (s.b >> d) % 2 else size for d, size in enumerate(x.shape)]
    shape = [2] * (s.c % 2) + shape
    if not fits(tuple(shape)):
        raise Skip
    return x.expand(shape)


@action
def unsqueeze(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.dim() < MOST_DIMS)
    return x.unsqueeze(s.b % (2 * x.dim() + 3) - x.dim() - 1)


@action
def squeeze(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    return x.squeeze() if s.b % 3 == 0 else x.squeeze(dim_of(x, s.c))


@action
def reshape(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    n = x.numel()
    divisors = [k for k in (1, 2, 3, 4, 6, 8) if n % k == 0]
    first = divisors[s.b % len(divisors)]
    shape = [(n,), (first, n // first), (n // first, first), (-1, first), (1, -1), tuple(x.shape)][s.c % 6]
    return x.view(shape) if s.d % 2 else x.reshape(shape)


@action
def flatten(m: Machine, s: Step) -> Any:
    return (m.lib.flatten, m.lib.ravel, m.lib.Tensor.contiguous)[s.b % 3](m.pick(s.a))


@action
def diagonal(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.dim() >= 2)
    return x.diagonal(s.b % 5 - 2, s.c % x.dim(), (s.c + 1) % x.dim())


@action
def pieces(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.dim() > 0)
    dim = s.b % x.dim()
    if s.c % 3 == 0:
        return list(x.split(s.d % 3 + 1, dim))[:3]
    if s.c % 3 == 1:
        return list(x.chunk(s.d % 3 + 1, dim))
    return list(x.unbind(dim))[:3]


@action
def strided(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.numel() >= 4)
    return x.as_strided((2, 2), ((2, 1), (1, 2))[s.b % 2], x.storage_offset() if s.c % 2 else None)


# -- writing ---------------------------------------------------------------------------------------------------------


@action
def write(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    y = m.smaller(x, s.b)
    name = ("add_", "mul_", "sub_", "copy_", "copy_", "add_")[s.c % 6]
    return getattr(x, name)(y.clone() if name == "copy_" and y is x else y)


@action
def write_number(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    number = (s.d % 9 - 4) / 2 if s.b % 2 else s.d % 9 - 4
    name = ("add_", "mul_", "fill_", "sub_", "zero_", "clamp_min_")[s.c % 6]
    return getattr(x, name)(*([] if name == "zero_" else [number]))


@action
def write_through_view(m: Machine, s: Step) -> Any:
    """``x[...].op_(...)`` in one go: the view dies at once."""
    x = m.pick(s.a, lambda t: t.dim() > 0 and t.numel() > 0 and not repeats(t))
    row = x.select(s.b % x.dim(), s.c % x.size(s.b % x.dim()))
    if s.d % 3 == 0:
        row.mul_(2)
    elif s.d % 3 == 1:
        row.add_(row)
    else:
        row.copy_(x.select(s.b % x.dim(), 0))
    return x


@action
def write_unary(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    return getattr(x, ("neg_", "tanh_", "relu_", "sigmoid_", "abs_")[s.b % 5])()


@action
def set_item(m: Machine, s: Step) -> None:
    x = m.pick(s.a, lambda t: not repeats(t))
    index = an_index(m, x, s.b, s.c)
    if s.d % 3 == 0:
        x[index] = s.d / 4
    else:
        value = m.smaller(x[index].detach(), s.d // 3).clone()
        x[index] = value if x.dtype.is_floating_point else value.detach()


@action
def augmented(m: Machine, s: Step) -> Any:
    """``x += y`` as Python runs it, on a part of x now and then."""
    x = m.pick(s.a)
    if s.c % 2 and x.dim():
        x[1:] *= 2
    else:
        x += m.smaller(x, s.b)
    return x


@action
def masked_fill(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    mask = m.smaller(x, s.b) > 0
    if s.d % 2 or repeats(x):  # PyTorch warns of the in-place form on expanded tensors, others refuse them
        return x.masked_fill(mask, s.c % 3)
    return x.masked_fill_(mask, s.c % 3)


@action
def reorder_in_place(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: not t.retains_grad)
    if s.b % 3 == 0:
        return x.t_()
    if s.b % 3 == 1:
        return x.squeeze_() if x.dim() == MOST_DIMS else x.unsqueeze_(0)
    return x.transpose_(0, -1)


# -- indexing, joining, products -------------------------------------------------------------------------------------


def an_index(m: Machine, x: Any, n: int, seed: int) -> Any:
    """Something that ``x`` can be indexed with; now and then a number that it cannot.

    Positions in tensors are always right ones: flambeau finds wrong ones when it runs, not when it records.
    """
    if not x.numel() or not x.dim():
        n = n % 4
    size = x.shape[0] if x.dim() else 1
    last = x.shape[-1] if x.dim() else 1
    second = x.shape[1] if x.dim() > 1 else 1
    kinds = [
        lambda: seed % (size + 1),
        lambda: slice(seed % (size + 1), None, seed % 2 + 1),
        lambda: (Ellipsis, seed % (last + 1)),
        lambda: (None, Ellipsis),
        lambda: m.lib.tensor([seed % max(size, 1), -1]),
        lambda: x > 0,
        lambda: (slice(None), m.lib.tensor([[0, seed % max(second, 1)]])),
        lambda: [0, seed % max(size, 1)],
        lambda: (m.lib.tensor([0, -1]), Ellipsis, slice(0, 2)),
        lambda: Ellipsis,
    ]
    return kinds[n % len(kinds)]()


@action
def get_item(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.dim() < MOST_DIMS)
    return x[an_index(m, x, s.b, s.c)]


@action
def index_select(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.dim() > 0 and t.numel() > 0)
    dim = s.b % x.dim()
    index = m.lib.tensor([s.c, s.d, 0]) % max(x.size(dim), 1)
    return x.index_select(dim, index)


@action
def gather(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.dim() > 0)
    dim = s.b % x.dim()
    index = m.lib.zeros_like(x, dtype=m.lib.int64).detach() + s.c % max(x.size(dim), 1)
    return x.gather(dim, index)


@action
def index_add(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.dim() > 0 and t.shape[0] > 0)
    index = m.lib.tensor([s.b % x.shape[0], 0])
    source = m.lib.ones((2, *x.shape[1:]), dtype=x.dtype)
    return x.index_add_(0, index, source) if s.c % 2 else x.index_add(0, index, source)


@action
def scatter(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, lambda t: t.dim() > 0 and t.numel() > 0)
    index = m.lib.zeros((1,) * x.dim(), dtype=m.lib.int64) + s.c % max(x.size(0), 1)
    if s.d % 2:
        return x.scatter_(0, index, 2)
    return x.scatter_add(0, index, m.lib.ones((1,) * x.dim(), dtype=x.dtype))


@action
def join(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    y = m.pick(s.b, lambda t: t.shape == x.shape)
    if x.numel() > MOST_ELEMENTS // 3:
        raise Skip
    if s.d % 2 and x.dim() < MOST_DIMS:
        return m.lib.stack([x, y, x][: s.c % 3 + 1], dim_of(x, s.d // 2))
    return m.lib.cat([x, y], dim_of(x, s.c))


@action
def matmul(m: Machine, s: Step) -> Any:
    x = m.floating(s.a)
    if s.c % 8 == 7:
        y = m.pick(s.b)
    else:
        y = m.pick(s.b, lambda t: t.dtype == x.dtype and t.dim() and x.dim() and x.shape[-1] == t.shape[-1])
        y = y.transpose(-1, -2) if y.dim() > 1 else y
    if x.numel() * y.numel() > 4_000_000 or x.dim() + y.dim() > 6:
        raise Skip
    return m.lib.matmul(x, y) / 4


@action
def linear(m: Machine, s: Step) -> Any:
    x = m.floating(s.a)
    w = m.pick(s.b, lambda t: t.dtype == x.dtype and t.dim() == 2 and x.dim() and x.shape[-1] == t.shape[-1])
    if x.numel() * w.numel() > 4_000_000:
        raise Skip
    bias = m.fresh((w.shape[0],), x.dtype, s.c) if s.d % 2 else None
    return m.lib.nn.functional.linear(x, w, bias) * 1
