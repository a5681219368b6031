"""Random programs: small languages of tensor steps that run on PyTorch and on flambeau alike.

A program is a list of ``Step``: the name of an action and a few small integers. An action picks its operands and
arguments from the integers *and from what the tensors look like*, so any list of steps is a program and any part
of it, too: what a failure is reduced to still runs. ``run`` gives everything that the program could observe.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

MOST_ELEMENTS = 40_000  # actions that would make more are left out ...
MOST_DIMS = 4  # ... as are those that would make more dimensions
MOST_TENSORS = 10
SHAPES = [(), (1,), (3,), (4,), (2, 3), (3, 4), (4, 4), (3, 1), (1, 4), (2, 3, 4), (0,), (2, 0), (5,), (2, 1, 3)]
LARGE = [(70, 130), (33, 65, 7), (9001,)]
DTYPES = ["float32", "float64", "float32", "float64", "int64", "float32", "bool", "int32", "uint8"]


class Step(NamedTuple):
    """``action`` with small integers that it may use."""

    action: str
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0

    def __repr__(self) -> str:
        return f"Step({self.action!r}, {self.a}, {self.b}, {self.c}, {self.d})"


class Observation(NamedTuple):
    """What step number ``step`` let the program see: ``kind`` is shape-like, error or value."""

    step: int
    kind: str
    seen: Any


UNSAVED = "RuntimeError: a tensor that backward needs was overwritten or freed"
Action = Callable[["Machine", Step], Any]
ACTIONS: dict[str, Action] = {}


def action(function: Action) -> Action:
    """Decorator: an action is known by its function's name."""
    ACTIONS[function.__name__.strip("_")] = function
    return function


class Skip(Exception):
    """The step has no meaning for the present tensors."""


class Machine:
    """Runs steps with one library (``lib`` is ``torch`` or ``flambeau``)."""

    def __init__(self, lib: Any, nudge: float = 0.0) -> None:
        self.lib = lib
        self.nudge = nudge
        self.tensors: list[Any] = []
        self.arrays: list[np.ndarray] = []
        self.observations: list[Observation] = []

    # -- running -----------------------------------------------------------------------------------------------

    def run(self, program: list[Step]) -> list[Observation]:
        for number, step in enumerate(program):
            self.number = number
            try:
                made = ACTIONS[step.action](self, step)
            except Skip:
                continue
            except Exception as error:
                self.see("error", kind_of(error))
                continue
            self.keep(made)
        self.number = len(program)
        self.final_look()
        return self.observations

    def keep(self, made: Any) -> None:
        """Put new tensors into the pool; what does not fit any more is forgotten from the front."""
        for tensor in made if isinstance(made, (tuple, list)) else [made]:
            if tensor is None:
                continue
            self.see("form", form(tensor))
            if not any(tensor is t for t in self.tensors):
                self.tensors.append(tensor)
        del self.tensors[:-MOST_TENSORS]

    def see(self, kind: str, seen: Any) -> None:
        self.observations.append(Observation(self.number, kind, seen))

    def final_look(self) -> None:
        for tensor in self.tensors:
            self.see("form", form(tensor))
            self.see("value", value(tensor))
            if tensor.requires_grad and is_leaf(tensor):
                self.see("grad", None if tensor.grad is None else value(tensor.grad))
        for array in self.arrays:
            self.see("value", array.copy())

    # -- operands ----------------------------------------------------------------------------------------------

    def pick(self, n: int, allowed: Callable[[Any], bool] | None = None) -> Any:
        """The n-th tensor counted from the newest, of those allowed."""
        found = [t for t in reversed(self.tensors) if history(t) is not None and (allowed is None or allowed(t))]
        if not found:
            raise Skip
        return found[n % len(found)]

    def floating(self, n: int) -> Any:
        return self.pick(n, lambda t: t.dtype.is_floating_point)

    def partner(self, tensor: Any, n: int) -> Any:
        """A tensor that can be broadcast with ``tensor``; one time in sixteen any tensor."""
        if n % 16 == 15:
            return self.pick(n // 16)
        return self.pick(n, lambda t: fits(broadcast(t.shape, tensor.shape)))

    def smaller(self, tensor: Any, n: int) -> Any:
        """A tensor that can be broadcast to the shape of ``tensor``.

        It shares no memory with it, unless it is the same tensor: what PyTorch makes of that depends on its loops.
        """
        if n % 16 == 15:
            found = self.pick(n // 16)
        else:
            found = self.pick(n, lambda t: broadcast(t.shape, tensor.shape) == tuple(tensor.shape))
        return found.clone() if found is not tensor and share_memory(found, tensor) else found

    def dtype(self, n: int) -> Any:
        return getattr(self.lib, DTYPES[n % len(DTYPES)])

    def fresh(self, shape: tuple[int, ...], dtype: Any, seed: int) -> Any:
        """Small multiples of a quarter, so that most arithmetic on them is exact."""
        numbers = (np.arange(int(np.prod(shape)), dtype=np.int64) * 7 + seed) % 17 - 8
        numbers = numbers.reshape(shape)
        if dtype.is_floating_point:
            made = self.lib.tensor((numbers / 4).tolist(), dtype=dtype)
            return made * (1 + self.nudge) if self.nudge else made
        return self.lib.tensor(np.abs(numbers).tolist() if dtype is self.lib.uint8 else numbers.tolist(), dtype=dtype)


def kind_of(error: Exception) -> str:
    """The exception's type; what backward says of saved tensors is set apart, see ``difference``."""
    if "modified by an inplace operation" in str(error) or "through the graph a second time" in str(error):
        return UNSAVED
    return "RuntimeError" if isinstance(error, NotImplementedError) else type(error).__name__


def form(tensor: Any) -> tuple:
    """Everything about a tensor that can be seen without its values."""
    # Strides mean something where a dimension has neighbours.
    strides = [n for n, size in zip(tensor.stride(), tensor.shape) if size > 1] if tensor.numel() else None
    return (str(tensor.dtype).partition(".")[2], tuple(tensor.shape), strides,
            tensor.storage_offset() if tensor.numel() else None, tensor.requires_grad, history(tensor), tensor._version, tensor._is_view())


def history(tensor: Any) -> tuple[bool, bool] | None:
    """Whether the tensor has a ``grad_fn`` and is a leaf; None for views that may not be used any more.

    Those are views that one operator gave at once, or that were taken without grad mode, when memory was written.
    """
    try:
        return tensor.grad_fn is not None, tensor.is_leaf
    except RuntimeError:
        return None


def is_leaf(tensor: Any) -> bool:
    """A leaf, and no view that was taken of one without grad mode: where gradients end."""
    return history(tensor) == (False, True) and not tensor._is_view()


def can_be_asked(tensor: Any) -> bool:
    """Whether gradients can be taken with respect to the tensor."""
    return tensor.requires_grad and (is_leaf(tensor) or history(tensor) == (True, False))


def value(tensor: Any) -> np.ndarray:
    """The values, in a copy that shares no memory (bfloat16 as float32, which holds the same numbers)."""
    name = str(tensor.dtype).partition(".")[2]
    numbers = np.array(tensor.detach().tolist(), dtype="float32" if name == "bfloat16" else name)
    return numbers.reshape(tuple(tensor.shape))


def share_memory(a: Any, b: Any) -> bool:
    """Whether two tensors have one storage. (To ask flambeau for an address would run the window.)"""
    if hasattr(a, "_storage") and not callable(a._storage):
        return a._storage is b._storage
    return a.numel() > 0 and a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def repeats(tensor: Any) -> bool:
    """Whether elements share their place, as in expanded tensors."""
    return tensor.numel() > 0 and any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape))


def fits(shape: tuple[int, ...] | None) -> bool:
    return shape is not None and int(np.prod(shape)) <= MOST_ELEMENTS and len(shape) <= MOST_DIMS


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*[tuple(s) for s in shapes])
    except ValueError:
        return None


def dim_of(tensor: Any, n: int) -> int:
    """A dimension, counted from either end; now and then one that does not exist."""
    ndim = tensor.dim()
    if n % 32 == 31:
        return ndim
    return n % (2 * ndim) - ndim if ndim else (-1, 0)[n % 2]


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
    found = x[an_index(m, x, s.b, s.c)]
    return found if found._is_view() else found.contiguous()  # in what order gathered elements lie is left open


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


# -- looking ---------------------------------------------------------------------------------------------------------


@action
def look(m: Machine, s: Step) -> None:
    m.see("value", value(m.pick(s.a)))


@action
def look_item(m: Machine, s: Step) -> None:
    x = m.pick(s.a)
    m.see("value", np.array(x.sum().item() if s.b % 4 else x.item()))


@action
def look_bool(m: Machine, s: Step) -> None:
    m.see("value", np.array(bool((m.pick(s.a) > 1).any())))


@action
def show(m: Machine, s: Step) -> None:
    """A NumPy array that shares memory and is looked at when the program ends."""
    x = m.pick(s.a)
    m.arrays.append(x.numpy() if s.b % 8 == 7 else x.detach().numpy())


@action
def share(m: Machine, s: Step) -> Any:
    """A tensor over NumPy's memory, to which the program then writes."""
    array = np.arange(6.0, dtype=np.float32).reshape(2, 3) * (1 + m.nudge)
    made = m.lib.from_numpy(array)
    doubled = made * 2
    array += 1
    m.arrays.append(array)
    return [made, doubled]


@action
def forget(m: Machine, s: Step) -> None:
    if m.tensors:
        del m.tensors[s.a % len(m.tensors)]


# -- gradients -------------------------------------------------------------------------------------------------------


@action
def require(m: Machine, s: Step) -> Any:
    # Whether views of a leaf follow its ``requires_grad_`` is left open.
    viewed = {id(t._base) for t in m.tensors}
    return m.pick(s.a, lambda t: id(t) not in viewed and t._base is None).requires_grad_(bool(s.b % 4))


@action
def detach(m: Machine, s: Step) -> Any:
    viewed = {id(t._base) for t in m.tensors}
    x = m.pick(s.a)
    return x.detach_() if s.b % 4 == 3 and id(x) not in viewed else x.detach()


@action
def backward(m: Machine, s: Step) -> None:
    x = m.pick(s.a, can_be_asked)
    loss = (x * x).sum() if s.b % 2 else x.sum()
    loss.backward(retain_graph=bool(s.c % 4))


@action
def backward_with(m: Machine, s: Step) -> None:
    x = m.pick(s.a, can_be_asked)
    x.backward(m.lib.ones_like(x).detach(), retain_graph=True)


@action
def grad(m: Machine, s: Step) -> Any:
    x = m.pick(s.a, can_be_asked)
    # A view of written memory is another place in PyTorch's graph than before, and the same one in flambeau's.
    y = m.pick(s.b, lambda t: can_be_asked(t) and t.numel() > 0 and not t._is_view())
    found = m.lib.autograd.grad((x * x).sum(), [y], retain_graph=True, allow_unused=bool(s.c % 8))
    m.see("grad", None if found[0] is None else value(found[0]))


@action
def grad_of_grad(m: Machine, s: Step) -> Any:
    x = m.floating(s.a)
    if not can_be_asked(x):
        raise Skip
    # A view of written memory is another place in PyTorch's graph than before, and the same one in flambeau's.
    y = m.pick(s.b, lambda t: can_be_asked(t) and t.numel() > 0 and not t._is_view())
    first = m.lib.autograd.grad((x * x * x).sum(), [y], create_graph=True, allow_unused=True)[0]
    return None if first is None else first * 1


@action
def look_at_grad(m: Machine, s: Step) -> None:
    x = m.pick(s.a, lambda t: t.requires_grad and is_leaf(t))
    m.see("grad", None if x.grad is None else value(x.grad))


@action
def clear_grad(m: Machine, s: Step) -> None:
    x = m.pick(s.a, lambda t: t.requires_grad and is_leaf(t))
    if s.b % 2 and x.grad is not None:
        x.grad.zero_()
    else:
        x.grad = None


@action
def retain(m: Machine, s: Step) -> None:
    x = m.pick(s.a, can_be_asked)
    x.retain_grad()
    (x * 3).sum().backward(retain_graph=True)
    m.see("grad", value(x.grad))


@action
def update(m: Machine, s: Step) -> Any:
    """A step of gradient descent on a leaf."""
    x = m.pick(s.a, lambda t: t.requires_grad and is_leaf(t))
    with m.lib.no_grad():
        x -= 0.5 * (x if x.grad is None else x.grad)
    return x


@action
def without_grad(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    with m.lib.no_grad():
        return [x * 2, x.unsqueeze(0)] if x.dim() < MOST_DIMS else x * 2


@action
def write_without_grad(m: Machine, s: Step) -> Any:
    x = m.pick(s.a)
    with m.lib.no_grad():
        x.mul_(0.5)
    return x


# -- comparing -------------------------------------------------------------------------------------------------------


def run(lib: Any, program: list[Step], nudge: float = 0.0) -> list[Observation]:
    """Everything that ``program`` observes with ``lib``; ``nudge`` is a relative change of the numbers it starts from."""
    with np.errstate(all="ignore"), contextlib.ExitStack():
        return Machine(lib, nudge).run(program)


def difference(expected: list[Observation], got: list[Observation]) -> str | None:
    """The first observation that differs, in words; None where all agree.

    What a gradient needs of its inputs and results is an operator's own affair. Where PyTorch had saved a tensor
    that was overwritten or freed and flambeau had not, flambeau's gradient is right and the comparison ends.
    """
    scale = 1.0
    for number, (e, g) in enumerate(zip(expected, got)):
        if e.kind == "error" and (e.seen == UNSAVED or (e.seen, g.seen) == ("RuntimeError", UNSAVED)):
            return None
        if (e.step, e.kind) != (g.step, g.kind):
            return f"observation {number}: PyTorch {e}, flambeau {g}"
        if not isinstance(e.seen, np.ndarray):
            if not _same(e.seen, g.seen):
                return f"observation {number}: PyTorch {e}, flambeau {g}"
            continue
        scale = max(scale, _largest(e.seen))
        if not isinstance(g.seen, np.ndarray) or not close(e.seen, g.seen, scale):
            return f"observation {number}:\nPyTorch  {e}\nflambeau {g}"
    if len(expected) != len(got):
        return f"{len(expected)} observations with PyTorch, {len(got)} with flambeau"
    return None


def _same(expected: Any, got: Any) -> bool:
    return type(expected) is type(got) and expected == got


def _largest(values: np.ndarray) -> float:
    if values.dtype.kind not in "fiu" or not values.size:
        return 0.0
    finite = np.abs(values[np.isfinite(values)].astype(np.float64))
    return float(finite.max(initial=0.0))


def close(expected: np.ndarray, got: np.ndarray, scale: float) -> bool:
    """Equal up to rounding, where ``scale`` is the largest number seen so far (differences of large ones are small)."""
    if expected.shape != got.shape or expected.dtype != got.dtype:
        return False
    if expected.dtype.kind != "f":
        return bool((expected == got).all())
    unit = 3e-6 if expected.dtype == np.float32 or scale < 0 else 1e-6
    return np.allclose(expected, got, rtol=10 * unit, atol=unit * min(scale, 1e30), equal_nan=True)


def ill_conditioned(torch: Any, program: list[Step], expected: list[Observation]) -> bool:
    """Whether rounding alone explains a difference: a change of the inputs in the seventh digit changes what is seen."""
    nudged = run(torch, program, nudge=2e-7)
    return difference(expected, nudged) is not None
