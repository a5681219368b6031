"""Helpers of pipes."""

from __future__ import annotations

from . import common

__all__ = ["common"]
