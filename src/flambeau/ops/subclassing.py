"""Tensors as instances of subclasses of Tensor."""

from __future__ import annotations

from .. import tensor as _tensor
from ..tensor import Tensor, make
from .overrides import DisableTorchFunctionSubclass
from .view_operator import view


class NoStorage:
    """In the place of the storage of a tensor that is made of others (sparse, nested): who wants memory is refused.

    Its version is that of ``values``, which it holds; ``refusal`` is the message of the NotImplementedError.
    """

    nbytes = -1  # of no spec: autograd never takes over the memory of such a gradient
    inference = False

    def __init__(self, values: Tensor, refusal: str):
        self._values = values
        self._refusal = refusal

    @property
    def version(self) -> int:
        return self._values._storage.version

    def __getattr__(self, name: str):
        raise NotImplementedError(self._refusal)


def _check_class(name: str, cls) -> None:
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"{name}(): cls must be a type that inherits from Tensor, got {cls!r}")


@view("alias(Tensor input)", namespace=None, method=False)
def alias(spec):
    """A view of the whole tensor."""
    return spec.shape, spec.stride, 0


@alias.gradient
def _(grad, saved):
    return grad


def as_subclass(self, cls):
    """A view of the whole tensor as an instance of ``cls``, a subclass of Tensor; gradients flow back."""
    _check_class("as_subclass", cls)
    with DisableTorchFunctionSubclass():
        viewed = alias(self)
    return viewed if cls is Tensor else _tensor.as_subclass(viewed, cls)


Tensor.as_subclass = as_subclass


def _make_subclass(cls, data, require_grad=False, **options):
    """A leaf of the class ``cls`` over the memory of ``data``."""
    _check_class("_make_subclass", cls)
    if not isinstance(data, Tensor):
        raise TypeError(f"_make_subclass(): argument 'data' (position 2) must be Tensor, not {type(data).__name__}")
    for name, value in options.items():
        if value:
            raise NotImplementedError(f"flambeau: _make_subclass: argument {name} is not supported yet")
    leaf = _tensor.as_subclass(make(data._storage, data._spec.plain, data._offset), cls)
    return leaf.requires_grad_(True) if require_grad else leaf


Tensor._make_subclass = staticmethod(_make_subclass)
