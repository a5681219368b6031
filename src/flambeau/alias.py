"""``import torch`` means flambeau, once :func:`install` was called.

A finder at the head of ``sys.meta_path`` answers for ``torch`` and ``torchvision`` and for everything below
them with flambeau's own modules: ``torch.nn`` *is* ``flambeau.nn``, the same object, so that classes, hooks
and registries exist once. ``importlib.metadata`` is answered as well: many packages ask it for PyTorch's
version before they import.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution, DistributionFinder

TARGETS = {"torch": "flambeau", "torchvision": "flambeau.vision"}

# The releases whose interface flambeau follows. Programs read them to decide what they may use.
VERSIONS = {"torch": "2.13.0", "torchvision": "0.28.0"}


def install() -> None:
    """Make ``torch`` and ``torchvision`` mean flambeau in every import. A second call does nothing.

    When the packages are imported by that name, their ``__version__`` becomes the one whose interface they
    follow, with ``+flambeau`` added.

    Raises:
        RuntimeError: PyTorch itself was imported before, and two libraries cannot share a name.
    """
    if any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
        return
    for name in TARGETS:
        if name in sys.modules:
            raise RuntimeError(f"flambeau.alias.install: '{name}' was imported already, install before it is")
    sys.meta_path.insert(0, AliasFinder())


def target_of(name: str) -> str | None:
    """The module behind ``name``, as ``flambeau.nn`` for ``torch.nn``; None for names that are no alias."""
    package, dot, rest = name.partition(".")
    if package not in TARGETS:
        return None
    return TARGETS[package] + dot + rest


class AliasFinder:
    """Finds ``torch`` and ``torchvision``, as modules and as installed distributions."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        real_name = target_of(name)
        if real_name is None:
            return None
        module = sys.modules.get(real_name)
        real_spec = module.__spec__ if module else importlib.util.find_spec(real_name)
        if real_spec is None:
            return None
        is_package = real_spec.submodule_search_locations is not None
        loader: Any = AliasLoader(name, real_name)
        return ModuleSpec(name, loader, origin=real_spec.origin, is_package=is_package)

    def find_distributions(self, context: DistributionFinder.Context) -> Iterator[Distribution]:
        from flambeau.alias_metadata import AliasDistribution

        for name, version in VERSIONS.items():
            if context.name is None or context.name.lower() == name:
                yield AliasDistribution(name, version)


class AliasLoader:
    """Loads a module by importing the flambeau module that it stands for.

    It is an ``importlib.abc.Loader`` in all but name: importing that takes longer than the rest of this file.
    """

    def __init__(self, name: str, real_name: str) -> None:
        self.name = name
        self.real_name = real_name
        self.real_spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.real_name)
        self.real_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just put the alias' spec on the module; it stays the module that it was.
        module.__spec__ = self.real_spec
        if self.name in VERSIONS:
            module.__version__ = VERSIONS[self.name] + "+flambeau"  # type: ignore[attr-defined]
