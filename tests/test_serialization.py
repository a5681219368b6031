"""Saving and loading: files go back and forth between flambeau and PyTorch."""

from __future__ import annotations

import copy
import io
import pickle
from collections import OrderedDict

import pytest

import flambeau
from flambeau.nn.parameter import Parameter

torch = pytest.importorskip("torch")


def everything(m):
    shared = m.arange(6.0).reshape(2, 3).t()
    return {
        "transposed": shared,
        "view": shared[0],
        "list": [m.tensor(1, dtype=m.bfloat16), m.ones(2, requires_grad=True), m.empty(0)],
        "plain": (1, "x", None, 2.5, b"yy", 1j, {3}, True),
        "dtype": m.float16,
        "size": m.Size([1, 2]),
        "device": m.device("cpu"),
        "unsigned": m.tensor([1, 2], dtype=m.uint16),
        "bool": m.tensor([True, False]),
        "complex": m.tensor([1j]),
        "ordered": OrderedDict(a=m.ones(1)),
    }


def check(found, m):
    expected = everything(m)
    assert repr({k: v for k, v in found.items()}) == repr(expected)
    assert found["transposed"].stride() == (1, 3)
    assert found["view"].data_ptr() == found["transposed"].data_ptr()


@pytest.mark.parametrize("options", [{}, {"mmap": True}, {"weights_only": False}, {"map_location": "cpu"}])
def test_from_pytorch(tmp_path, options):
    torch.save(everything(torch), tmp_path / "x.pt")
    check(flambeau.load(tmp_path / "x.pt", **options), flambeau)


def test_from_pytorch_s_old_format(tmp_path):
    torch.save(everything(torch), tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    check(flambeau.load(tmp_path / "x.pt"), flambeau)


@pytest.mark.parametrize("options", [{}, {"mmap": True}, {"weights_only": False}])
@pytest.mark.parametrize("protocol", [2, 4])
def test_to_pytorch(tmp_path, options, protocol):
    flambeau.save(everything(flambeau), tmp_path / "x.pt", pickle_protocol=protocol)
    if protocol == 2 or options.get("weights_only") is False:
        check(torch.load(tmp_path / "x.pt", **options), torch)
    check(flambeau.load(tmp_path / "x.pt", **options), flambeau)


def test_file_objects():
    buffer = io.BytesIO()
    flambeau.save(flambeau.ones(3), buffer)
    buffer.seek(0)
    assert flambeau.load(buffer).tolist() == [1.0] * 3
    buffer.seek(0)
    assert torch.load(buffer).tolist() == [1.0] * 3


def test_parameters(tmp_path):
    flambeau.save(Parameter(flambeau.ones(2)), tmp_path / "p.pt")
    assert isinstance(torch.load(tmp_path / "p.pt"), torch.nn.Parameter)
    found = flambeau.load(tmp_path / "p.pt")
    assert isinstance(found, Parameter) and found.requires_grad


def test_map_location(tmp_path):
    torch.save(everything(torch), tmp_path / "x.pt")
    assert flambeau.load(tmp_path / "x.pt", map_location="meta")["transposed"].is_meta
    seen = []
    flambeau.load(tmp_path / "x.pt", map_location=lambda storage, place: seen.append(place))
    assert set(seen) == {"cpu"}
    with pytest.raises(RuntimeError, match="CUDA"):
        flambeau.load(tmp_path / "x.pt", map_location={"cpu": "cuda:0"})


class Harmful:
    def __reduce__(self):
        return print, ("this was run",)


class Custom:
    pass


@pytest.mark.parametrize("value", [Harmful(), Custom(), print, torch.nn.Linear(1, 1)])
def test_nothing_is_run_by_default(tmp_path, value, capsys):
    torch.save({"x": value}, tmp_path / "x.pt")
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        flambeau.load(tmp_path / "x.pt")
    assert capsys.readouterr().out == ""


def test_names_can_be_allowed(tmp_path):
    flambeau.save(Custom(), tmp_path / "x.pt")
    with flambeau.serialization.safe_globals([Custom]):
        assert isinstance(flambeau.load(tmp_path / "x.pt"), Custom)
    with pytest.raises(pickle.UnpicklingError):
        flambeau.load(tmp_path / "x.pt")
    assert isinstance(flambeau.load(tmp_path / "x.pt", weights_only=False), Custom)


def test_wrong_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        flambeau.load(tmp_path / "missing")
    (tmp_path / "junk").write_bytes(b"hello world")
    with pytest.raises(pickle.UnpicklingError):
        flambeau.load(tmp_path / "junk")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(EOFError):
        flambeau.load(tmp_path / "empty")
    with pytest.raises(AttributeError, match="write"):
        flambeau.save(1, 3)


def test_one_storage_has_one_dtype():
    x = flambeau.ones(2)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        flambeau.save([x, x.view(flambeau.int32)], io.BytesIO())


def test_pickle_and_deepcopy_keep_what_is_shared():
    x = flambeau.arange(4.0)
    for copied in (pickle.loads(pickle.dumps((x, x[1:]))), copy.deepcopy((x, x[1:]))):
        whole, part = copied
        whole[1] = 9
        assert part[0].item() == 9 and x[1].item() == 1
    y = flambeau.ones(2, requires_grad=True)
    y.sum().backward()
    again = copy.deepcopy(y)
    assert again.requires_grad and again.grad.tolist() == [1.0, 1.0] and again.grad is not y.grad
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(y * 2)
    assert copy.copy(y).data_ptr() == y.data_ptr()


def test_names_that_a_file_would_have_to_be_allowed():
    import collections
    import fractions

    from flambeau.serialization import get_unsafe_globals_in_checkpoint, safe_globals

    value = {"f": fractions.Fraction(1, 2), "c": collections.Counter(), "layer": collections.deque([1])}
    expected = []
    for library in (flambeau, torch):
        file = io.BytesIO()
        library.save({**value, "t": library.ones(1)}, file)
        file.seek(0)
        expected.append(torch.serialization.get_unsafe_globals_in_checkpoint(file))
        assert sorted(get_unsafe_globals_in_checkpoint(file)) == sorted(expected[-1])
    assert "fractions.Fraction" in expected[0]
    with safe_globals([fractions.Fraction]):
        assert "fractions.Fraction" not in get_unsafe_globals_in_checkpoint(file)
    with pytest.raises(ValueError, match="zip"):
        get_unsafe_globals_in_checkpoint(io.BytesIO(b"text"))
