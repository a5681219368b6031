"""Random numbers: the same seed gives PyTorch's values.

Numbers are drawn when the call is made, in the order in which PyTorch fills memory, and written as any other data.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.graph import Node, edge_of
from ..autograd.mode import state
from ..compiler.reference import narrow, widen
from ..compiler.reference import view as array_view
from ..lazy import window as _window
from ..lazy.spec import dense
from ..lazy.storage import note_write
from ..runtime import devices
from ..runtime import random as sampling
from ..tensor import Tensor, empty_storage, from_array
from . import overrides
from .copying import raw_copy
from .creation import check_size, empty_like, empty_strided, finish
from .inplace import check_writable, rebase
from .registry import export, function
from .schema import spread


class DrawnBackward(Node):
    """Gives zeros to the parameters of random numbers: no change of them is felt."""

    __slots__ = ("label", "shapes")

    def __init__(self, label: str, parameters: tuple[Tensor, ...]):
        super().__init__(tuple(edge_of(p) for p in parameters))
        self.label = label
        self.shapes = [tuple(p.shape) for p in parameters]

    def name(self) -> str:
        return self.label

    def apply(self, gradients, create_graph: bool):
        return [gradients[0].new_zeros(shape) for shape in self.shapes]


def drawn(made: Tensor, label: str, *parameters: Tensor) -> Tensor:
    """``made``, the random numbers with these parameters, in the graph where a parameter is."""
    if state.enabled and any(p.requires_grad for p in parameters):
        rebase(made, (DrawnBackward(label, parameters), 0))
    return made


class Generator(sampling.Generator):
    """A source of pseudo-random numbers on the CPU, with its state as a tensor.

    ``manual_seed(seed)`` restarts it; ``get_state`` and ``set_state`` exchange PyTorch's 5056 bytes.
    """

    def __init__(self, device="cpu"):
        super().__init__(str(device))
        self.device = devices.cpu

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor."""
        return from_array(self.get_state_array(), dtypes.uint8)

    def set_state(self, new_state: Tensor) -> Generator:
        """Continue from ``new_state``, and give the generator itself.

        Raises TypeError unless it is a uint8 tensor, RuntimeError for a wrong size.
        """
        if not isinstance(new_state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        if new_state.dtype is not dtypes.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        self.set_state_array(np.array(new_state._array()))
        return self

    def clone_state(self) -> Generator:
        """A new generator that continues exactly as this one would."""
        made = Generator()
        made.set_state_array(self.get_state_array())
        return made

    def graphsafe_get_state(self) -> Generator:
        """The generator itself, as its state."""
        return self

    def __repr__(self) -> str:
        return f"<torch._C.Generator object at {id(self):#x}>"

    def __reduce__(self):
        return _restore, (self.get_state_array(),)


def _restore(state: np.ndarray) -> Generator:
    made = Generator()
    made.set_state_array(state)
    return made


# The samplers' own default generator, with the methods above.
default_generator = sampling.default_generator
default_generator.__class__ = Generator
default_generator.device = devices.cpu


def chosen(generator) -> sampling.Generator:
    """The generator of a ``generator=`` argument; ``TypeError`` for what is none."""
    if generator is None:
        return default_generator
    if not isinstance(generator, sampling.Generator):
        raise TypeError(f"expected a torch.Generator, but got {type(generator).__name__}")
    return generator


# -- writing drawn numbers -------------------------------------------------------------------------------------------


def memory_order(tensor: Tensor) -> list[int]:
    """The dimensions from the largest stride to the smallest: the order in which PyTorch fills memory."""
    stride = tensor.stride()
    return sorted(range(tensor.ndim), key=lambda d: -stride[d])


def drawn_like(input: Tensor, draw) -> np.ndarray:
    """The values that ``draw(shape)`` gives, placed as PyTorch fills a tensor that is laid out like ``input``."""
    if input.is_contiguous():
        return draw(tuple(input.shape))
    order = memory_order(empty_like(input))
    return draw(tuple([input.shape[d] for d in order])).transpose(np.argsort(order).tolist())


def write(target: Tensor, values: np.ndarray) -> Tensor:
    """Write values drawn in memory order into ``target``: at once, unless an instruction on its memory is pending."""
    if target.is_contiguous():
        values = values.reshape(target.shape)
    else:
        order = memory_order(target)
        values = values.reshape([target.shape[d] for d in order]).transpose(np.argsort(order).tolist() if order else None)
    values = narrow(values, target.dtype)
    storage = target._storage
    if storage.buffer is not None and storage.epoch != _window.current.epoch:
        _window.settle()
        array_view(storage.buffer, target._spec, target._offset)[...] = values
        note_write(storage)
        return target
    return raw_copy(target, from_array(values, target.dtype))


def _draw_into(name: str, target: Tensor, draw) -> Tensor:
    """The in-place form: ``draw(shape)`` gives the values."""
    from ..autograd.mode import state

    check_writable(name, target, state.enabled)
    if state.enabled and target._spec.requires_grad:
        target.zero_()  # no change of the old values is felt any more, as here
    if target.is_meta:
        return target
    shape = tuple(target.shape)
    return write(target, draw(shape if target.is_contiguous() else tuple([shape[d] for d in memory_order(target)])))


def _fresh(name: str, size, draw, dtype, out, layout, device, pin_memory, requires_grad) -> Tensor:
    """The creation form: a contiguous tensor, or ``out`` resized."""
    shape = check_size(name, size)
    if out is not None:
        if dtype is not None and dtype is not out.dtype:
            raise RuntimeError(f"{name}(): dtype {dtype} does not match dtype of out tensor ({out.dtype})")
        if out.shape != shape:
            out.resize_(shape)
        return write(out, draw(shape, out.dtype.name))
    dtype = dtype or dtypes.get_default_dtype()
    where = devices.resolve(device)
    if where is devices.meta:
        return finish(empty_storage(dense(shape, dtype, where)), requires_grad, pin_memory, layout)
    made = from_array(narrow(draw(shape, dtype.name), dtype), dtype)
    return finish(made, requires_grad, pin_memory, layout)


@function()
def rand(*sizes, size=None, generator=None, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor of the given sizes of numbers uniform in [0, 1)."""
    source = chosen(generator)
    shape = spread(sizes) if size is None else size
    return _fresh("rand", shape, lambda shape, d: sampling.uniform(source, shape, dtype=d), dtype, out, layout, device,
                  pin_memory, requires_grad)


@function()
def randn(*sizes, size=None, generator=None, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor of the given sizes of normal deviates, of mean 0 and variance 1."""
    source = chosen(generator)
    shape = spread(sizes) if size is None else size
    return _fresh("randn", shape, lambda shape, d: sampling.normal(source, shape, dtype=d), dtype, out, layout, device,
                  pin_memory, requires_grad)


@function()
def randint(low=0, high=None, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None, pin_memory=False,
            requires_grad=False):
    """Integers of [low, high): ``randint(high, size)`` or ``randint(low, high, size)``; int64 unless ``dtype`` is given."""
    if size is None:
        low, high, size = (0, low, high) if isinstance(high, (tuple, list)) else (low, high, size)
    elif high is None:
        low, high = 0, low
    if size is None or high is None:
        raise TypeError(f"randint() received an invalid combination of arguments - got low={low}, high={high}, size={size}; "
                        "expected (high, size) or (low, high, size)")
    source = chosen(generator)
    low, high = int(low), int(high)
    _check_range(low, high)
    return _fresh("randint", tuple(size), lambda shape, d: sampling.randint(source, shape, low, high, d),
                  dtype or (dtypes.int64 if out is None else None), out, layout, device, pin_memory, requires_grad)


def _check_range(low: int, high: int) -> None:
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")


@function()
def randperm(n, *, generator=None, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """The integers 0 .. n-1 in random order; int64 unless ``dtype`` is given."""
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got{n}")
    source = chosen(generator)
    return _fresh("randperm", (int(n),), lambda shape, d: sampling.randperm(source, shape[0], d),
                  dtype or (dtypes.int64 if out is None else None), out, layout, device, pin_memory, requires_grad)


# -- after an existing tensor -----------------------------------------------------------------------------------------


def _like(input: Tensor, dtype, device, memory_format) -> Tensor:
    """Uninitialised memory like that of ``input``."""
    from .copying import _kept_strides

    dtype = dtype or input.dtype
    where = input.device if device is None else devices.resolve(device)
    if memory_format is devices.preserve_format:
        return empty_strided(tuple(input.shape), _kept_strides(input._spec), dtype=dtype, device=where)
    made = empty_storage(dense(tuple(input.shape), dtype, where))
    return made.contiguous(memory_format=memory_format)


@function()
def rand_like(input, *, generator=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False,
              memory_format=devices.preserve_format):
    """Numbers uniform in [0, 1), of the shape, dtype and memory order of ``input``."""
    made = uniform_(_like(input, dtype, device, memory_format), generator=generator)
    return finish(made, requires_grad, pin_memory, layout)


@function()
def randn_like(input, *, generator=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False,
               memory_format=devices.preserve_format):
    """Normal deviates, of the shape, dtype and memory order of ``input``."""
    made = normal_(_like(input, dtype, device, memory_format), generator=generator)
    return finish(made, requires_grad, pin_memory, layout)


@function()
def randint_like(input, low=0, high=None, *, generator=None, dtype=None, layout=None, device=None, pin_memory=False,
                 requires_grad=False, memory_format=devices.preserve_format):
    """Integers of [low, high), of the shape, dtype and memory order of ``input``; ``randint_like(input, high)`` starts at 0."""
    if high is None:
        low, high = 0, low
    low, high = [int(v.item() if isinstance(v, Tensor) else v) for v in (low, high)]
    _check_range(low, high)
    made = random_(_like(input, dtype, device, memory_format), low, high, generator=generator)
    return finish(made, requires_grad, pin_memory, layout)


# -- in place ---------------------------------------------------------------------------------------------------------


def _bound(name: str, first, keywords: dict):
    """The value of the argument ``from``, which Python does not let a parameter be called."""
    if keywords.keys() - {"from"}:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(keywords.keys() - {'from'}))}'")
    return keywords.get("from", first)


@function(None, method=True)
def uniform_(self, from_=0.0, to=1.0, *, generator=None, **keywords):
    """Fill with numbers uniform in [from, to)."""
    low, high = float(_bound("uniform_", from_, keywords)), float(to)
    source = chosen(generator)
    return _draw_into("uniform_", self, lambda shape: sampling.uniform(source, shape, low, high, self.dtype.name))


@function(None, method=True)
def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Fill with normal deviates."""
    source = chosen(generator)
    mean, std = float(mean) if not isinstance(mean, complex) else mean, float(std)
    contiguous = self.is_contiguous()
    return _draw_into("normal_", self, lambda shape: sampling.normal(source, shape, mean, std, self.dtype.name, contiguous))


@function(None, method=True)
def random_(self, from_=None, to=None, *, generator=None, **keywords):
    """Fill with integers: of [from, to), of [0, to) for ``random_(to)``, else of all that the dtype holds exactly."""
    low = _bound("random_", from_, keywords)
    if to is None and low is not None and "from" not in keywords:
        low, to = 0, low
    if to is not None:
        low = int(low or 0)
        _check_range(low, int(to))
    source = chosen(generator)
    return _draw_into("random_", self, lambda shape: sampling.random(source, shape, self.dtype.name, low, None if to is None else int(to)))


@function(None, method=True)
def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with ones with probability ``p``, a number or a tensor that broadcasts, and zeros otherwise."""
    source = chosen(generator)
    if not isinstance(p, Tensor):
        return _draw_into("bernoulli_", self, lambda shape: sampling.bernoulli(source, shape, float(p), self.dtype.name))
    if not p.dtype.is_floating_point:
        raise RuntimeError(f"bernoulli_: expected the probabilities in a floating dtype, got {p.dtype}")
    chances = np.broadcast_to(widen(p._array(), p.dtype), self.shape)
    chances = chances.transpose(memory_order(self))
    return _draw_into("bernoulli_", self, lambda shape: sampling.bernoulli(source, shape, chances, self.dtype.name))


@function(None, method=True)
def exponential_(self, lambd=1.0, *, generator=None):
    """Fill with exponential deviates of rate ``lambd``."""
    source = chosen(generator)
    return _draw_into("exponential_", self, lambda shape: sampling.exponential(source, shape, float(lambd), self.dtype.name))


@function(None, method=True)
def geometric_(self, p, *, generator=None):
    """Fill with the number of trials up to the first success, of probability ``p`` each."""
    source = chosen(generator)
    return _draw_into("geometric_", self, lambda shape: sampling.geometric(source, shape, float(p), self.dtype.name))


@function(None, method=True)
def cauchy_(self, median=0.0, sigma=1.0, *, generator=None):
    """Fill with Cauchy deviates about ``median`` of half-width ``sigma``."""
    source = chosen(generator)
    return _draw_into("cauchy_", self, lambda shape: sampling.cauchy(source, shape, float(median), float(sigma), self.dtype.name))


@function(None, method=True)
def log_normal_(self, mean=1.0, std=2.0, *, generator=None):
    """Fill with exponentials of normal deviates."""
    source = chosen(generator)
    return _draw_into("log_normal_", self, lambda shape: sampling.log_normal(source, shape, float(mean), float(std), self.dtype.name))


# -- from parameters in tensors ---------------------------------------------------------------------------------------


@function()
def normal(mean=0.0, std=1.0, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None, pin_memory=False,
           requires_grad=False):
    """Normal deviates with the given means and standard deviations (tensors or numbers), or of ``size`` for two numbers."""
    source = chosen(generator)
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        if size is None:
            raise TypeError("normal() received an invalid combination of arguments: size is required when mean and std are numbers")
        return _fresh("normal", size, lambda shape, d: sampling.normal(source, shape, mean, float(std), d), dtype, out, layout,
                      device, pin_memory, requires_grad)
    first = mean if isinstance(mean, Tensor) else std
    if isinstance(std, Tensor) and std.is_complex():
        raise RuntimeError("normal expects standard deviation to be non-complex")
    if first.is_meta:
        return empty_storage(dense(_broadcast(mean, std), first.dtype, first.device))
    values = sampling.normal_like(source, _values(mean), _values(std), first.dtype.name)
    made = from_array(narrow(values, first.dtype), first.dtype)
    form = 3 if isinstance(mean, Tensor) and isinstance(std, Tensor) else 1 if first is mean else 2
    made = drawn(made, f"NormalBackward{form}", *[p for p in (mean, std) if isinstance(p, Tensor)])
    return made if out is None else overrides.write_out("normal", made, out)


def _values(parameter):
    return widen(parameter._array(), parameter.dtype) if isinstance(parameter, Tensor) else parameter


def _broadcast(*parameters) -> tuple:
    return np.broadcast_shapes(*[tuple(p.shape) for p in parameters if isinstance(p, Tensor)])


@function(method=True)
def bernoulli(input, p=None, *, generator=None, out=None):
    """Ones with the probabilities in ``input`` (or ``p`` for each element), zeros otherwise; in the dtype of ``input``."""
    made = empty_strided(tuple(input.shape), dense(tuple(input.shape), input.dtype).stride, dtype=input.dtype, device=input.device)
    if p is None and not input.dtype.is_floating_point:
        raise NotImplementedError(f'"bernoulli_tensor_cpu_p_" not implemented for {input.dtype}')
    made = drawn(bernoulli_(made, input.detach() if p is None else p, generator=generator), "BernoulliBackward0", input)
    return made if out is None else overrides.write_out("bernoulli", made, out)


@function(method=True)
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """``num_samples`` indices (int64) for each row of weights, with or without replacement."""
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype}")
    if out is not None and out.dtype is not dtypes.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {out.dtype}")
    if input.ndim and input.shape[-1] > 2**24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    source = chosen(generator)
    if input.is_meta:
        return empty_storage(dense((*input.shape[:-1], num_samples), dtypes.int64, input.device))
    weights = widen(input._array(), input.dtype)
    drawn = sampling.multinomial(source, weights, int(num_samples), bool(replacement), input.dtype.name)
    made = from_array(drawn, dtypes.int64)
    return made if out is None else overrides.write_out("multinomial", made, out)


# -- the default generator ---------------------------------------------------------------------------------------------


def manual_seed(seed) -> Generator:
    """Restart the default generator from ``seed``; gives the generator."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Restart the default generator from a seed of the operating system, which is returned."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator was last started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state as a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Let the default generator continue from ``new_state``."""
    default_generator.set_state(new_state)


for _value in (manual_seed, seed, initial_seed, get_rng_state, set_rng_state):
    export("torch", _value.__name__, _value)
export("torch", "Generator", Generator)
export("torch", "default_generator", default_generator)
