"""``torch.hub``: downloads (of files, here) and models of local folders."""

from __future__ import annotations

import hashlib
import zipfile

import pytest

import flambeau
from flambeau import hub


@pytest.fixture
def weights(tmp_path):
    """A saved dictionary whose name ends in its hash."""
    path = tmp_path / "net.pth"
    flambeau.save({"w": flambeau.arange(3.0)}, path)
    return path.rename(tmp_path / f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth")


def test_a_file_is_downloaded_once(weights, tmp_path):
    folder = tmp_path / "cache"
    for _ in range(2):
        state = hub.load_state_dict_from_url(weights.as_uri(), str(folder), check_hash=True, weights_only=True)
        assert state["w"].tolist() == [0.0, 1.0, 2.0]
        assert [p.name for p in folder.iterdir()] == [weights.name]
        uri, weights = weights.as_uri(), weights  # the second time it comes from the folder
    weights.unlink()
    assert hub.load_state_dict_from_url(uri, str(folder))["w"].shape == (3,)


def test_the_hash_is_checked(weights, tmp_path):
    renamed = weights.rename(tmp_path / "net-00000000.pth")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.load_state_dict_from_url(renamed.as_uri(), str(tmp_path / "cache"), check_hash=True)
    assert not list((tmp_path / "cache").iterdir())


def test_an_archive_of_one_file_is_unpacked(weights, tmp_path):
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.write(weights, "inner.pth")
    state = hub.load_state_dict_from_url((tmp_path / "packed.zip").as_uri(), str(tmp_path / "cache"))
    assert state["w"].shape == (3,)


def test_folders(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "_folder", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert hub.get_dir() == str(tmp_path / "hub")
    hub.set_dir(tmp_path / "elsewhere")
    assert hub.get_dir() == str(tmp_path / "elsewhere")


def test_models_of_a_local_folder(tmp_path):
    (tmp_path / "helper.py").write_text("WIDTH = 4\n")
    (tmp_path / "hubconf.py").write_text(
        "import flambeau\nfrom helper import WIDTH\ndependencies = ['flambeau']\n"
        "def net(outputs=1):\n    return flambeau.nn.Linear(WIDTH, outputs)\n"
    )
    assert hub.load(str(tmp_path), "net", outputs=3, source="local").weight.shape == (3, 4)
    with pytest.raises(RuntimeError, match="Cannot find callable other"):
        hub.load(str(tmp_path), "other", source="local")
    (tmp_path / "hubconf.py").write_text("dependencies = ['no_such_package']\n")
    with pytest.raises(RuntimeError, match="no_such_package"):
        hub.load(str(tmp_path), "net", source="local")


def test_code_is_not_fetched():
    for call in (lambda: hub.load("a/b", "net"), lambda: hub.list("a/b"), lambda: hub.help("a/b", "net")):
        with pytest.raises(NotImplementedError, match="GitHub"):
            call()
    with pytest.raises(ValueError, match="Unknown source"):
        hub.load("a/b", "net", source="mail")
