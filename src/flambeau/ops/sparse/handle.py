"""Sparse tensors: the handle, and how operators find their rules for them.

A sparse tensor is a ``Pattern`` (where its entries are) and an ordinary tensor of values, which carries the graph: the gradient of a
sparse tensor is the gradient of its values. Operators that have no rule for sparse tensors raise NotImplementedError.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from ...autograd.graph import Meta, Node, edge_of
from ...autograd.mode import state
from ...lazy.spec import Size, contiguous_strides
from ...lazy.spec import spec as make_spec
from ...runtime import devices
from ...tensor import Tensor, make
from ..overrides import plain
from ..subclassing import NoStorage
from ..transformed import Transformed, body_of, name_of

RULES: dict[str, Callable] = {}


def rule(*names: str):
    """Decorator: how the public functions of these names compute where an argument is sparse; same parameters."""

    def declare(function):
        for name in names:
            RULES[name] = function
        return function

    return declare


class SparseTensor(Tensor):
    """A tensor of which only some elements are stored.

    ``_held`` has the values, the first dimension counting the entries (after the batch, for compressed layouts); ``_pattern`` says
    where they are.
    """

    _asks = False

    _held: Tensor
    _pattern: Any
    _size: Size
    layout: Any = None
    backend = ""

    # -- what Tensor keeps in slots ---------------------------------------------------------------------------------------

    @property
    def _spec(self):
        spec = self._held._spec
        return make_spec(self._size, contiguous_strides(self._size), spec.dtype, spec.device, spec.requires_grad, True)

    @_spec.setter
    def _spec(self, value):
        raise NotImplementedError(
            "flambeau: a sparse result of an autograd.Function is not supported yet: give its values"
        )

    @property
    def _storage(self):
        found = self.__dict__.get("_nothing")
        if found is None or found._values is not self._held:
            found = self._nothing = NoStorage(self._held, "Cannot access storage of SparseTensorImpl")
        return found

    _offset = 0

    @property
    def _autograd(self):
        held = self._held
        edge = edge_of(held)  # the values, not this handle, are what the graph knows as the leaf
        meta = held._autograd
        if meta is None or meta.base is None:
            return meta
        return meta if edge is None or edge[0].__class__ is Meta else Meta(*edge)

    @_autograd.setter
    def _autograd(self, value) -> None:
        self._held._autograd = value

    # -- autograd ---------------------------------------------------------------------------------------------------------

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients with respect to this leaf's values."""
        self._held.requires_grad_(requires_grad)
        return self

    @property
    def grad_fn(self):
        """The node that made the values, None for leaves."""
        return self._held.grad_fn

    @property
    def grad(self):
        """The accumulated gradient: a sparse tensor of the same pattern, or None."""
        found = self._held.grad
        if found is None or isinstance(found, SparseTensor):
            return found
        return self.with_values(found)

    @grad.setter
    def grad(self, value) -> None:
        if value is None:
            self._held.grad = None
            return
        self._check_grad(value)
        self._held.grad = self.gradient_beneath(value)

    @grad.deleter
    def grad(self) -> None:
        self._held.grad = None

    def gradient_beneath(self, gradient: Tensor) -> Tensor:
        """The gradient of the values, from one (sparse or dense) of this tensor's shape."""
        if isinstance(gradient, SparseTensor) and gradient._pattern.same(self._pattern):
            return gradient._held
        from .masking import values_at

        return values_at(gradient, self)

    def gradient_above(self, gradient: Tensor) -> Tensor:
        """The gradient of this tensor, from that of its values."""
        return self.with_values(gradient)

    def register_hook(self, hook):
        """Call ``hook(grad)`` with the sparse gradient when it is computed; what it returns replaces the gradient."""

        def beneath(gradient):
            answer = hook(self.gradient_above(gradient))
            return None if answer is None else self.gradient_beneath(answer)

        return self._held.register_hook(beneath)

    def register_post_accumulate_grad_hook(self, hook):
        """Call ``hook(tensor)`` after backward has accumulated into this leaf's ``.grad``."""
        return self._held.register_post_accumulate_grad_hook(lambda _: hook(self))

    @property
    def data(self):
        """The same entries without history."""
        return self.with_values(self._held.detach())

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, type(self)):
            raise RuntimeError(
                "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have incompatible tensor type."
            )
        requires_grad = self.requires_grad
        self.become(value.detach())
        self._held.requires_grad_(requires_grad)

    # -- sparse tensors from this one --------------------------------------------------------------------------------------

    def with_values(self, values: Tensor) -> SparseTensor:
        """Other values at the same places."""
        made = object.__new__(type(self))
        made._held, made._pattern, made._size = untransformed(values), self._pattern, self._size
        return made

    def become(self, other: SparseTensor) -> SparseTensor:
        """Take over the entries of ``other``: what a write in place ends with."""
        if state.enabled and self.requires_grad and self.is_leaf:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        held = other._held
        if self.requires_grad and self.is_leaf:  # it stays the leaf that it is, with its gradient
            held = held.detach().requires_grad_()
            held._autograd = self._held._autograd
            held._autograd.tensor = weakref.ref(held)
        self._held, self._pattern, self._size = held, other._pattern, other._size
        return self

    # -- what sparse tensors do not have -----------------------------------------------------------------------------------

    @property
    def nbytes(self) -> int:
        """Raises RuntimeError: there is no memory of the whole."""
        raise RuntimeError(
            "nbytes is not defined for sparse tensors.  If you want the size of the constituent tensors, add the nbytes of the indices "
            "and values.  If you want the size of the  equivalent dense tensor, multiply numel() by element_size()"
        )

    def is_contiguous(self, memory_format=devices.contiguous_format) -> bool:
        """False: the elements do not lie in memory one after the other."""
        return False

    def stride(self, dim: int | None = None):
        """Raises RuntimeError: elements have no fixed distance."""
        raise RuntimeError(f"Sparse {self.backend[6:-3]} tensors do not have strides".replace("  ", " "))

    def data_ptr(self) -> int:
        """Raises RuntimeError: there is no memory of the whole."""
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    def item(self):
        """The value of a one-element tensor as a Python number."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return self.to_dense().item()

    # -- operators ---------------------------------------------------------------------------------------------------------

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        func = plain(func)
        name = name_of(func).removesuffix(".default")
        found = RULES.get(name)
        if found is not None:
            return found(*args, **(kwargs or {}))
        if getattr(func, "operator", None) is None and func is not body_of(func):
            return body_of(func)(*args, **(kwargs or {}))
        raise refusal(name, args)


def refusal(name: str, args) -> NotImplementedError:
    """The error of an operator that has no rule for the sparse tensors among its arguments."""
    backend = next((a.backend for a in args if isinstance(a, SparseTensor)), "SparseCPU")
    return NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the '{backend}' backend. This could be because the operator doesn't exist "
        "for this backend: it takes strided tensors only."
    )


def is_sparse(value: Any) -> bool:
    """Whether it is a sparse tensor of any layout."""
    return isinstance(value, SparseTensor)


def untransformed(values: Tensor) -> Tensor:
    """The values themselves; NotImplementedError for those of ``vmap`` and forward mode, which a sparse result would hide."""
    if isinstance(values, Transformed):
        raise NotImplementedError(
            "flambeau: sparse tensors with values that vmap or forward mode look through are not supported yet"
        )
    return values


class Passing(Node):
    """Hands gradients on unchanged: between the values of a sparse tensor and tensors that share them."""

    __slots__ = ()

    def name(self) -> str:
        return type(self).__name__

    def apply(self, gradients: list, create_graph: bool):
        return gradients[:1]


@functools.cache
def _passing(title: str) -> type[Passing]:
    return type(title, (Passing,), {"__slots__": ()})


def linked(source: Tensor, title: str) -> Tensor:
    """The same memory as ``source``, one step (named ``title``) further in the graph."""
    untransformed(source)
    alias = make(source._storage, source._spec.plain, source._offset)
    if source._spec.requires_grad and state.enabled:
        node = _passing(title)((edge_of(source),))
        alias._spec = alias._spec.with_grad(True)
        alias._autograd = Meta(node, 0)
    return alias
