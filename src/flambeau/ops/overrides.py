"""``__torch_function__``: tensor-like classes and modes that take over operators; and ``out=``."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import warnings

from ..autograd.mode import state
from ..dtypes import SCALAR_NAMES, of_python_type
from ..lazy.spec import Spec, contiguous_strides
from ..lazy.window import user_line
from ..tensor import Tensor, _disabled_torch_function_impl, as_subclass, modes
from .plain_arguments import checks, conform, not_a_tensor
from .schema import NUMPY_NAMES, renamed

OPERATORS: dict = {}
operators: list = []  # all of them: two may share a name


def remember(op) -> None:
    """Know an operator by its public name."""
    OPERATORS[op.name] = op
    operators.append(op)


_public: dict = {}  # code of a function that calls an operator -> the operator, and what is offered in its place


def offer_as(function, op, public=None) -> None:
    """Where ``function`` calls ``op``, offer ``public``: a function, a name in Tensor, or by default ``function`` itself."""
    _public[function.__code__] = op, public or function
    if op.function is not None and function is not op.function:
        function.plain = op.function


def plain(public):
    """The function of a namespace for a method that classes and modes are offered; other functions are their own."""
    return getattr(public, "plain", public)


def _called(op):
    """The public function by which an operator was called. The callers' frames tell, so that calls pay nothing for the answer."""
    frame = sys._getframe(2)
    for _ in range(4):
        if frame is None:
            break
        owner, public = _public.get(frame.f_code, (None, None))
        if owner is op or (owner is not None and owner.function is op.function is not None):
            return _named(public)
        frame = frame.f_back
    return op.function or op


def _named(public):
    return getattr(Tensor, public) if public.__class__ is str else public


def in_key(key) -> bool:
    """Whether a signature has an argument whose class takes over operators."""
    for k in key:
        if k.__class__ is Spec and k.override:
            return True
        if k.__class__ is tuple and any(e.__class__ is Spec and e.override for e in k):
            return True
    return False


_plain: set = {Tensor, int, float, bool, complex, str, type(None)}  # classes that are known to take nothing over


def _takes_over(kind: type) -> bool:
    """Whether a class has a ``__torch_function__`` of its own."""
    handler = getattr(kind, "__torch_function__", None)
    if kind is Tensor or handler is None or getattr(handler, "__func__", handler) is _disabled_torch_function_impl:
        if kind is not tuple and kind is not list:  # their elements are asked
            _plain.add(kind)
        return False
    return True


def taken_over(values) -> bool:
    """Whether the class of an argument (or of an element of a list) takes over operators."""
    for v in values:
        kind = v.__class__
        if kind in _plain:
            continue
        if kind is tuple or kind is list:
            if taken_over(v):
                return True
        elif _takes_over(kind):
            return True
    return False


def _overriding(values) -> list:
    """The arguments whose classes take over operators, one of each class."""
    found: list = []
    for v in values:
        for e in v if v.__class__ in (tuple, list) else (v,):
            kind = type(e)
            if kind not in _plain and _takes_over(kind) and not any(type(f) is kind for f in found):
                found.append(e)
    return found


def active(values) -> bool:
    """Whether a call must be offered to a mode or to an argument's class."""
    return (bool(modes.stack) or taken_over(values)) and not modes.disabled


def dispatch(op, values, out=None):
    """Offer the call of an operator to modes and classes, without arguments that have their defaults."""
    kwargs = {} if out is None else {"out": out}
    positional, given = [], 0
    for p, v in zip(op.parameters, values):
        default = not p.required and (v is p.default or (v.__class__ is p.default.__class__ and v == p.default))
        if not p.keyword_only:
            positional.append(v)
            given = given if default else len(positional)
        elif not default:
            kwargs[p.name] = v
    return offer(_called(op), tuple(positional[:given]), kwargs)


def offer(public, args, kwargs):
    """Ask modes (innermost first), then classes (subclasses first), for the result of ``public(*args, **kwargs)``."""
    candidates = _overriding([*args, *kwargs.values()])
    if getattr(public, "spelled", False) and any(getattr(c, "_asks", True) for c in (*modes.stack[-1:], *candidates)):
        args, kwargs = _spelled_out(public, args, kwargs)
    types = tuple(type(c) for c in candidates)
    if modes.stack:
        *outer, mode = modes.stack
        saved, modes.stack = modes.stack, tuple(outer)
        try:
            result = mode.__torch_function__(public, types, args, kwargs)
        finally:
            modes.stack = saved
        if result is not NotImplemented:
            return result
    candidates.sort(key=lambda c: -len(type(c).__mro__))
    for candidate in candidates:
        result = type(candidate).__torch_function__(public, types, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(f"Multiple dispatch failed for '{getattr(public, '__module__', 'torch') or 'torch'}.{public.__name__}'; all "
                    f"__torch_function__ handlers returned NotImplemented, of the types {list(types)}")


def _spelled_out(public, args, kwargs):
    """All arguments, defaults included: what has a default by keyword. So do PyTorch's functions that are written in Python."""
    bound = inspect.signature(public).bind(*args, **kwargs)
    others = bound.arguments.pop("numpy_names", {})  # ``axis`` for ``dim``
    bound.apply_defaults()
    parameters = bound.signature.parameters
    named = {name: v for name, v in bound.arguments.items() if parameters[name].default is not inspect.Parameter.empty}
    positional = tuple([v for name, v in bound.arguments.items() if name not in (*named, "numpy_names")])
    return positional, named if not others else renamed(public.__name__, named, others)


def dispatching(body, *, out: bool = True, classes: bool = True):
    """``body`` as a public function that classes and modes can take over; without ``out``, as a method, whose results are always new.

    Without ``classes`` modes alone are asked. They are offered the function itself, or its attribute ``offered``: another function,
    or a name in Tensor; where it is ``spelled``, with the defaults of all arguments.

    Keywords may have NumPy's names, ``axis`` and ``keepdims`` for ``dim`` and ``keepdim``, and Python's types for dtypes.
    """
    code = getattr(body, "__code__", None)
    if "<locals>" in getattr(body, "__qualname__", ""):
        body.__qualname__ = body.__name__  # which messages of Python's own give
    names = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount] if code is not None else ()
    axis = "dim" in names and "axis" not in names
    typed = "dtype" in names
    new = not out and "out" in names

    first, unusual, known = checks(body) if code is not None else (None, None, ())

    @functools.wraps(body)
    def public(*args, **kwargs):
        if new and kwargs and "out" in kwargs:
            raise TypeError(f"{public.__name__}() got an unexpected keyword argument 'out'")
        if axis and kwargs and ("axis" in kwargs or "keepdims" in kwargs):
            kwargs = {NUMPY_NAMES.get(k, k): v for k, v in kwargs.items()}
        if (modes.stack or (classes and (taken_over(args) or (kwargs and taken_over(kwargs.values()))))) and not modes.disabled:
            return offer(_named(getattr(public, "offered", public)), args, kwargs)
        if typed and kwargs and kwargs.get("dtype").__class__ is type:
            kwargs = {**kwargs, "dtype": of_python_type(kwargs["dtype"])}
        if first is not None and (kwargs or len(args) > first) and unusual(args, kwargs):
            args, kwargs = conform(public.__name__, known, args, kwargs)
        try:
            return body(*args, **kwargs)
        except AttributeError as error:
            wrong = not_a_tensor(public.__name__, body, error, args, kwargs)
            if wrong is None:
                raise
            raise wrong from None

    return public


class DisableTorchFunctionSubclass:
    """Within the block, subclasses are treated as plain tensors."""

    def __enter__(self):
        self._previous = modes.disabled
        modes.disabled = True

    def __exit__(self, *exc):
        modes.disabled = self._previous


suspended = 0  # how many modes are on, in all threads: rules that are found meanwhile are put aside
_entire = 0  # how many of them see all operators
_lock = threading.Lock()


def watch_attributes(on: bool) -> None:
    """Have modes asked for what Tensor has without an operator, or no more; ``asking`` says how."""


def _suspend_rules(among=None) -> None:
    """Send every call (of ``among``) through the general path, which asks modes: known signatures would pass them by."""
    global suspended, _entire
    with _lock:
        suspended += 1
        if among is None:
            _entire += 1
            if _entire > 1:
                return
            watch_attributes(True)
        for op in operators if among is None else among:
            op.aside.update(op.rules)
            op.rules.clear()
            if hasattr(op, "quick"):
                op.quick.clear()


def _resume_rules(among=None) -> None:
    """The end of a mode; with the last of them, what was put aside is known again."""
    global suspended, _entire
    with _lock:
        suspended -= 1
        if among is None:
            _entire -= 1
            if not _entire:
                watch_attributes(False)
        if suspended:
            return
        for op in operators:
            if op.aside:
                op.rules.update(op.aside)
                op.aside.clear()


class TorchFunctionMode:
    """A mode that sees every operator called within its block through its ``__torch_function__``."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))

    def __enter__(self):
        modes.stack = (*modes.stack, self)
        _suspend_rules()
        return self

    def __exit__(self, *exc):
        modes.stack = modes.stack[:-1]
        _resume_rules()


def default_torch_function(cls, func, types, args=(), kwargs=None):
    """What a plain subclass of Tensor does: compute as for tensors, then wrap the results in the subclass."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
    return _convert(result, cls)


def _convert(result, cls):
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else as_subclass(result, cls)
    if isinstance(result, (tuple, list)):
        converted = [_convert(r, cls) for r in result]
        return type(result)(*converted) if hasattr(result, "_fields") else type(result)(converted)
    return result


Tensor.__torch_function__ = classmethod(default_torch_function)


def write_out(name: str, result, out, inputs=(), pair: bool = False):
    """Store a result in the tensors given as ``out=``; gives ``out``.

    Another shape is resized to the result's, with a ``UserWarning`` where elements are lost. ``RuntimeError`` where the dtype
    cannot hold the result, where ``out`` shares a part of its memory with one of ``inputs``, and under gradients.
    """
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"{name}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}")
        written = [write_out(name, r, o, inputs, True) for r, o in zip(result, out)]
        return type(result)(*written) if hasattr(result, "_fields") else type(result)(written)
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    from ..dtypes import can_cast
    from .destinations import SILENT, check_filled, must_match, unlike
    if result.dtype is not out.dtype and must_match(name, pair, out):
        raise unlike(result.dtype, out.dtype)
    check_filled(name, result.dtype, out.dtype)
    if not can_cast(result.dtype, out.dtype):
        raise RuntimeError(f"result type {_scalar_name(result.dtype)} can't be cast to the desired output type {_scalar_name(out.dtype)}")
    if result.device != out.device:
        raise RuntimeError(f"{name}(): expected out= on device {result.device}, got {out.device}")
    if state.enabled and (out.requires_grad or result.requires_grad):
        raise RuntimeError(f"{name}(): functions with out=... arguments don't support automatic differentiation, "
                           "but one of the arguments requires grad.")
    if out.shape != result.shape:
        _resize_out(out, result, name in SILENT)
    if inputs:
        from .inplace import check_overlap
        check_overlap(name, out, inputs)
    out.copy_(result)
    return out


def _resize_out(out: Tensor, result: Tensor, silent: bool) -> None:
    """Give ``out`` the shape of ``result`` and its order in memory."""
    from .promotion import _dense_memory
    from .storages import restride
    if out.numel() and not silent:
        place = user_line().rpartition(":")
        warnings.warn_explicit(
            f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not match the "
            f"required output shape {list(result.shape)}. This behavior is deprecated, and in a future PyTorch release outputs "
            "will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by resizing it, "
            "inplace, to zero elements with t.resize_(0).", UserWarning, place[0], int(place[2]))
    restride(out, result.shape, result.stride() if _dense_memory(result._spec) else contiguous_strides(result.shape), out._offset)


def _scalar_name(dtype) -> str:
    return SCALAR_NAMES[dtype.name]
