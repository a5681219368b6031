"""Files in pipes."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = [
    "StreamWrapper",
    "get_file_binaries_from_pathnames",
    "get_file_pathnames_from_root",
    "match_masks",
    "validate_pathname_binary_tuple",
]


class StreamWrapper:
    """An open file that closes when it is forgotten; everything else is the file's."""

    def __init__(self, file_obj: Any, parent_stream: Any = None, name: str | None = None) -> None:
        self.file_obj, self.parent_stream, self.name = file_obj, parent_stream, name
        self.closed = False

    def close(self, *args: Any, **kwargs: Any) -> None:
        """Close the file; a second time does nothing."""
        if not self.closed:
            self.closed = True
            self.file_obj.close(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "file_obj":
            raise AttributeError(name)
        return getattr(self.file_obj, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.file_obj)

    def __next__(self) -> Any:
        return next(self.file_obj)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *dir(self.file_obj)]

    def __del__(self) -> None:
        if "file_obj" in self.__dict__:
            self.close()

    def __repr__(self) -> str:
        return (
            f"StreamWrapper<{self.file_obj!r}>"
            if self.name is None
            else f"StreamWrapper<{self.name},{self.file_obj!r}>"
        )


def match_masks(name: str, masks: str | list[str]) -> bool:
    """Whether a name matches one of the patterns; all do where there are none."""
    patterns = [masks] if isinstance(masks, str) else masks
    return not masks or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def get_file_pathnames_from_root(
    root: str, masks: str | list[str], recursive: bool = False, abspath: bool = False, non_deterministic: bool = False
) -> Iterable[str]:
    """The files below a folder whose names match, in order; a file itself is its only one."""
    if os.path.isfile(root):
        if match_masks(os.path.basename(root), masks):
            yield os.path.abspath(root) if abspath else root
        return
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            if match_masks(name, masks):
                path = os.path.join(folder, name)
                yield os.path.abspath(path) if abspath else path
        if not recursive:
            return


def get_file_binaries_from_pathnames(
    pathnames: Iterable[str], mode: str, encoding: str | None = None
) -> Iterator[tuple[str, StreamWrapper]]:
    """Each path with its open file."""
    for path in pathnames:
        if not isinstance(path, str):
            raise TypeError(f"Expected string type for pathname, but got {type(path)}")
        yield path, StreamWrapper(open(path, _mode(mode), encoding=encoding))  # noqa: SIM115


def _mode(mode: str) -> str:
    return "r" + mode if mode in ("b", "t") else mode


def validate_pathname_binary_tuple(data: Any) -> None:
    """Raises TypeError unless it is a pair of a path and an open file."""
    if not isinstance(data, tuple) or len(data) != 2 or not isinstance(data[0], str) or not hasattr(data[1], "read"):
        raise TypeError(f"expected a pair of a path and an open file, got {data!r}")
