"""Old forms of functions and arguments that PyTorch still takes."""

from __future__ import annotations

import inspect

import pytest

import flambeau

torch = pytest.importorskip("torch")

NEW = [
    "x.new()",
    "x.new(2, 3).shape",
    "x.new([1, 2])",
    "x.new((2, 3))",
    "x.new(size=(2,)).shape",
    "x.new(x.shape).shape",
    "x.new(x.untyped_storage())",
    "x.new(storage=x.untyped_storage())",
    "x.new(x)",
    "x.new(other=x)",
    "x.new(2, device='cpu').shape",
    "x.new(x.float())",
    "x.new(3.5)",
]


@pytest.mark.parametrize("call", NEW)
def test_new(call):
    def run(library):
        found = eval(call, {"x": library.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=library.float64)})
        return (found.tolist(), str(found.dtype)) if hasattr(found, "dtype") else tuple(found)

    try:
        wanted = run(torch)
    except Exception as error:
        with pytest.raises(type(error)):
            run(flambeau)
        return
    assert run(flambeau) == wanted


def test_new_from_a_storage_shares_it():
    x = flambeau.ones(3)
    x.new(x.untyped_storage())[0] = 5
    assert x.tolist() == [5, 1, 1]


@pytest.mark.parametrize("call", ["t.linalg.matrix_rank(a, 0.9)", "t.linalg.matrix_rank(a, tol=0.9, hermitian=True)",
                                  "t.linalg.pinv(a, 0.9, True)", "t.linalg.pinv(a, rcond=0.9)", "t.linalg.vander(a[0], N=2)",
                                  "t.nn.functional.gelu(a, approximate='tanh')"])  # fmt: skip
def test_former_arguments(call):
    ours, theirs = [eval(call, {"t": t, "a": t.diag(t.tensor([1.0, 0.5, 2.0]))}) for t in (flambeau, torch)]
    assert flambeau.allclose(ours, flambeau.tensor(theirs.numpy()))


@pytest.mark.parametrize("name", ["pinv", "matrix_rank"])
def test_documented_signatures(name):
    assert "hermitian" in inspect.signature(getattr(flambeau.linalg, name)).parameters
    assert not {"tol", "rcond"} & set(inspect.signature(getattr(flambeau.linalg, name)).parameters)


@pytest.mark.parametrize("training", [True, False])
def test_out_of_native_batch_norm_and_threshold(training):
    for t in (flambeau, torch):
        x = t.tensor([[1.0, 2.0], [3.0, 6.0]])
        out = tuple(t.empty(0) for _ in range(3))
        results = t.native_batch_norm(x, None, None, t.zeros(2), t.ones(2), training, 0.1, 1e-5)
        given = t.native_batch_norm(x, None, None, t.zeros(2), t.ones(2), training, 0.1, 1e-5, out=out)
        assert all(g is o and t.equal(g, r) for g, o, r in zip(given, out, results))
        above = t.empty(2, 2)
        assert t.threshold(x, 2.5, -1.0, out=above) is above and above.tolist() == [[-1, -1], [3, 6]]
