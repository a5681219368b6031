"""Whether the components of sparse tensors are checked when they are made."""

from __future__ import annotations

import functools
from collections.abc import Callable

from ..ops.sparse.invariants import state


class check_sparse_tensor_invariants:
    """Within the block (or the decorated function), checks of new sparse tensors are on, or off with ``enable=False``.

    ``enable()``, ``disable()`` and ``is_enabled()`` of the class itself concern the whole thread.
    """

    def __init__(self, enable: bool = True) -> None:
        self.state = enable
        self.saved_state: bool | None = None

    @staticmethod
    def is_enabled() -> bool:
        """Whether new sparse tensors are checked."""
        return state.enabled

    @staticmethod
    def enable() -> None:
        """Check new sparse tensors from now on."""
        state.enabled = True

    @staticmethod
    def disable() -> None:
        """Check new sparse tensors no longer."""
        state.enabled = False

    def __enter__(self) -> None:
        if self.saved_state is not None:
            raise RuntimeError(
                "This context manager instance is already activated. Use a different instance for nesting."
            )
        self.saved_state = state.enabled
        state.enabled = self.state

    def __exit__(self, *exc: object) -> None:
        assert self.saved_state is not None
        state.enabled, self.saved_state = self.saved_state, None

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def checked(*args, **kwargs):
            with type(self)(self.state):
                return function(*args, **kwargs)

        return checked
