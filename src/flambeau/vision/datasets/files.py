"""Files of data sets: downloads, checksums, and pickles that cannot run code."""

from __future__ import annotations

import hashlib
import pickle
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_TIMEOUT_SECONDS = 30


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def download(urls: Iterable[str], checksum: str | None) -> bytes:
    """The contents behind the first address that answers, with the right MD5 sum if one is given.

    Raises:
        RuntimeError: no address gave the file; the message lists what each said.
    """
    failures = []
    for url in urls:
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:
                data = answer.read()
        except (OSError, urllib.error.URLError) as error:
            failures.append(f"{url}: {error}")
            continue
        if checksum is None or md5(data) == checksum:
            return data
        failures.append(f"{url}: the file's MD5 sum is not {checksum}")
    raise RuntimeError("File could not be downloaded:\n" + "\n".join(failures))


_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # how protocol 2 writes bytes
}


class _ArrayUnpickler(pickle.Unpickler):
    """Reads plain values and NumPy arrays; a pickle can otherwise name any function to be called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"a data set's pickle may not use {module}.{name}")
        if name == "_reconstruct":
            module = "numpy._core.multiarray" if _has_new_core() else "numpy.core.multiarray"
        return super().find_class(module, name)


def _has_new_core() -> bool:
    import numpy

    return int(numpy.__version__.split(".")[0]) >= 2


def load_pickle(path: Path, encoding: str = "latin1") -> Any:
    """Plain values and NumPy arrays of a pickle, also of one that Python 2 wrote."""
    with open(path, "rb") as file:
        return _ArrayUnpickler(file, encoding=encoding).load()
