"""From a list of samples to a batch."""

from __future__ import annotations

from ..collate import *  # noqa: F403
from ..collate import __all__  # noqa: F401
