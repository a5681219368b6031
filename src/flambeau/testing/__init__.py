"""Comparing tensors in tests."""

from __future__ import annotations

from .comparison import assert_allclose, assert_close
from .making import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
