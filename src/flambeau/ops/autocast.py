"""Automatic mixed precision: which operators compute in which precision, and the state that switches it on.

While autocast is on, a mode stands at the outer end of the modes that are offered each operator. The operators that it lists lose
their known signatures for that time, so that calls of them reach it; all others are found as ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from .. import dtypes
from ..autograd.mode import state as gradients
from ..lazy import window as _window
from ..runtime.devices import device as _device
from ..tensor import Tensor
from .autocast_lists import FULL, LOWER, WIDEST
from .overrides import _resume_rules, _suspend_rules, modes, operators, plain
from .registry import NAMESPACES, export

_DEFAULTS = {"cpu": dtypes.bfloat16, "mps": dtypes.bfloat16, "cuda": dtypes.float16, "xpu": dtypes.float16}


class _State(threading.local):
    def __init__(self):
        self.enabled: set[str] = set()
        self.dtypes = dict(_DEFAULTS)
        self.caching = True
        self.nesting = 0
        self.copies: dict = {}  # id -> (a leaf, its version, its copy in lower precision)


_state = _State()


# -- casting -------------------------------------------------------------------------------------------------------------------


def _eligible(x: Tensor) -> bool:
    return x.dtype.category == 2 and x.dtype is not dtypes.float64 and x.device.type == "cpu"


def _lowered(x: Tensor) -> Tensor:
    """``x`` in autocast's dtype. Of a leaf that requires a gradient the copy is kept: a weight is used many times."""
    target = _state.dtypes["cpu"]
    kept = (_state.caching and gradients.enabled and x.requires_grad and x.is_leaf and x.dtype is dtypes.float32
            and target is not dtypes.float32)
    if not kept:
        return x.to(target)
    found = _state.copies.get(id(x))
    if found is None or found[1] != x._version:
        found = _state.copies[id(x)] = (x, x._version, x.to(target))
    return found[2]


def _each(value, change: Callable[[Tensor], Tensor]):
    """``value`` with ``change`` made to every floating-point tensor in it but float64 ones."""
    if isinstance(value, Tensor):
        return change(value) if _eligible(value) else value
    if value.__class__ in (list, tuple):
        return type(value)([_each(v, change) for v in value])
    return value


def _widest(values) -> dtypes.dtype | None:
    """The largest of the dtypes of tensors among arguments; None where they have one."""
    found: list = []

    def note(x):
        found.append(x.dtype)
        return x

    _each(list(values), note)
    if len(set(found)) < 2:
        return None
    return dtypes.float32 if dtypes.float32 in found or len(set(found)) == 2 else found[0]


def _changed(policy: str, args: tuple, kwargs: dict):
    if policy == "lower":
        change = _lowered
    else:
        target = dtypes.float32 if policy == "full" else _widest((*args, *kwargs.values()))
        if target is None:
            return args, kwargs

        def change(x):
            return x if x.dtype is target else x.to(target)

    return _each(args, change), {k: _each(v, change) for k, v in kwargs.items()}


# -- the mode ------------------------------------------------------------------------------------------------------------------


class _Casting:
    """Offered every public function that is called; casts the arguments of those it lists."""

    _asks = False

    def __torch_function__(self, func, types, args=(), kwargs=None):
        func, kwargs = plain(func), kwargs or {}
        if _window.current.tracing or types or kwargs.get("out") is not None:
            return func(*args, **kwargs)
        policy = _policies().get(func)
        if callable(policy):
            policy = policy(*args, **kwargs)
        if policy is None:
            return self._inside(func, args, kwargs)
        args, kwargs = _changed(policy, args, kwargs)
        return func(*args, **kwargs)

    def _inside(self, func, args, kwargs):
        """A function made of operators: what it calls is cast. An operator is one instruction, whatever is inside."""
        body = getattr(func, "__wrapped__", None)
        if body is None or hasattr(func, "operator"):
            return func(*args, **kwargs)
        previous, modes.stack = modes.stack, (*modes.stack, self)
        try:
            return body(*args, **kwargs)
        finally:
            modes.stack = previous


casting = _Casting()
_known: dict = {}
_listed: list = []


def _policies() -> dict:
    """The policy of each listed function; made at first use, when all operators are declared."""
    if not _known:
        for policy, names in (("lower", LOWER), ("full", FULL), ("widest", WIDEST)):
            for name, condition in names.items():
                namespace, _, own = name.rpartition(".")
                found = NAMESPACES[namespace or "torch"].get(own)
                if found is None:
                    raise RuntimeError(f"flambeau: autocast lists {name}, which is no function")
                _known[found] = policy if condition is None else condition
        _listed.extend(op for op in operators if op.function in _known)
    return _known


def active() -> bool:
    """Whether autocast is on in this thread, on the device that there is."""
    return "cpu" in _state.enabled


def _switch(device_type: str, enabled: bool) -> None:
    before = active()
    (_state.enabled.add if enabled else _state.enabled.discard)(device_type)
    if active() == before:
        return
    _policies()
    if before:
        modes.stack = tuple(m for m in modes.stack if m is not casting)
        _resume_rules(_listed)
    else:
        modes.stack = (casting, *modes.stack)
        _suspend_rules(_listed)


# -- PyTorch's names -----------------------------------------------------------------------------------------------------------


def _public(body: Callable) -> Callable:
    """Export a function. It is not offered to modes: it sets which there are."""
    export("torch", body.__name__, body)
    return body


def _type(device_type: str) -> str:
    kind = _device(device_type).type
    if kind not in _DEFAULTS:
        raise RuntimeError(f"unknown device type for autocast: {kind}")
    return kind


def _flag(name: str, value) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name}(): argument 'enabled' must be bool, not {type(value).__name__}")
    return value


@_public
def is_autocast_enabled(device_type=None) -> bool:
    """Whether autocast is on in this thread for a device type ("cuda" by default)."""
    return _type(device_type or "cuda") in _state.enabled


@_public
def set_autocast_enabled(device_type=None, enabled=None) -> None:
    """``set_autocast_enabled("cpu", True)``; with a bool alone, for "cuda". Prefer ``autocast``."""
    if isinstance(device_type, bool) and enabled is None:
        device_type, enabled = "cuda", device_type
    device_type = "cuda" if device_type is None else device_type
    if not isinstance(device_type, str):
        raise TypeError(f"set_autocast_enabled(): argument 'device_type' must be str, not {type(device_type).__name__}")
    _switch(_type(device_type), _flag("set_autocast_enabled", enabled))


@_public
def is_autocast_cpu_enabled() -> bool:
    """Whether autocast is on in this thread on the CPU."""
    return active()


@_public
def set_autocast_cpu_enabled(enabled) -> None:
    """An old form of ``set_autocast_enabled("cpu", enabled)``."""
    _switch("cpu", _flag("set_autocast_cpu_enabled", enabled))


@_public
def _is_any_autocast_enabled() -> bool:
    """Whether autocast is on for any device type."""
    return bool(_state.enabled)


@_public
def get_autocast_dtype(device_type):
    """The dtype in which listed operators compute under autocast: bfloat16 on the CPU unless it was set."""
    return _state.dtypes[_type(device_type)]


@_public
def set_autocast_dtype(device_type, dtype) -> None:
    """Set the dtype in which listed operators compute under autocast."""
    _state.dtypes[_type(device_type)] = dtype


@_public
def get_autocast_cpu_dtype():
    """``get_autocast_dtype("cpu")``."""
    return _state.dtypes["cpu"]


@_public
def set_autocast_cpu_dtype(dtype) -> None:
    """``set_autocast_dtype("cpu", dtype)``."""
    _state.dtypes["cpu"] = dtype


@_public
def get_autocast_gpu_dtype():
    """``get_autocast_dtype("cuda")``."""
    return _state.dtypes["cuda"]


@_public
def set_autocast_gpu_dtype(dtype) -> None:
    """``set_autocast_dtype("cuda", dtype)``."""
    _state.dtypes["cuda"] = dtype


@_public
def is_autocast_cache_enabled() -> bool:
    """Whether copies of weights in lower precision are kept until autocast ends."""
    return _state.caching


@_public
def set_autocast_cache_enabled(enabled) -> None:
    """Keep copies of weights in lower precision, or make them each time."""
    _state.caching = _flag("set_autocast_cache_enabled", enabled)


@_public
def clear_autocast_cache() -> None:
    """Forget the copies of weights in lower precision."""
    _state.copies.clear()


@_public
def autocast_increment_nesting() -> int:
    """Enter one more block of autocast; gives their number."""
    _state.nesting += 1
    return _state.nesting


@_public
def autocast_decrement_nesting() -> int:
    """Leave a block of autocast; gives the number of those left."""
    _state.nesting -= 1
    return _state.nesting
