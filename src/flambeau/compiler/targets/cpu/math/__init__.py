"""Elementary functions as inline IR, for float and double, scalars and vectors of any number of lanes."""

from __future__ import annotations

from flambeau.compiler.targets.cpu.math.functions import NAMES, emit

__all__ = ["NAMES", "emit"]
