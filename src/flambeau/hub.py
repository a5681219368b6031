"""``torch.hub``: models of a local folder with a ``hubconf.py``, and files that are downloaded once.

Code is not fetched from GitHub: flambeau runs nothing that it has downloaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")  # the beginning of a file's SHA-256, as its name tells it
READ_DATA_CHUNK = 128 * 1024
_CONFIGURATION = "hubconf.py"

_folder: str | None = None


def _get_torch_home() -> str:
    """The folder of PyTorch's downloads: ``$TORCH_HOME``, else ``torch`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir() -> str:
    """The folder of downloads: what :func:`set_dir` set, else ``hub`` in PyTorch's."""
    return _folder if _folder is not None else os.path.join(_get_torch_home(), "hub")


def set_dir(d: str | os.PathLike) -> None:
    """Set the folder of downloads."""
    global _folder
    _folder = os.path.expanduser(d)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Write what lies at ``url`` to the file ``dst``, which appears when it is whole.

    ``progress`` shows the share that has come, on a terminal. Raises RuntimeError where the SHA-256 does not begin with ``hash_prefix``.
    """
    target = Path(dst).expanduser()
    digest = hashlib.sha256()
    request = urllib.request.Request(url, headers={"User-Agent": "flambeau.hub"})
    handle, part = tempfile.mkstemp(prefix=target.name + ".", suffix=".partial", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(request) as response:
            total = int(response.headers.get("Content-Length") or 0)
            done = 0
            while chunk := response.read(READ_DATA_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                _show(done, total, progress)
        found = digest.hexdigest()
        if hash_prefix and not found.startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
        shutil.move(part, target)
    finally:
        if os.path.exists(part):
            os.remove(part)


def _show(done: int, total: int, progress: bool) -> None:
    if progress and total and sys.stderr.isatty():
        sys.stderr.write(f"\r{done / total:.0%}" + ("\n" if done == total else ""))


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict[str, Any]:
    """What ``load`` finds in the file at ``url``, which is downloaded unless ``model_dir`` (``checkpoints`` in :func:`get_dir`) has it.

    ``check_hash``: the name ends in the first digits of the file's SHA-256, as ``net-5c106cde.pth``; RuntimeError where they differ.
    An archive of one file is unpacked.
    """
    from .serialization import load

    folder = Path(model_dir) if model_dir is not None else Path(get_dir()) / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    cached = folder / name
    if not cached.exists():
        sys.stderr.write(f'Downloading: "{url}" to {cached}\n')
        known = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, str(cached), known.group(1) if known else None, progress)
    if _is_plain_archive(cached):
        cached = _unpacked(cached, folder)
    return load(str(cached), map_location=map_location, weights_only=weights_only)


def _is_plain_archive(path: Path) -> bool:
    """Whether it is a zip archive that somebody packed, and not a file that ``save`` wrote."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return not any(name.endswith("/data.pkl") for name in archive.namelist())


def _unpacked(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) != 1:
            raise RuntimeError("Only one file(not dir) is allowed in the zipfile")
        archive.extractall(folder)
        return folder / members[0].filename


def load(
    repo_or_dir: str,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: bool | str | None = "check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """``model(*args, **kwargs)`` of the ``hubconf.py`` in a folder, for ``source="local"``.

    Raises NotImplementedError for ``source="github"``, RuntimeError where the file or the name is missing.
    """
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        _refuse("load")
    return _entry(_configuration(repo_or_dir), model)(*args, **kwargs)


def list(
    github: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: Any = "check",
    verbose: bool = True,
) -> Any:
    """The models of a repository on GitHub. Not supported: see :func:`load`."""
    _refuse("list")


def help(
    github: str, model: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = "check"
) -> Any:
    """The docstring of a model of a repository on GitHub. Not supported: see :func:`load`."""
    _refuse("help")


def _refuse(name: str) -> None:
    raise NotImplementedError(
        f"flambeau: hub.{name}: code is not fetched from GitHub: clone the repository and use hub.load(folder, model, source='local')"
    )


def _configuration(folder: str) -> ModuleType:
    """The module ``hubconf.py``, whose folder is on the path while it is read."""
    path = os.path.join(folder, _CONFIGURATION)
    spec = importlib.util.spec_from_file_location("hubconf", path)
    if spec is None or spec.loader is None or not os.path.exists(path):
        raise FileNotFoundError(f"hub.load: there is no {path}")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    missing = [name for name in getattr(module, "dependencies", []) if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _entry(module: ModuleType, name: str) -> Callable:
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    function = getattr(module, name, None)
    if not callable(function):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return function
