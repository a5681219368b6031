"""``torch.nn.attention``: which kernels attention may choose among. flambeau has one, whose values do not depend on the choice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...backends.cuda import SDPBackend, choosing, enabled_backends

__all__ = ["SDPBackend", "WARN_FOR_UNFUSED_KERNELS", "sdpa_kernel"]

WARN_FOR_UNFUSED_KERNELS = False
SDPBackend.__module__ = "torch.nn.attention"


@contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[None]:
    """A block in which ``scaled_dot_product_attention`` may choose among these kinds of kernels, in this order if ``set_priority``.

    The choice is kept and changes nothing. Raises AssertionError for what is no ``SDPBackend``.
    """
    kinds = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(kinds, list) or not all(isinstance(kind, SDPBackend) for kind in kinds):
        raise AssertionError(f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got {backends}")
    with choosing(kinds):
        yield


_cur_sdpa_kernel_backends = enabled_backends
