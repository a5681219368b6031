"""Operators that users define with their own backward: ``Function``."""

from __future__ import annotations

import functools
import inspect

from ..lazy.spec import Spec
from ..lazy.storage import Storage
from ..lazy.window import user_line
from ..tensor import Tensor, make
from . import anomaly, saved_hooks
from .graph import Meta, Node, edge_of, rebase
from .mode import enable_grad, no_grad, state
from .saved import Saved, detached

__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "FunctionMeta", "InplaceFunction", "NestedIOFunction", "once_differentiable"]


class FunctionCtx:
    """What ``forward`` (or ``setup_context``) tells ``backward``. Any attribute may be set on it."""

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (inputs, outputs or others; None is kept too) for ``backward``; call it once."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {tensors.index(t)} is of type {type(t).__name__}")
        self._to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for ``jvp``, which finds them as ``ctx.saved_tensors``."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs ``forward`` changed in place; they must be among its results."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which results have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients come to ``backward`` as zeros (the default) or as None."""
        self._materialize = bool(value)

    saved_for_forward: tuple | None = None
    _to_save: tuple = ()
    _dirty: tuple = ()
    _non_differentiable: tuple = ()
    _materialize = True


class BackwardCFunction(Node, FunctionCtx):
    """The node of a user-defined operator, which is also the ``ctx`` that its functions are given."""

    _forward_cls: type
    needs_input_grad: tuple[bool, ...] = ()
    _saved: Saved | None = None
    _released = False
    _forward_mode = False  # while ``jvp`` runs
    _inputs: tuple = ()  # for each argument the spec of a tensor, else None
    _outputs: tuple = ()  # specs of the results, None for what is no tensor
    _arguments: list

    @property
    def saved_tensors(self) -> tuple:
        """What ``save_for_backward`` kept. Raises RuntimeError once it was freed, or changed in place."""
        if self._forward_mode:
            return self._to_save if self.saved_for_forward is None else self.saved_for_forward
        if self._released:
            raise RuntimeError(saved_hooks.FREED)
        return () if self._saved is None else self._saved.unpack(self)

    saved_variables = saved_tensors

    @property
    def dirty_tensors(self) -> tuple:
        return self._dirty

    def name(self) -> str:
        return type(self).__name__

    def release(self) -> None:
        self._saved = None
        self._released = True

    def apply(self, gradients: list, create_graph: bool) -> list:
        gradients = gradients + [None] * (len(self._outputs) - len(gradients))
        if self._materialize:
            gradients = [
                _zeros(spec) if g is None and spec is not None else g
                for g, spec in zip(gradients, self._outputs)
            ]
        with enable_grad() if create_graph else no_grad():
            results = _backward_of(self._forward_cls)(self, *gradients)
        results = results if isinstance(results, tuple) else (results,)
        return self._checked(list(results))

    def _checked(self, results: list) -> list:
        """One gradient for each tensor argument, of its shape and dtype."""
        expected = len(self._inputs)
        while len(results) > expected and results[-1] is None:
            results.pop()
        if len(results) != expected:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {expected}, got {len(results)})"
            )
        fitted = []
        for i, (gradient, spec) in enumerate(zip(results, self._inputs)):
            if spec is None:
                if gradient is not None:
                    raise RuntimeError(
                        f"function {self.name()} returned a gradient different from None at position {i + 1}, "
                        "but the corresponding forward input was not a Variable"
                    )
                continue
            fitted.append(self._fitted(i, gradient, spec))
        return fitted

    def _fitted(self, i: int, gradient, spec: Spec):
        if gradient is None or not self.needs_input_grad[i]:
            return None
        if not isinstance(gradient, Tensor):
            raise RuntimeError(
                f"function {self.name()} returned a {type(gradient).__name__} at position {i + 1}: expected Variable or None"
            )
        if gradient.dtype.is_complex and not spec.dtype.is_complex:
            raise RuntimeError(
                f"Function {self.name()} returned an invalid gradient at index {len(self._inputs[:i])} - expected a real gradient "
                f"for an input of dtype {spec.dtype}, but got {gradient.dtype}"
            )
        if gradient.shape != spec.shape:
            if not _expandable(spec.shape, gradient.shape):
                raise RuntimeError(
                    f"Function {self.name()} returned an invalid gradient at index {len(self._inputs[:i])} - got "
                    f"{list(gradient.shape)} but expected shape compatible with {list(spec.shape)}"
                )
            gradient = gradient.sum_to_size(spec.shape)
        if gradient.dtype is not spec.dtype:
            gradient = gradient.to(spec.dtype)
        return gradient


def _expandable(shape, larger) -> bool:
    if len(shape) > len(larger):
        return False
    return all(s == 1 or s == t for s, t in zip(reversed(shape), reversed(larger)))


def _zeros(spec: Spec) -> Tensor:
    return make(Storage(None, 0), spec.plain).new_zeros(spec.shape)


def _backward_of(cls):
    if cls.vjp is not Function.vjp:
        if cls.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them."
            )
        return cls.vjp
    return cls.backward


class FunctionMeta(type):
    """Gives each Function the class of its nodes, named ``<name>Backward``."""

    def __init__(cls, name, bases, attributes):
        cls._backward_cls = type(name + "Backward", (BackwardCFunction,), {"_forward_cls": cls})
        super().__init__(name, bases, attributes)


class Function(metaclass=FunctionMeta):
    """A differentiable operator written by hand: subclass it, call ``apply``.

    ``forward(ctx, *args)`` computes, with ``ctx`` to keep things for backward; or ``forward(*args)`` with
    ``setup_context(ctx, inputs, output)`` beside it. ``backward(ctx, *grad_outputs)`` gives one gradient for each
    argument of forward, None where there is none. Both run without recording, unless ``create_graph`` asks for it.
    """

    generate_vmap_rule = False

    def __init__(self, *args, **kwargs):
        raise RuntimeError(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself. Instantiating an autograd function will raise an error in a future version of PyTorch."
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with "
            "static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        """The computation; to be overridden."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Keep what backward needs; to be overridden where ``forward`` takes no ``ctx``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Gradients of the results to gradients of the arguments; to be overridden."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """Derivatives of the arguments to derivatives of the results; to be overridden."""
        raise NotImplementedError("You must implement the jvp function for custom autograd.Function to use it with forward mode AD.")

    @staticmethod
    def vmap(info, in_dims, *args):
        """The batching rule: ``(results, out_dims)`` for arguments whose batch is at ``in_dims``; to be overridden."""
        raise NotImplementedError("To use autograd.Function with vmap, you must either override the vmap static method or set "
                                  "generate_vmap_rule=True.")

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run ``forward`` and put the operator into the graph."""
        if cls.setup_context is not Function.setup_context:
            args = _bound(cls.forward, args, kwargs)
        elif kwargs:
            args = _bound(cls.forward, (None, *args), kwargs)[1:]
        if _transformation is not None and any(isinstance(a, Tensor) and a._spec.override for a in args):
            found = _transformation(cls, args)
            if found is not NotImplemented:
                return found
        return applied(cls, args)[1]


def applied(cls, args: tuple) -> tuple:
    """The context and the result of a Function on plain tensors."""
    ctx = cls._backward_cls(())
    needs = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
    ctx.needs_input_grad = needs
    differentiable = state.enabled and any(needs)
    with no_grad():
        if cls.setup_context is Function.setup_context:
            result = cls.forward(ctx, *args)
        else:
            result = cls.forward(*args)
            cls.setup_context(ctx, args, result)
    return ctx, _finish(ctx, args, result, differentiable)


_transformation = None


def set_transformation(function) -> None:
    """``function(cls, args)`` applies a Function to batched and dual tensors, NotImplemented for others; set by the operators."""
    global _transformation
    _transformation = function


def _bound(forward, args: tuple, kwargs: dict) -> tuple:
    """The arguments with the defaults of ``forward`` filled in."""
    try:
        bound = inspect.signature(forward).bind(*args, **kwargs)
    except ValueError:  # a builtin without a signature
        return args
    bound.apply_defaults()
    return bound.args


def _finish(ctx: BackwardCFunction, args: tuple, result, differentiable: bool):
    """Attach the results of ``forward`` to the graph, and save what was asked for."""
    several = isinstance(result, tuple)
    outputs = list(result) if several else [result]
    for dirty in ctx._dirty:
        if not any(dirty is o for o in outputs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
                "modified inplace must all be outputs of the Function."
            )
    inputs = [a for a in args if isinstance(a, Tensor)]
    if differentiable:
        if any(a._spec.override and a.requires_grad and hasattr(a, "gradient_beneath") for a in inputs):
            raise NotImplementedError(f"flambeau: {ctx.name()}: a sparse argument that requires grad is not supported yet: give its values")
        ctx.edges = tuple(edge_of(a) if a.requires_grad else None for a in inputs)
        ctx._inputs = tuple(a._spec.plain if isinstance(a, Tensor) else None for a in args)
        if anomaly.enabled:
            ctx.line = user_line()
    attached = [_attached(ctx, i, o, inputs, differentiable) for i, o in enumerate(outputs)]
    ctx._outputs = tuple(o._spec.plain if isinstance(o, Tensor) else None for o in attached)
    if differentiable and ctx._to_save:
        renamed = {id(old): new for old, new in zip(outputs, attached)}
        tensors = [renamed.get(id(t), t) for t in ctx._to_save]
        ctx._saved = Saved(ctx, tensors)
        ctx._to_save = ()
    return tuple(attached) if several else attached[0]


def _attached(ctx: BackwardCFunction, i: int, output, inputs: list, differentiable: bool):
    """Result number ``i`` with its history."""
    if not isinstance(output, Tensor):
        return output
    is_input = any(output is t for t in inputs)
    dirty = any(output is t for t in ctx._dirty)
    if any(output is t for t in ctx._non_differentiable) or output._spec.dtype.category < 2:
        return detached(output) if is_input and not dirty else _without_grad(output)
    if not differentiable:
        return output.view_as(output) if is_input and not dirty else output
    if dirty:
        if output._spec.requires_grad and output.is_leaf and output._base is None:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        rebase(output, (ctx, i))
        return output
    base = _base_of(output, is_input)
    if is_input or output._autograd is not None and output._autograd.node is not None:
        output = detached(output)
    meta = output._autograd = Meta(ctx, i)
    output._spec = output._spec.with_grad(True)
    if base is not None:
        meta.base, meta.creation, meta.version = base, "function", output._storage.version
        meta.seen = base._autograd.history if base._autograd is not None else 0
    return output


def _base_of(output: Tensor, is_input: bool) -> Tensor | None:
    """The tensor that a result is a view of: an input that is returned as it is counts as one."""
    known = None if output._autograd is None else output._autograd.base
    return output if is_input and known is None else known


def _without_grad(output: Tensor) -> Tensor:
    if output._spec.requires_grad:
        return detached(output)
    return output


def once_differentiable(fn):
    """Decorator of a ``backward`` that cannot itself be differentiated: trying to raises RuntimeError."""

    @functools.wraps(fn)
    def wrapper(ctx, *args):
        with no_grad():
            results = fn(ctx, *args)
        if not state.enabled or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return results
        several = isinstance(results, tuple)
        refused = [_DelayedError.attach(r) if isinstance(r, Tensor) else r for r in (results if several else (results,))]
        return tuple(refused) if several else refused[0]

    return wrapper


class _DelayedError(Node):
    """Refuses to be differentiated."""

    __slots__ = ()

    @classmethod
    def attach(cls, tensor: Tensor) -> Tensor:
        marked = detached(tensor)
        if marked._spec.dtype.category >= 2:
            marked._autograd = Meta(cls(()), 0)
            marked._spec = marked._spec.with_grad(True)
        return marked

    def name(self) -> str:
        return "DelayedErrorBackward"

    def apply(self, gradients, create_graph: bool):
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


class InplaceFunction(Function):
    """A Function with an ``inplace`` flag, kept for old programs."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace


class NestedIOFunction(Function):
    """Old form of a Function on nested structures: not supported."""

    @classmethod
    def apply(cls, *args, **kwargs):
        raise NotImplementedError("flambeau: NestedIOFunction is not supported yet: flatten the structure and use Function")
