"""Hooks of modules: their registers, and the way a call takes when there are any."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...autograd import is_grad_enabled
from ...tensor import Tensor
from ...utils.hooks import RemovableHandle
from ._functions import BackwardHookFunction

if TYPE_CHECKING:
    from .module import Module

# False until the first hook of a call is registered anywhere. `Module.__call__` looks at nothing else.
anywhere = False


class HookDict(OrderedDict):
    """Hooks by handle id, in the order they run. The first entry in any of them sets `anywhere`."""

    def __setitem__(self, hook_id: int, hook: Any) -> None:
        global anywhere
        anywhere = True
        super().__setitem__(hook_id, hook)


_global_buffer_registration_hooks: dict[int, Callable] = OrderedDict()
_global_module_registration_hooks: dict[int, Callable] = OrderedDict()
_global_parameter_registration_hooks: dict[int, Callable] = OrderedDict()

_global_backward_pre_hooks: dict[int, Callable] = HookDict()
_global_backward_hooks: dict[int, Callable] = HookDict()
_global_is_full_backward_hook: bool | None = None
_global_forward_pre_hooks: dict[int, Callable] = HookDict()
_global_forward_hooks: dict[int, Callable] = HookDict()
_global_forward_hooks_always_called: dict[int, bool] = HookDict()
_global_forward_hooks_with_kwargs: dict[int, bool] = HookDict()


def add_hook(
    hooks: dict, hook: Callable, *, prepend: bool = False, flags: list[dict] | None = None
) -> RemovableHandle:
    """Register ``hook`` and return the handle that removes it, from ``flags`` too."""
    handle = RemovableHandle(hooks, extra_dict=flags)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` at each registration of a buffer; its result replaces it."""
    return add_hook(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` at each registration of a submodule; its result replaces it."""
    return add_hook(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, param)`` at each registration of a parameter; its result replaces it."""
    return add_hook(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, args)`` before the forward of every module."""
    return add_hook(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the forward of every module.

    ``with_kwargs`` adds the keyword arguments after ``args``; ``always_call`` runs the hook even
    where forward raised.
    """
    flags = [_global_forward_hooks_with_kwargs, _global_forward_hooks_always_called]
    handle = add_hook(_global_forward_hooks, hook, flags=flags)
    if with_kwargs:
        _global_forward_hooks_with_kwargs[handle.id] = True
    if always_call:
        _global_forward_hooks_always_called[handle.id] = True
    return handle


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before the backward of every module."""
    return add_hook(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` after the backward of every module."""
    _set_global_kind(full=True)
    return add_hook(_global_backward_hooks, hook)


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """Deprecated form of :func:`register_module_full_backward_hook`: sees the last operation only."""
    _set_global_kind(full=False)
    return add_hook(_global_backward_hooks, hook)


def _set_global_kind(full: bool) -> None:
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
            "Please use only one of them."
        )
    _global_is_full_backward_hook = full


class _WrappedHook:
    """A hook that gets its module as first argument without keeping the module alive."""

    def __init__(self, hook: Callable, module: Any = None) -> None:
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.with_module = module is not None
        if self.with_module:
            self.module = weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict:
        state = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state: dict) -> None:
        self.hook = state["hook"]
        self.with_module = state["with_module"]
        if not self.with_module:
            return
        if state["module"] is None:
            raise RuntimeError("You are trying to revive the hook of a dead Module!")
        self.module = weakref.ref(state["module"])


class HooksMixin:
    """The part of :class:`Module` that registers hooks of its calls and of its backward."""

    _backward_pre_hooks: dict[int, Callable]
    _backward_hooks: dict[int, Callable]
    _is_full_backward_hook: bool | None
    _forward_hooks: dict[int, Callable]
    _forward_hooks_with_kwargs: dict[int, bool]
    _forward_hooks_always_called: dict[int, bool]
    _forward_pre_hooks: dict[int, Callable]
    _forward_pre_hooks_with_kwargs: dict[int, bool]

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before forward; what it returns replaces the arguments.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)`` and returns both or None.
        ``prepend`` puts it before the hooks that are there.
        """
        flags = [self._forward_pre_hooks_with_kwargs]
        handle = add_hook(self._forward_pre_hooks, hook, prepend=prepend, flags=flags)
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        return handle

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after forward; what it returns replaces the output.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``. ``always_call`` runs it even
        where forward raised, ``prepend`` puts it before the hooks that are there.
        """
        flags = [self._forward_hooks_with_kwargs, self._forward_hooks_always_called]
        handle = add_hook(self._forward_hooks, hook, prepend=prepend, flags=flags)
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        return handle

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the module's backward; may replace grad_output."""
        return add_hook(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` after the backward; may replace grad_input."""
        self._set_backward_kind(full=True)
        return add_hook(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """Deprecated form of :meth:`register_full_backward_hook`: sees the last operation only."""
        self._set_backward_kind(full=False)
        return add_hook(self._backward_hooks, hook)

    def _set_backward_kind(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. "
                "Please use only one of them."
            )
        self._is_full_backward_hook = full

    def _get_backward_hooks(self) -> tuple[list[Callable], list[Callable]]:
        """Return the full backward hooks and the deprecated ones, the global hooks first."""
        hooks: dict[bool, list[Callable]] = {True: [], False: []}
        if _global_is_full_backward_hook is not None:
            hooks[_global_is_full_backward_hook] += _global_backward_hooks.values()
        if self._is_full_backward_hook is not None:
            hooks[self._is_full_backward_hook] += self._backward_hooks.values()
        return hooks[True], hooks[False]

    def _get_backward_pre_hooks(self) -> list[Callable]:
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]


def has_call_hooks(module: Module) -> bool:
    return bool(
        module._backward_hooks
        or module._backward_pre_hooks
        or module._forward_hooks
        or module._forward_pre_hooks
        or _global_backward_pre_hooks
        or _global_backward_hooks
        or _global_forward_hooks
        or _global_forward_pre_hooks
    )


def call_with_hooks(module: Module, args: tuple, kwargs: dict) -> Any:
    """Call ``module.forward`` with all its hooks and the global ones around it."""
    call = _HookedCall(module, args, kwargs)
    try:
        return call.run()
    except Exception:
        call.run_hooks_due_after_failure()
        raise


class _HookedCall:
    """One call of a module: its arguments and its result as the hooks have changed them so far."""

    def __init__(self, module: Module, args: tuple, kwargs: dict) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.always_called: set[int] = set()

    def run(self) -> Any:
        module = self.module
        full_hooks, regular_hooks = module._get_backward_hooks()
        pre_hooks = module._get_backward_pre_hooks()
        self.run_forward_pre_hooks()

        backward_hook = None
        if full_hooks or pre_hooks:
            backward_hook = BackwardHook(module, full_hooks, pre_hooks)
            self.args = backward_hook.setup_input_hook(self.args)

        self.result = module.forward(*self.args, **self.kwargs)
        self.run_forward_hooks()

        if backward_hook is not None:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                    f"but received {type(self.result)}",
                    stacklevel=5,
                )
            self.result = backward_hook.setup_output_hook(self.result)
        if regular_hooks:
            _attach_regular_backward_hooks(module, regular_hooks, self.args, self.result)
        return self.result

    def run_forward_pre_hooks(self) -> None:
        module = self.module
        for hook_id, hook in (*_global_forward_pre_hooks.items(), *module._forward_pre_hooks.items()):
            if hook_id in module._forward_pre_hooks_with_kwargs:
                changed = hook(module, self.args, self.kwargs)
                if changed is None:
                    continue
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {changed}."
                    )
                self.args, self.kwargs = changed
            else:
                changed = hook(module, self.args)
                if changed is not None:
                    self.args = changed if isinstance(changed, tuple) else (changed,)

    def run_forward_hooks(self) -> None:
        for hook_id, hook in (*_global_forward_hooks.items(), *self.module._forward_hooks.items()):
            if self.is_always_called(hook_id):
                self.always_called.add(hook_id)
            self.run_forward_hook(hook_id, hook)

    def run_hooks_due_after_failure(self) -> None:
        for hook_id, hook in (*_global_forward_hooks.items(), *self.module._forward_hooks.items()):
            if not self.is_always_called(hook_id) or hook_id in self.always_called:
                continue
            try:
                self.run_forward_hook(hook_id, hook)
            except Exception as error:
                scope = "global module" if hook_id in _global_forward_hooks else "module"
                warnings.warn(
                    f"{scope} forward hook with ``always_call=True`` raised an exception "
                    f"that was silenced as another error was raised in forward: {error}",
                    stacklevel=5,
                )

    def is_always_called(self, hook_id: int) -> bool:
        return (
            hook_id in self.module._forward_hooks_always_called
            or hook_id in _global_forward_hooks_always_called
        )

    def run_forward_hook(self, hook_id: int, hook: Callable) -> None:
        module = self.module
        if hook_id in module._forward_hooks_with_kwargs or hook_id in _global_forward_hooks_with_kwargs:
            changed = hook(module, self.args, self.kwargs, self.result)
        else:
            changed = hook(module, self.args, self.result)
        if changed is not None:
            self.result = changed


def _attach_regular_backward_hooks(module: Module, hooks: list[Callable], args: tuple, result: Any) -> None:
    """Hang deprecated (not full) backward hooks on the operation that made the first output."""
    output = result
    while not isinstance(output, Tensor):
        if isinstance(output, dict):
            output = next(value for value in output.values() if isinstance(value, Tensor))
        else:
            output = output[0]
    grad_fn = output.grad_fn
    if grad_fn is None:
        return
    for hook in hooks:
        grad_fn.register_hook(_WrappedHook(hook, module))
    _warn_if_hook_sees_too_little(args, result, grad_fn)


def _warn_if_hook_sees_too_little(inputs: Any, result: Any, grad_fn: Any) -> None:
    def warn(reason: str, missing: str, hint: bool = True) -> None:
        advice = " Please use register_full_backward_hook to get the documented behavior." if hint else ""
        message = f"{reason} is deprecated and will be removed in future versions. This hook will be missing "
        warnings.warn(f"{message}some {missing}.{advice}", FutureWarning, stacklevel=7)

    def as_tensors(value: Any) -> tuple | None:
        values = (value,) if isinstance(value, Tensor) else value
        return values if isinstance(values, tuple) and all(isinstance(v, Tensor) for v in values) else None

    outputs, inputs = as_tensors(result), as_tensors(inputs)
    if outputs is None:
        reason = (
            "Using non-full backward hooks on a Module that does not return a single Tensor "
            "or a tuple of Tensors"
        )
        return warn(reason, "of the grad_output")
    if inputs is None:
        reason = (
            "Using non-full backward hooks on a Module that does not take as input a single Tensor "
            "or a tuple of Tensors"
        )
        return warn(reason, "of the grad_input")

    makers = {out.grad_fn for out in outputs if out.grad_fn is not None}
    if grad_fn not in makers:
        reason = "Using a non-full backward hook when outputs are nested in python data structure"
        return warn(reason, "grad_output", hint=False)
    if len(makers) > 1:
        reason = "Using a non-full backward hook when outputs are generated by different autograd Nodes"
        return warn(reason, "grad_output")
    input_makers = {x.grad_fn for x in inputs if x.grad_fn is not None}
    if input_makers != {node for node, _ in grad_fn.next_functions}:
        warn("Using a non-full backward hook when the forward contains multiple autograd Nodes", "grad_input")


class BackwardHook:
    """The full backward hooks of one call: a gate on the module's inputs and one on its outputs.

    On the way back the output gate meets ``grad_output`` and runs the pre-hooks; the input gate
    meets ``grad_input`` and runs the hooks, with the ``grad_output`` that was seen before.
    """

    def __init__(self, module: Module, hooks: list[Callable], pre_hooks: list[Callable]) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_outputs: tuple | None = None
        self.n_inputs = 0
        self.n_outputs = 0
        # Which inputs and outputs are tensors behind the gate; empty without a gate.
        self.input_positions: list[int] = []
        self.output_positions: list[int] = []

    def setup_input_hook(self, args: tuple) -> tuple:
        args, self.input_positions = _pass_tensors(args, self.on_grad_inputs, keep_missing=False)
        self.n_inputs = len(args)
        return args

    def setup_output_hook(self, result: Any) -> Any:
        outputs = result if isinstance(result, tuple) else (result,)
        outputs, self.output_positions = _pass_tensors(outputs, self.on_grad_outputs, keep_missing=True)
        self.n_outputs = len(outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    def on_grad_inputs(self, grads: tuple) -> tuple:
        if self.grad_outputs is None:  # the outputs took no part in this backward
            return grads
        grad_inputs = _scatter(self.input_positions, grads, self.n_inputs)
        for hook in self.hooks:
            changed = hook(self.module, grad_inputs, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != len(grad_inputs):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(changed)}, "
                    f"but expected {len(grad_inputs)}"
                )
            grad_inputs = changed
        self.grad_outputs = None
        return tuple(grad_inputs[i] for i in self.input_positions)

    def on_grad_outputs(self, grads: tuple) -> tuple:
        grad_outputs = _scatter(self.output_positions, grads, self.n_outputs)
        for hook in self.pre_hooks:
            changed = hook(self.module, grad_outputs)
            if changed is None:
                continue
            if len(changed) != self.n_outputs:
                raise RuntimeError(
                    f"Backward pre hook returned an invalid number of grad_output, got {len(changed)}, "
                    f"but expected {self.n_outputs}"
                )
            grad_outputs = changed
        self.grad_outputs = grad_outputs
        if not self.input_positions:
            self.run_hooks_without_inputs()
        return tuple(grad_outputs[i] for i in self.output_positions)

    def run_hooks_without_inputs(self) -> None:
        """No input requires a gradient, so no input gate will ever run: call the hooks now."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs "
            "since no inputs require gradients.",
            stacklevel=5,
        )
        for hook in self.hooks:
            changed = hook(self.module, (None,) * self.n_inputs, self.grad_outputs)
            if changed is not None and any(grad is not None for grad in changed):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None "
                    "or None for all gradients."
                )
        self.grad_outputs = None


def _pass_tensors(values: tuple, callback: Callable, keep_missing: bool) -> tuple[tuple, list[int]]:
    """Put a gate behind the tensors among ``values``; also give their positions, none without a gate."""
    positions = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    if not (is_grad_enabled() and any(values[i].requires_grad for i in positions)):
        return values, []
    passed = BackwardHookFunction.apply(callback, keep_missing, *[values[i] for i in positions])
    gated = list(values)
    for position, tensor in zip(positions, passed):
        gated[position] = tensor
    return (tuple(gated) if type(values) is tuple else type(values)(*gated)), positions


def _scatter(positions: list[int], values: tuple, size: int) -> tuple:
    scattered = [None] * size
    for position, value in zip(positions, values):
        scattered[position] = value
    return tuple(scattered)
