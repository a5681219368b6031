"""Machine code kept on disk between processes.

One file an object, named by its key. A file is written under a temporary name and renamed, so several
processes may share the folder; it carries a checksum, so a damaged one is the same as an absent one. Nothing
here raises: a cache that cannot be used costs time, never a program.

Environment: ``FLAMBEAU_CACHE=0`` turns the cache off, ``FLAMBEAU_CACHE_DIR`` moves it (default
``$XDG_CACHE_HOME/flambeau`` or ``~/.cache/flambeau``), ``FLAMBEAU_CACHE_SIZE`` bounds it in MiB (default
256).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time

_MAGIC = b"flambeau-object\n"
_DIGEST_BYTES = 32
_HEADER_BYTES = len(_MAGIC) + _DIGEST_BYTES
_DEFAULT_MEBIBYTES = 256.0
_SUFFIX = ".o"
# A temporary file older than this was left by a process that died.
_ABANDONED_SECONDS = 3600.0


class ObjectCache:
    """A folder of objects, at most ``limit`` bytes; the least recently used are removed first."""

    def __init__(self, folder: str, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        # Listing a full folder takes milliseconds, so it is done at the first store and then only after the
        # process has added a fair share of the limit.
        self._unchecked_bytes = limit

    def load(self, key: str) -> bytes | None:
        """The object stored under ``key``, or None if there is none that is whole."""
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                content = file.read()
        except (OSError, ValueError):
            return None
        payload = content[_HEADER_BYTES:]
        if content[:_HEADER_BYTES] != _header(payload):
            _remove(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return payload

    def store(self, key: str, payload: bytes) -> bool:
        """Keep ``payload`` under ``key``. Returns whether it is now on disk."""
        content = _header(payload) + payload
        if len(content) > self.limit:
            return False
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            self._write(self._path(key), content)
        except (OSError, ValueError):
            return False
        self._unchecked_bytes += len(content)
        if self._unchecked_bytes > self.limit // 16:
            self._shrink()
            self._unchecked_bytes = 0
        return True

    def _path(self, key: str) -> str:
        return os.path.join(self.folder, key + _SUFFIX)

    def _write(self, path: str, content: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.folder, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, path)
        except BaseException:
            _remove(temporary)
            raise

    def _shrink(self) -> None:
        """Remove the least recently used objects until the folder holds at most ``limit`` bytes."""
        files = self._files()
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self.limit:
                return
            _remove(path)
            total -= size

    def _files(self) -> list[tuple[int, int, str]]:
        """(time of last use in ns, bytes, path) of every object; abandoned temporary files are removed."""
        files = []
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    if entry.name.endswith(_SUFFIX):
                        files.append((status.st_mtime_ns, status.st_size, entry.path))
                    elif entry.name.endswith(".tmp") and status.st_mtime < time.time() - _ABANDONED_SECONDS:
                        _remove(entry.path)
        return files


def from_environment() -> ObjectCache | None:
    """The cache that the environment asks for, or None if it is turned off or has no place to be."""
    if os.environ.get("FLAMBEAU_CACHE") == "0":
        return None
    folder = _folder()
    if folder is None:
        return None
    return ObjectCache(folder, int(_mebibytes() * 2**20))


def _folder() -> str | None:
    folder = os.environ.get("FLAMBEAU_CACHE_DIR")
    if folder:
        return os.path.abspath(os.path.expanduser(folder))
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser(os.path.join("~", ".cache"))
    # Without a home directory "~" stays as it is; the XDG specification says to ignore a relative path.
    if not os.path.isabs(caches):
        return None
    return os.path.join(caches, "flambeau")


def _mebibytes() -> float:
    try:
        return max(0.0, float(os.environ.get("FLAMBEAU_CACHE_SIZE", _DEFAULT_MEBIBYTES)))
    except ValueError:
        return _DEFAULT_MEBIBYTES


def _header(payload: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(payload).digest()


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(path)
