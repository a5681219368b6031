"""Operators of one's own: ``torch.library``. They are found under ``torch.ops``, and take part in differentiation.

A custom operator is called as a whole: nothing inside it is recorded, so that its gradient is the function that
``register_autograd`` is given, and its shapes on the device ``meta`` are those of ``register_fake``.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .autograd import Function, is_grad_enabled
from .dtypes import dtype
from .ops.registered import OpOverload, OpOverloadPacket, register, registered
from .runtime.devices import device
from .tensor import Tensor
from .utils._pytree import tree_flatten, tree_leaves, tree_unflatten

__all__ = [
    "CustomOpDef",
    "Library",
    "custom_op",
    "define",
    "fallthrough_kernel",
    "get_ctx",
    "get_kernel",
    "impl",
    "impl_abstract",
    "infer_schema",
    "opcheck",
    "register_autocast",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "register_torch_dispatch",
    "register_vmap",
    "triton_op",
    "wrap_triton",
]

# -- schemas ----------------------------------------------------------------------------------------------------------

_BASE = {Tensor: "Tensor", int: "SymInt", float: "float", bool: "bool", str: "str", dtype: "ScalarType", device: "Device",
         int | float | bool: "Scalar", typing.Union[int, float, bool]: "Scalar"}  # fmt: skip  # noqa: UP007
_LISTED = {Tensor: "Tensor[]", int: "SymInt[]", float: "float[]", bool: "bool[]", Tensor | None: "Tensor?[]"}


def _type_name(annotation: Any) -> str | None:
    """The schema's word for a Python type; None for a type that operators do not take."""
    if annotation in _BASE:
        return _BASE[annotation]
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (list, Sequence):
        return _LISTED.get(inner[0])
    if origin in (typing.Union, types.UnionType) and type(None) in inner:
        rest = [t for t in inner if t is not type(None)]
        name = _type_name(functools.reduce(lambda a, b: a | b, rest))
        return None if name is None else name + "?"
    return None


def infer_schema(
    prototype_function: Callable, /, *, mutates_args: Any, op_name: str | None = None, tags: Any = ()
) -> str:
    """The schema of a function, from its annotations, as ``(Tensor x, SymInt k=2) -> Tensor``.

    ``mutates_args`` names the tensors that the function writes to, or is "unknown". Raises ValueError for parameters without an
    annotation, or with one that operators do not take.
    """
    signature = inspect.signature(prototype_function)
    hints = typing.get_type_hints(prototype_function)
    unknown = set() if mutates_args == "unknown" else set(mutates_args) - set(signature.parameters)
    if unknown:
        raise ValueError(f"infer_schema(func): {unknown} in mutates_args were not found in the custom op's signature.")
    parts, starred = [], False
    for position, (name, parameter) in enumerate(signature.parameters.items()):
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        if name not in hints:
            raise ValueError(
                f"infer_schema(func): Parameter {name} must have a type annotation. Got func with signature {signature})"
            )
        kind = _type_name(hints[name])
        if kind is None:
            raise ValueError(f"infer_schema(func): Parameter {name} has unsupported type {hints[name]}.")
        if kind.startswith("Tensor") and (mutates_args == "unknown" or name in mutates_args):
            kind = f"Tensor(a{position}!)" + kind.removeprefix("Tensor")
        default = "" if parameter.default is parameter.empty else "=" + _default_text(parameter.default)
        parts.append(f"{kind} {name}{default}")
    return f"{op_name or ''}({', '.join(parts)}) -> {_result_text(hints, signature)}"


def _default_text(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).removeprefix("torch.")


def _result_text(hints: dict[str, Any], signature: inspect.Signature) -> str:
    if "return" not in hints:
        raise ValueError(
            f"infer_schema(func): No return type annotation was provided. Got func with signature {signature})"
        )
    result = hints["return"]
    if result is type(None):
        return "()"
    if typing.get_origin(result) is tuple:
        return f"({', '.join(str(_type_name(t)) for t in typing.get_args(result))})"
    name = _type_name(result)
    if name is None:
        raise ValueError(f"infer_schema(func): Return has unsupported type {result}.")
    return name


# -- operators --------------------------------------------------------------------------------------------------------


class _Operator:
    """What is known of an operator under a name: kernels by device (or "" for all), and its rules."""

    def __init__(self, qualified: str, schema: str) -> None:
        if qualified.count("::") != 1:
            raise ValueError(f"Expected `qualname` to be of the form `namespace::name`, got {qualified!r}")
        self._namespace, self._name = qualified.split("::")
        self._qualname, self._schema = qualified, schema
        self._kernels: dict[str, Callable] = {}
        self._fake: Callable | None = None
        self._backward: Callable | None = None
        self._setup: Callable | None = None
        self._autocast: Any = None
        self._transparent: Callable | None = None  # made of other operators, which differentiate it
        self._guards = False  # whether results may share no memory with arguments
        register(self._namespace, self._name, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._transparent is not None:
            return self._transparent(*args, **kwargs)
        args, kwargs = self._prepared(args, kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if any(t.is_meta for t in tensors):
            if self._fake is None:
                raise RuntimeError(
                    f"There was no fake impl registered for {self!r}. Please use `register_fake` to add a fake impl."
                )
            return self._fake(*args, **kwargs)
        if self._guards and is_grad_enabled() and any(t.requires_grad for t in tensors):
            return _Recorded.apply(_Call(self, args, kwargs), *tensors)
        return self._run(args, kwargs)

    def _prepared(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        return args, kwargs

    def _run(self, args: tuple, kwargs: dict) -> Any:
        kernel = self._kernels.get("cpu") or self._kernels.get("")
        if kernel is None:
            raise NotImplementedError(
                f"Could not run '{self._qualname}' with arguments from the 'CPU' backend: there is no kernel for it"
            )
        result = kernel(*args, **kwargs)
        if self._guards:
            self._check_memory(args, kwargs, result)
        return result

    def _check_memory(self, args: tuple, kwargs: dict, result: Any) -> None:
        given = {id(t._storage) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and id(leaf._storage) in given:
                raise RuntimeError(
                    f"{self._name}: The output of this custom operator (1) must not also be an input to this "
                    "custom operator and (2) may not alias any inputs to this custom operator or other returns. Return a clone instead."
                )

    def __repr__(self) -> str:
        return f"<operator {self._qualname}>"


class _Call:
    """A call whose tensors are taken out, so that they can be arguments of a ``Function``."""

    def __init__(self, operator: _Operator, args: tuple, kwargs: dict) -> None:
        self.operator = operator
        self.leaves, self.structure = tree_flatten((args, kwargs))

    def arguments(self, tensors: Sequence[Tensor]) -> tuple[tuple, dict]:
        """The call's arguments with these tensors."""
        found = iter(tensors)
        return tree_unflatten(
            [next(found) if isinstance(leaf, Tensor) else leaf for leaf in self.leaves], self.structure
        )


class _Context:
    """What a custom operator's rules see as ``ctx``: the node, with one entry of ``needs_input_grad`` for each argument."""

    def __init__(self, node: Any, call: _Call) -> None:
        object.__setattr__(self, "_node", node)
        needs = iter(node.needs_input_grad[1:])
        flags = [next(needs) if isinstance(leaf, Tensor) else False for leaf in call.leaves]
        args, _ = tree_unflatten(flags, call.structure)
        object.__setattr__(self, "needs_input_grad", tuple(args))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._node, name, value)


class _Recorded(Function):
    """A custom operator in the graph."""

    @staticmethod
    def forward(call: _Call, *tensors: Tensor) -> Any:
        result = call.operator._run(*call.arguments(tensors))
        return tuple(result) if isinstance(result, list) else result

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        ctx.call = inputs[0]
        setup = ctx.call.operator._setup
        if setup is None:
            return
        args, kwargs = ctx.call.arguments(inputs[1:])
        named = {"keyword_only_inputs": kwargs} if kwargs else {}
        setup(_Context(ctx, ctx.call), args, output=output, **named)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        call = ctx.call
        if call.operator._backward is None:
            raise RuntimeError(
                f"Trying to backward through {call.operator._namespace}.{call.operator._name}.default but no autograd "
                "formula was registered. Please use register_autograd to add one."
            )
        found = call.operator._backward(_Context(ctx, call), *grads)
        found = found if isinstance(found, tuple) else (found,)
        args, kwargs = tree_unflatten(list(range(len(call.leaves))), call.structure)
        if len(found) != len(args):
            raise RuntimeError(
                f"{call.operator._qualname}: expected {len(args)} gradients, one for each argument, got {len(found)}"
            )
        gradients: list = [None] * len(call.leaves)
        for places, gradient in zip(args, found):
            if isinstance(places, int):
                gradients[places] = gradient
            elif gradient is not None:
                for place, one in zip(tree_leaves(places), gradient, strict=True):
                    gradients[place] = one
        return (None, *[g for g, leaf in zip(gradients, call.leaves) if isinstance(leaf, Tensor)])


class CustomOpDef(_Operator):
    """An operator that :func:`custom_op` made. Call it as the function that it was made of."""

    def __init__(self, qualified: str, fn: Callable, mutates_args: Any, schema: str | None) -> None:
        super().__init__(qualified, schema or infer_schema(fn, mutates_args=mutates_args))
        self._init_fn = fn
        self._signature = inspect.signature(fn)
        self._hints = typing.get_type_hints(fn)
        self._guards = True

    @property
    def _opoverload(self) -> OpOverload:
        return OpOverloadPacket(self._namespace, self._name, self).default

    def _prepared(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """The arguments in order, with defaults; those of keyword-only parameters stay apart."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if self._hints.get(name) is Tensor and not isinstance(value, Tensor):
                raise RuntimeError(
                    f"{self._qualname}() Expected a value of type 'Tensor' for argument '{name}' but instead found type "
                    f"'{type(value).__name__}'."
                )
        if self._autocast is not None:
            return self._autocast(bound.args, bound.kwargs)
        return bound.args, bound.kwargs

    def register_kernel(self, device_types: Any, fn: Callable | None = None, /) -> Callable:
        """The computation for a device type, or several, or None for all. Also a decorator."""

        def keep(fn: Callable) -> Callable:
            names = [device_types] if device_types is None or isinstance(device_types, str) else device_types
            for name in names:
                self._kernels["" if name is None else name] = fn
            return fn

        return keep if fn is None else keep(fn)

    def register_fake(self, fn: Callable, /) -> Callable:
        """Results on the device ``meta``: their shapes and dtypes, without elements."""
        self._fake = fn
        return fn

    def register_autograd(self, backward: Callable, /, *, setup_context: Callable | None = None) -> None:
        """The gradient: ``backward(ctx, *grads)`` gives one for each argument; ``setup_context`` keeps things for it."""
        self._backward, self._setup = backward, setup_context

    def register_autocast(self, device_type: str, cast_inputs: dtype) -> None:
        """Under autocast, cast floating-point arguments to ``cast_inputs`` first."""
        from .amp.autocast_mode import _cast, autocast
        from .ops import is_autocast_enabled

        def prepare(args: tuple, kwargs: dict) -> tuple[tuple, dict]:
            if not is_autocast_enabled(device_type):
                return args, kwargs
            with autocast(device_type, enabled=False):
                return _cast(args, device_type, cast_inputs), _cast(kwargs, device_type, cast_inputs)

        self._autocast = prepare

    def register_vmap(self, func: Callable | None = None) -> Any:
        """A batching rule; not supported yet."""
        raise NotImplementedError("flambeau: CustomOpDef.register_vmap is not supported yet")

    def register_torch_dispatch(self, torch_dispatch_class: Any, fn: Callable | None = None, /) -> Any:
        """A rule for a ``__torch_dispatch__`` class; not supported yet."""
        raise NotImplementedError("flambeau: CustomOpDef.register_torch_dispatch is not supported yet")

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"


def custom_op(
    name: str,
    fn: Callable | None = None,
    /,
    *,
    mutates_args: str | Iterable[str],
    device_types: Any = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """Make an annotated function an operator, ``torch.ops.<namespace>.<name>``. Also a decorator.

    Args:
        name: ``"namespace::name"``.
        mutates_args: names of the tensors that it writes to, or "unknown".
        device_types: the device types that the function is for; None: all. Others are added by ``register_kernel``.
        schema: PyTorch's text of the parameters; inferred from the annotations by default.
        tags: for PyTorch's compilers; they change nothing.

    Raises ValueError for annotations that operators do not take; at a call, RuntimeError where a result shares an argument's memory.
    """

    def make(fn: Callable) -> CustomOpDef:
        made = CustomOpDef(name, fn, mutates_args, schema)
        made.register_kernel(device_types, fn)
        functools.update_wrapper(made, fn, updated=())
        return made

    return make if fn is None else make(fn)


def _known(op: Any) -> Any:
    """The operator of a name, an object of ``torch.ops`` or itself. RuntimeError for a name that nothing is registered under."""
    if isinstance(op, str):
        found = registered(*op.split("::", 1)) if "::" in op else None
        if found is None:
            raise RuntimeError(f"operator {op} does not exist")
        return found
    return op.op if isinstance(op, (OpOverload, OpOverloadPacket)) else op


def _changed(setter: str) -> Callable:
    def change(op: Any, func: Callable | None = None, /, *, lib: Any = None, **unused: Any) -> Any:
        target = _known(op)
        if not isinstance(target, _Operator):
            raise RuntimeError(f"operator {op} was not registered by torch.library")

        def keep(fn: Callable) -> Callable:
            setattr(target, setter, fn)
            return fn

        return keep if func is None else keep(func)

    return change


register_fake = _changed("_fake")
register_fake.__name__, register_fake.__doc__ = (
    "register_fake",
    "``CustomOpDef.register_fake`` for an operator by name. Also a decorator.",
)
impl_abstract = register_fake


def register_autograd(
    op: Any, backward: Callable, /, *, setup_context: Callable | None = None, lib: Any = None
) -> None:
    """``CustomOpDef.register_autograd`` for an operator by name."""
    target = _known(op)
    target._backward, target._setup, target._guards = backward, setup_context, True


def register_kernel(op: Any, device_types: Any, func: Callable | None = None, /, *, lib: Any = None) -> Any:
    """``CustomOpDef.register_kernel`` for an operator by name. Also a decorator."""
    return CustomOpDef.register_kernel(_known(op), device_types, func)


def register_autocast(op: Any, device_type: str, cast_inputs: dtype, /, *, lib: Any = None) -> None:
    """``CustomOpDef.register_autocast`` for an operator by name."""
    CustomOpDef.register_autocast(_known(op), device_type, cast_inputs)


def define(qualname: str, schema: str, *, lib: Any = None, tags: Any = ()) -> None:
    """Make an operator without a computation, which :func:`impl` adds."""
    _Operator(qualname, schema)


_TRANSPARENT = ("compositeimplicitautograd", "autograd", "autogradcpu")


def impl(qualname: str, types: Any, func: Callable | None = None, *, lib: Any = None) -> Any:
    """The computation of an operator for device types, "default" for all. Also a decorator.

    Operators that it is made of are differentiated, as those of any function.
    """

    def keep(fn: Callable) -> Callable:
        target = _known(qualname)
        for name in [types] if isinstance(types, str) else types:
            if name.lower() in _TRANSPARENT:
                target._transparent = fn
            elif name.lower() == "meta":
                target._fake = fn
            else:
                everywhere = name.lower() in ("default", "compositeexplicitautograd", "")
                target._kernels["" if everywhere else name.lower()] = fn
        return fn

    return keep if func is None else keep(func)


class Library:
    """Operators of one namespace, defined ("DEF", "FRAGMENT") or given computations ("IMPL")."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(f"Unsupported kind: {kind}")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Make an operator from ``"name(Tensor x) -> Tensor"``; gives its name."""
        name = schema.split("(", 1)[0].strip()
        _Operator(f"{self.ns}::{name.split('.')[0]}", schema[len(name) :])
        return name

    def impl(
        self,
        op_name: Any,
        fn: Callable,
        dispatch_key: str = "",
        *,
        with_keyset: bool = False,
        allow_override: bool = False,
    ) -> None:
        """The computation of an operator for a dispatch key: a device, ``Meta``, ``Autograd`` or a composite one."""
        if with_keyset:
            raise NotImplementedError("flambeau: Library.impl: argument with_keyset is not supported yet")
        name = op_name if isinstance(op_name, str) else op_name.overloadpacket.__name__
        name = name.split("::")[-1].split(".")[0]
        impl(f"{self.ns}::{name}", dispatch_key or self.dispatch_key or "default", fn)

    def _register_fake(self, op_name: str, fn: Callable, **unused: Any) -> None:
        register_fake(f"{self.ns}::{op_name}", fn)


def fallthrough_kernel(*args: Any, **kwargs: Any) -> None:
    """Stands for "the next kernel" in ``Library.impl``; it is not to be called."""
    raise NotImplementedError("fallthrough_kernel() should never be called.")


def _refused(name: str, why: str) -> Callable:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"flambeau: library.{name} is not supported: {why}")

    refuse.__name__, refuse.__doc__ = name, f"Not supported: {why}."
    return refuse


get_ctx = _refused("get_ctx", "no program is traced with symbolic shapes")
get_kernel = _refused("get_kernel", "there is no table of kernels by dispatch key")
opcheck = _refused("opcheck", "it tests an operator against PyTorch's compilers")
register_torch_dispatch = _refused("register_torch_dispatch", "there are no __torch_dispatch__ rules yet")
register_vmap = _refused("register_vmap", "batching rules of custom operators are not there yet")
triton_op = _refused("triton_op", "there is no Triton")
wrap_triton = _refused("wrap_triton", "there is no Triton")
