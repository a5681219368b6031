"""Operators by namespace, name and overload: ``torch.ops.aten.add.Tensor``, and those that programs register themselves.

What PyTorch calls an overload is here the same function, which looks at its arguments. They are objects that can be called,
compared and used as keys; there is no dispatcher behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from .registry import NAMESPACES

# Names of overloads in PyTorch's schemas. Those of an operator are not told apart, so that each is taken for any operator.
_OVERLOADS = """
    IntList_out List Scalar ScalarAndTensor ScalarList ScalarOpt_dim ScalarOpt_dim_dtype Scalar_Tensor
    Scalar_Tensor_out Scalar_mode Scalar_out Scalar_self Scalar_value Tensor Tensor_Scalar Tensor_Scalar_out
    Tensor_Tensor Tensor_Tensor_out Tensor_float Tensor_mode Tensor_out any correction default device dim
    dim_IntList dim_max dim_min dimname dims dtype dtype_layout dtype_out float float_float float_out from generator
    grad_input indices int int_Scalar int_Tensor int_out low low_generator mean_correction memory_format names
    names_dim other out p padding prim_device prim_dtype reduce sections self self_Tensor self_int size
    source_Tensor src start start_out start_step str to two two_out unary_out value value_reduce values vec
"""
OVERLOADS = frozenset(_OVERLOADS.split())

_registered: dict[str, dict[str, Callable]] = {}


def register(namespace: str, name: str, function: Callable) -> None:
    """Make ``function`` known as ``torch.ops.<namespace>.<name>``."""
    _registered.setdefault(namespace, {})[name] = function
    _namespaces.pop(namespace, None)


def registered(namespace: str, name: str) -> Callable | None:
    """What was registered under a name."""
    return _registered.get(namespace, {}).get(name)


class OpOverload:
    """An operator with the name of an overload."""

    def __init__(self, packet: OpOverloadPacket, overload: str) -> None:
        self.overloadpacket = packet
        self._overloadname = overload
        self.namespace = packet._namespace
        self.op = packet.op
        self.__name__ = f"{packet.__name__}.{overload}"
        self.__doc__ = packet.op.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.op(*args, **kwargs)

    def name(self) -> str:
        """The qualified name, as ``aten::add.Tensor``; the default overload is not named."""
        qualified = self.overloadpacket._qualified_op_name
        return qualified if self._overloadname == "default" else f"{qualified}.{self._overloadname}"

    def __repr__(self) -> str:
        return f"{self.namespace}.{self.__name__}"

    __str__ = __repr__

    def __reduce__(self) -> tuple:
        return _find, (self.namespace, self.overloadpacket.__name__, self._overloadname)


class OpOverloadPacket:
    """An operator; its overloads are attributes."""

    def __init__(self, namespace: str, name: str, op: Callable) -> None:
        self._namespace = namespace
        self.__name__ = name
        self.__doc__ = op.__doc__
        self._qualified_op_name = f"{namespace}::{name}"
        self.op = op

    def __getattr__(self, overload: str) -> OpOverload:
        if overload not in OVERLOADS:
            raise AttributeError(f"The underlying op of '{self}' has no overload name '{overload}'")
        made = OpOverload(self, overload)
        setattr(self, overload, made)
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.op(*args, **kwargs)

    def overloads(self) -> list[str]:
        """The names of the overloads that somebody asked for, and the default one."""
        return sorted({"default", *(name for name in vars(self) if name in OVERLOADS)})

    def __repr__(self) -> str:
        return f"{self._namespace}.{self.__name__}"

    __str__ = __repr__

    def __reduce__(self) -> tuple:
        return _find, (self._namespace, self.__name__, None)


class OpNamespace:
    """The operators of a namespace, as attributes. AttributeError for names that it has not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.__name__ = name

    def __getattr__(self, name: str) -> OpOverloadPacket:
        own = registered(self.name, name)
        function = own if own is not None else _aten(name) if self.name == "aten" and not name.startswith("__") else None
        if function is None:
            raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute '{name}'")
        packet = OpOverloadPacket(self.name, name, function)
        setattr(self, name, packet)
        return packet

    def __dir__(self) -> list[str]:
        return sorted(_registered.get(self.name, {}))

    def __repr__(self) -> str:
        return f"<operators of {self.name!r}>"


_namespaces: dict[str, OpNamespace] = {}


def namespace(name: str) -> OpNamespace | None:
    """The operators of a namespace: PyTorch's own, or one in which something was registered."""
    if name not in ("aten", "prim", "prims") and name not in _registered:
        return None
    return _namespaces.setdefault(name, OpNamespace(name))


def load_library(path: str) -> None:
    """Libraries of compiled operators are made for PyTorch: OSError, as where PyTorch cannot load one."""
    raise OSError(f"Could not load this library: {path} (flambeau: compiled operators are made for PyTorch's own core)")


def _find(space: str, name: str, overload: str | None) -> Any:
    found = namespace(space)
    packet = getattr(found, name)
    return packet if overload is None else getattr(packet, overload)


# -- aten: our functions under PyTorch's names ------------------------------------------------------------------------


def _slice(self: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    index: list = [slice(None)] * self.ndim
    index[dim] = slice(start, end, step)
    return self[tuple(index)]


def _to_copy(self: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None,
             non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    options = {"dtype": dtype, "device": device, "memory_format": memory_format}
    return self.to(**{name: value for name, value in options.items() if value is not None}, copy=True)


def _fft_c2c(self: Tensor, dim: Any, normalization: int, forward: bool) -> Tensor:
    mode = "backward" if forward else "forward"  # 0: not scaled
    norm = {0: mode, 1: "ortho", 2: "forward" if forward else "backward"}[normalization]
    return NAMESPACES["fft"]["fftn" if forward else "ifftn"](self, None, dim, norm)


def _sym_size(self: Tensor, dim: int | None = None) -> Any:
    return self.shape if dim is None else self.shape[dim]


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Nothing: sizes are numbers."""


_ATEN: dict[str, Callable] = {
    "slice": _slice,
    "slice_copy": lambda *args, **kwargs: _slice(*args, **kwargs).clone(),
    "_to_copy": _to_copy,
    "_unsafe_view": lambda self, size: self.reshape(size),
    "alias": lambda self: self.view(self.shape),
    "_local_scalar_dense": lambda self: self.item(),
    "sym_size": _sym_size,
    "sym_numel": lambda self: self.numel(),
    "sym_stride": lambda self, dim=None: self.stride() if dim is None else self.stride(dim),
    "sym_constrain_range_for_size": _nothing,
    "sym_constrain_range": _nothing,
    "_fft_c2c": _fft_c2c,
    "lift_fresh": lambda self: self,
}
_SPACES = (("torch", ""), ("nn.functional", ""), ("linalg", "linalg_"), ("special", "special_"), ("fft", "fft_"))


def _aten(name: str) -> Callable | None:
    """Our function for a name of PyTorch's core."""
    if name in _ATEN:
        return _ATEN[name]
    for space, prefix in _SPACES:
        if name.startswith(prefix) and name[len(prefix) :] in NAMESPACES.get(space, {}):
            return NAMESPACES[space][name[len(prefix) :]]
    found = getattr(Tensor, name, None)
    return found if callable(found) else None
