"""What ``importlib.metadata`` finds for ``torch`` under the import alias.

A module of its own, because ``importlib.metadata`` is slow to import and most programs never ask.
"""

from __future__ import annotations

from importlib.metadata import Distribution
from os import PathLike
from pathlib import Path


class AliasDistribution(Distribution):
    """A distribution that has a name and a version and no files."""

    def __init__(self, name: str, version: str) -> None:
        self._texts = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: flambeau\n",
            "top_level.txt": name + "\n",
        }

    def read_text(self, filename: str | PathLike[str]) -> str | None:
        return self._texts.get(str(filename))

    def locate_file(self, path: str | PathLike[str]) -> Path:
        return Path(__file__).parent / path
