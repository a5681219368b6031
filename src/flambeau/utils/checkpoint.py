"""Memory for time: a checkpointed part of a program forgets what it computed and computes it again in backward.

Two ways, as in PyTorch. Without ``use_reentrant`` hooks on saved tensors put a ticket in the place of each; the first
ticket that backward shows runs the function again, which fills in all of them. With ``use_reentrant=True`` the part is
one :class:`~flambeau.autograd.Function` whose backward runs the function with a graph, and passes that graph.
"""

from __future__ import annotations

import enum
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from .. import ops
from ..amp import autocast
from ..autograd import Function, backward, enable_grad, no_grad
from ..autograd.engine import backward_runs, current_run
from ..autograd.graph import saved_tensors_hooks
from ..random import fork_rng, get_rng_state, set_rng_state
from ..tensor import Tensor

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "CheckpointPolicy",
    "DefaultDeviceType",
    "GraphExecGroup",
    "SelectiveCheckpointContext",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "create_selective_checkpoint_contexts",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]

_early_stop: bool | None = None  # what set_checkpoint_early_stop asks for; None leaves it to checkpoint's argument


class CheckpointError(RuntimeError):
    """The second computation of a checkpointed function does not fit the first."""


class _Stop(Exception):
    """Ends a second computation that has given all that backward needs."""


class DefaultDeviceType:
    """The accelerator that is assumed where no argument tells: "cuda" unless it was set. flambeau runs on the CPU alone."""

    _default = "cuda"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Set it."""
        DefaultDeviceType._default = device

    @staticmethod
    def get_device_type() -> str:
        """What was set."""
        return DefaultDeviceType._default


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The accelerators that the tensors in ``args`` are on and the states of their generators: none."""
    return [], []


def set_device_states(devices: list[int], states: list[Tensor], *, device_type: str | None = None) -> None:
    """Set the generators of accelerators. There is none: RuntimeError for any device."""
    if devices:
        name = device_type or DefaultDeviceType.get_device_type()
        raise RuntimeError(f"set_device_states: there is no {name} device, got devices={devices!r}")


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """``inputs`` with every tensor detached; ``requires_grad`` stays as it was. RuntimeError for what is no tuple."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(_detached(value) if isinstance(value, Tensor) else value for value in inputs)


def _detached(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_(tensor.requires_grad)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn where no tensor in ``inputs`` requires grad: a reentrant checkpoint then gives no gradients at all."""
    if not any(value.requires_grad for value in inputs if isinstance(value, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def noop_context_fn() -> tuple[AbstractContextManager, AbstractContextManager]:
    """The default ``context_fn``: two blocks that do nothing."""
    return nullcontext(), nullcontext()


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within the block, whether checkpoints stop the second computation as soon as backward has what it needs.

    It has the last word over the argument ``early_stop`` of :func:`checkpoint`.
    """
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Within the block, whether checkpoints keep a log of their operators; ``True`` is not supported yet."""
    if enabled:
        raise NotImplementedError("flambeau: set_checkpoint_debug_enabled: argument enabled=True is not supported yet")
    yield


class _Surroundings:
    """What a function finds when it is called and must find again: autocast and, if wanted, the random state."""

    def __init__(self, keep_random_state: bool) -> None:
        self.random_state = get_rng_state() if keep_random_state else None
        self.autocast = (ops.get_autocast_dtype("cpu"), ops.is_autocast_enabled("cpu"), ops.is_autocast_cache_enabled())

    @contextmanager
    def again(self) -> Iterator[None]:
        """The same surroundings; the random state after the block is that before it."""
        with fork_rng(enabled=self.random_state is not None), autocast("cpu", *self.autocast), enable_grad():
            if self.random_state is not None:
                set_rng_state(self.random_state)
            yield


class CheckpointFunction(Function):
    """The reentrant checkpoint: ``apply(function, preserve_rng_state, *args)``. Called by :func:`checkpoint`."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable, preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.surroundings = _Surroundings(preserve_rng_state)
        ctx.values = [None if isinstance(value, Tensor) else value for value in args]
        ctx.places = [i for i, value in enumerate(args) if isinstance(value, Tensor)]
        ctx.save_for_backward(*[args[i] for i in ctx.places])
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        if current_run().wanted is not None:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(): use checkpoint(..., use_reentrant=False) there."
            )
        args = list(ctx.values)
        for place, tensor in zip(ctx.places, ctx.saved_tensors):
            args[place] = _detached(tensor)
        with ctx.surroundings.again():
            results = ctx.run_function(*args)
        results = (results,) if isinstance(results, Tensor) else results
        pairs = [(r, g) for r, g in zip(results, grads) if isinstance(r, Tensor) and r.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([r for r, _ in pairs], [g for _, g in pairs])
        return (None, None, *[value.grad if isinstance(value, Tensor) else None for value in args])


class _Inputs(Function):
    """Keeps a function's arguments, and lets the hooks that surround the checkpoint see the tensors among them."""

    @staticmethod
    def forward(ctx: Any, witness: Tensor, values: list, *tensors: Tensor) -> Tensor:
        ctx.values = values
        ctx.save_for_backward(*tensors)
        return witness.new_empty(0)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise AssertionError("the arguments of a checkpoint have no gradient of their own")


def _keep(args: tuple) -> Any:
    """The node that has ``args``; None where no graph is being made."""
    tensors = [value for value in args if isinstance(value, Tensor)]
    values = [Tensor if isinstance(value, Tensor) else value for value in args]
    return _Inputs.apply(ops.NAMESPACES["torch"]["empty"]((0,), requires_grad=True), values, *tensors).grad_fn


def _kept(node: Any) -> list:
    tensors = iter(node.saved_tensors)
    return [next(tensors) if value is Tensor else value for value in node.values]


class _Ticket:
    """Stands in the graph for a saved tensor."""

    __slots__ = ("__weakref__",)


class _Refill:
    """One second computation: what it saved, by ticket."""

    def __init__(self) -> None:
        self.count = 0
        self.tensors: weakref.WeakKeyDictionary[_Ticket, Tensor] = weakref.WeakKeyDictionary()


class _Frame:
    """A call of a checkpointed function: its tickets, in order, and how to run it again."""

    def __init__(self, run: Callable[[], Any], early_stop: bool, describe: Callable | None) -> None:
        self.run = run
        self.early_stop = early_stop
        self.describe = describe
        self.tickets: list[weakref.ref[_Ticket]] = []
        self.descriptions: list[Any] = []
        self.complete = False  # whether the first computation has ended
        self.refills: weakref.WeakKeyDictionary[Any, _Refill] = weakref.WeakKeyDictionary()

    def issue(self, tensor: Tensor) -> _Ticket:
        """A ticket for a tensor of the first computation."""
        ticket = _Ticket()
        self.tickets.append(weakref.ref(ticket))
        if self.describe is not None:
            self.descriptions.append(self.describe(tensor))
        return ticket

    def redeem(self, ticket: _Ticket) -> Tensor:
        """The tensor again, once in each backward pass."""
        backward_pass = current_run() if backward_runs() else self  # outside a pass nothing is remembered
        refill = self.refills.get(backward_pass)
        if refill is None:
            refill = self._refill(backward_pass)
        if ticket not in refill.tensors:
            raise CheckpointError(
                "torch.utils.checkpoint: Unpack is being triggered for a tensor that was either never recomputed, or already "
                "unpacked once. If you are calling ctx.saved_tensors in backward, make sure to do so only once. Otherwise "
                "please open an issue with details on your use case."
            )
        return refill.tensors.pop(ticket)

    def _refill(self, backward_pass: Any) -> _Refill:
        refill = _Refill()
        if backward_pass is not self:
            self.refills[backward_pass] = refill
        with saved_tensors_hooks(lambda tensor: self._refind(refill, tensor), lambda tensor: tensor):
            try:
                self.run()
            except _Stop as stop:
                if stop.args[0] is not refill:
                    raise
        if self.complete and refill.count != len(self.tickets):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.tickets)}\n"
                f"Number of tensors saved during recomputation: {refill.count}."
            )
        return refill

    def _refind(self, refill: _Refill, tensor: Tensor) -> Tensor:
        """Take the next tensor of the second computation."""
        number = refill.count
        if number >= len(self.tickets):
            if self.complete:
                raise CheckpointError(
                    "torch.utils.checkpoint: trying to save more tensors during recomputation than during the original forward pass."
                )
            return tensor.detach()
        if self.describe is not None and self.describe(tensor) != self.descriptions[number]:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the forward "
                f"pass.\ntensor at position {number}:\nsaved metadata: {self.descriptions[number]}\n"
                f"recomputed metadata: {self.describe(tensor)}"
            )
        refill.count += 1
        ticket = self.tickets[number]()
        if ticket is not None:
            refill.tensors[ticket] = tensor.detach()
        if self.early_stop and self.complete and refill.count == len(self.tickets):
            raise _Stop(refill)
        return tensor.detach()


def _metadata(tensor: Tensor) -> dict[str, Any]:
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


_CHECKS: dict[str, Callable | None] = {"default": _metadata, "none": None}


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[AbstractContextManager, AbstractContextManager]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, whose intermediate results are not kept for backward but computed again there.

    Args:
        use_reentrant: which of the two ways; not saying it warns and takes ``True``. ``True`` knows no keyword arguments
            for ``function``, no ``context_fn``, no ``torch.autograd.grad``, and gives gradients only where an argument requires grad.
        context_fn: gives two blocks, one around the first computation and one around the second.
        determinism_check: "default" compares shape, dtype and device of what both computations save, "none" does not.
        debug: ``True`` is not supported yet.
        early_stop: stop the second computation as soon as backward has what it needs.
        preserve_rng_state: (in ``kwargs``, default True) draw the same random numbers in both computations.

    Raises:
        CheckpointError: the second computation saved other tensors than the first.
        ValueError: arguments that the reentrant way does not know; an unknown ``determinism_check``.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly; use_reentrant=False is recommended. "
            "True is taken, for old programs.",
            stacklevel=2,
        )
        use_reentrant = True
    keep_random_state = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, keep_random_state, *args)
    if debug:
        raise NotImplementedError("flambeau: checkpoint: argument debug is not supported yet")
    if determinism_check not in _CHECKS:
        raise ValueError(f"determinism_check should be one of {list(_CHECKS)}, but got {determinism_check}")
    first, second = context_fn()
    node = _keep(args)
    if node is None:  # there will be no backward
        with first:
            return function(*args, **kwargs)
    surroundings = _Surroundings(keep_random_state)

    def run_again() -> None:
        inputs = _kept(node)
        with surroundings.again(), second:
            function(*inputs, **kwargs)

    stops = early_stop if _early_stop is None else _early_stop
    frame = _Frame(run_again, stops, _CHECKS[determinism_check])
    with saved_tensors_hooks(frame.issue, frame.redeem), first:
        result = function(*args, **kwargs)
    frame.complete = True
    return result


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A chain of functions, or an ``nn.Sequential``, in ``segments`` parts of which all but the last are checkpointed.

    ``use_reentrant`` and ``preserve_rng_state`` are as in :func:`checkpoint`. Raises ValueError for other keyword arguments.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly; "
            "use_reentrant=False is recommended. True is taken, for old programs.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if hasattr(functions, "children"):
        functions = list(functions.children())
    size = len(functions) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        part = _chain(functions[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return _chain(functions[last:])(input)


def _chain(functions: list) -> Callable:
    def run(value: Any) -> Any:
        for function in functions:
            value = function(value)
        return value

    return run


class CheckpointPolicy(enum.Enum):
    """What a selective checkpoint does with an operator's result."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


class SelectiveCheckpointContext:
    """What a policy function is told. See :func:`create_selective_checkpoint_contexts`."""

    def __init__(self, *, is_recompute: bool, op_output: Any = None) -> None:
        self.is_recompute = is_recompute
        self.op_output = op_output


def create_selective_checkpoint_contexts(policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False) -> Any:
    """Contexts that choose, operator by operator, what is kept. Not supported yet: it needs ``__torch_dispatch__`` modes."""
    raise NotImplementedError(
        "flambeau: create_selective_checkpoint_contexts is not supported yet: checkpoint whole functions"
    )


class GraphExecGroup:
    """Checkpoints of a graph compiler that share a backward pass. Not supported: flambeau has no such graphs."""

    def __init__(self) -> None:
        raise NotImplementedError(
            "flambeau: GraphExecGroup is not supported: checkpoints of one graph share their backward pass already"
        )
