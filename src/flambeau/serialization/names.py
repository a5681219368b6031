"""The names that classes and functions have in PyTorch's files."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from .. import _utils, dtypes
from ..lazy.spec import Size
from ..nn.parameter import Buffer, Parameter
from ..ops.storages import STORAGE_CLASSES, TypedStorage, UntypedStorage
from ..runtime import devices
from ..tensor import Tensor

# Where the place of something is not simply flambeau's module with "torch" for "flambeau".
_PLACES: dict[tuple[str, str], Any] = {
    ("torch", "Tensor"): Tensor,
    ("torch", "Size"): Size,
    ("torch", "device"): devices.device,
    ("torch", "dtype"): dtypes.dtype,
    ("torch.storage", "TypedStorage"): TypedStorage,
    ("torch.storage", "UntypedStorage"): UntypedStorage,
    ("torch", "UntypedStorage"): UntypedStorage,
    ("torch.nn.parameter", "Parameter"): Parameter,
    ("torch.nn.parameter", "Buffer"): Buffer,
    ("torch.serialization", "_get_layout"): _utils._get_layout,
    ("torch._tensor", "_rebuild_from_type_v2"): _utils._rebuild_from_type_v2,
    **{("torch._utils", name): getattr(_utils, name) for name in _utils.__all__},
    **{("torch", name): cls for name, cls in STORAGE_CLASSES.items()},
    **{("torch", d.name): d for d in dtypes.ALL},
}
_NAMES = {id(value): place for place, value in reversed(list(_PLACES.items()))}


def place_of(value: Any, module: str, name: str) -> tuple[str, str]:
    """The module and name under which PyTorch knows what flambeau has as ``module.name``."""
    found = _NAMES.get(id(value))
    if found is not None:
        return found
    if module == "flambeau" or module.startswith("flambeau."):
        return "torch" + module.removeprefix("flambeau"), name
    return module, name


def find(module: str, name: str) -> Any:
    """What flambeau has for PyTorch's ``module.name``; other modules are imported as they are.

    Raises AttributeError or ImportError where there is no such thing.
    """
    found = _PLACES.get((module, name))
    if found is not None:
        return found
    if module == "torch" or module.startswith("torch."):
        module = "flambeau" + module.removeprefix("torch")
    import_module(module)
    value = sys.modules[module]
    for part in name.split("."):
        value = getattr(value, part)
    return value
