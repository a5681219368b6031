"""Anomaly mode: backward errors and NaN gradients name the line of the forward operator."""

from __future__ import annotations

import warnings

enabled = False
_check_nan = True


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection looks for NaN gradients."""
    return _check_nan


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Turn anomaly detection on or off."""
    set_detect_anomaly(mode, check_nan)


class set_detect_anomaly:
    """Turn anomaly detection on or off; as a function or as a context manager."""

    def __init__(self, mode: bool, check_nan: bool = True):
        global enabled, _check_nan
        self._previous = (enabled, _check_nan)
        enabled, _check_nan = bool(mode), check_nan

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        global enabled, _check_nan
        enabled, _check_nan = self._previous


class detect_anomaly:
    """Within the block, a failing backward names the line that recorded the operator, and a NaN gradient is an error."""

    def __init__(self, check_nan: bool = True):
        self.check_nan = check_nan
        warnings.warn("Anomaly Detection has been enabled. This mode will increase the runtime and should only be "
                      "enabled for debugging.", stacklevel=2)

    def __enter__(self):
        self._mode = set_detect_anomaly(True, self.check_nan)

    def __exit__(self, *exc):
        self._mode.__exit__()


def guarded(node, gradients, create_graph: bool):
    """``node.apply`` with anomaly mode's checks."""
    try:
        results = node.apply(gradients, create_graph)
    except Exception:
        _name_forward_call(node)
        raise
    for i, result in enumerate(results) if _check_nan else ():
        if result is not None and result.dtype.category >= 2 and bool((result != result).any()):
            _name_forward_call(node)
            where = f" The forward call was recorded at {node.line}." if node.line else ""
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.{where}")
    return results


def _name_forward_call(node) -> None:
    if node.line:
        warnings.warn(f"Error detected in {node.name()}. The forward call was recorded at {node.line}", stacklevel=2)
    else:
        warnings.warn(f"Error detected in {node.name()}. No forward pass information available: anomaly detection was off "
                      "when it was recorded.", stacklevel=2)
