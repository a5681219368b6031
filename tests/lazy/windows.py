"""Helpers of the tests of recording: how much is pending, and running code until its windows are compiled."""

from __future__ import annotations

import os

import pytest

from flambeau.lazy import window

EAGER = os.environ.get("FLAMBEAU_EAGER", "0") not in ("", "0")
NUMPY_ONLY = os.environ.get("FLAMBEAU_BACKEND", "") == "numpy"

lazy_only = pytest.mark.skipif(EAGER, reason="every instruction is run at once")
compiled_only = pytest.mark.skipif(EAGER or NUMPY_ONLY, reason="about what compiled windows do")


def pending() -> int:
    """The number of recorded instructions that were not run yet."""
    return len(window.current.code)


def settle() -> None:
    """Run what earlier tests left."""
    window.run()


def repeatedly(function, times: int = 4):
    """The results of calling ``function`` until its windows were seen often enough to be compiled."""
    return [function() for _ in range(times)]
