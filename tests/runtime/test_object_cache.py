"""The disk cache of machine code: what it keeps, what it drops, and that it never gets in the way."""

from __future__ import annotations

import os

import pytest

from flambeau.runtime.object_cache import ObjectCache, from_environment


@pytest.fixture
def cache(tmp_path):
    return ObjectCache(str(tmp_path / "objects"), 2**20)


def used_at(cache, key, seconds):
    """Pretend that ``key`` was last used at this time."""
    os.utime(os.path.join(cache.folder, key + ".o"), (seconds, seconds))


@pytest.mark.parametrize("payload", [b"", b"machine code", bytes(range(256)) * 100])
def test_what_is_stored_comes_back(cache, payload):
    assert cache.store("key", payload)
    assert cache.load("key") == payload
    assert ObjectCache(cache.folder, cache.limit).load("key") == payload


def test_an_unknown_key_is_absent(cache):
    assert cache.load("key") is None


def test_no_temporary_file_is_left(cache):
    cache.store("key", b"machine code")
    assert os.listdir(cache.folder) == ["key.o"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: content[:-1] + b"?",
        lambda content: b"?" + content[1:],
    ],
    ids=["empty", "no checksum", "truncated", "longer", "changed code", "changed header"],
)
def test_a_damaged_file_is_absent_and_may_be_stored_again(cache, damage):
    cache.store("key", b"machine code")
    path = os.path.join(cache.folder, "key.o")
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(damage(content))
    assert cache.load("key") is None
    assert cache.store("key", b"machine code")
    assert cache.load("key") == b"machine code"


def test_the_least_recently_used_goes_first(tmp_path):
    cache = ObjectCache(str(tmp_path), 4000)
    for number in range(3):
        cache.store(f"key{number}", bytes(1000))
        used_at(cache, f"key{number}", number)
    assert cache.load("key0") is not None
    cache.store("key3", bytes(1000))
    present = [number for number in range(4) if cache.load(f"key{number}") is not None]
    assert present == [0, 2, 3]


def test_the_folder_never_outgrows_its_limit_by_much(tmp_path):
    cache = ObjectCache(str(tmp_path), 100_000)
    for number in range(300):
        cache.store(f"key{number}", bytes(1000))
    assert sum(entry.stat().st_size for entry in os.scandir(tmp_path)) <= 100_000 * 17 // 16 + 2000


def test_what_is_larger_than_the_limit_is_not_stored(tmp_path):
    cache = ObjectCache(str(tmp_path), 100)
    assert not cache.store("key", bytes(1000))
    assert os.listdir(tmp_path) == []


def test_temporary_files_of_dead_processes_are_removed(cache):
    os.makedirs(cache.folder)
    for name, age in (("old.tmp", 0), ("new.tmp", None)):
        path = os.path.join(cache.folder, name)
        open(path, "wb").close()
        if age is not None:
            os.utime(path, (age, age))
    cache.store("key", b"machine code")
    assert sorted(os.listdir(cache.folder)) == ["key.o", "new.tmp"]


@pytest.mark.parametrize("folder", ["/dev/null/objects", "/proc/objects", "a\0b"])
def test_an_impossible_folder_is_harmless(folder):
    cache = ObjectCache(folder, 2**20)
    assert not cache.store("key", b"machine code")
    assert cache.load("key") is None


def test_the_environment_says_where_and_how_much(monkeypatch, tmp_path):
    monkeypatch.delenv("FLAMBEAU_CACHE", raising=False)
    monkeypatch.setenv("FLAMBEAU_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("FLAMBEAU_CACHE_SIZE", "0.5")
    cache = from_environment()
    assert (cache.folder, cache.limit) == (str(tmp_path), 2**19)
    monkeypatch.setenv("FLAMBEAU_CACHE_SIZE", "much")
    assert from_environment().limit == 256 * 2**20
    monkeypatch.setenv("FLAMBEAU_CACHE", "0")
    assert from_environment() is None


def test_the_default_folder_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.delenv("FLAMBEAU_CACHE", raising=False)
    monkeypatch.delenv("FLAMBEAU_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert from_environment().folder == str(tmp_path / "flambeau")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert from_environment().folder == str(tmp_path / ".cache" / "flambeau")
