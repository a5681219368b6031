"""``out=``: what is written, resized, warned of and refused is what PyTorch does."""

from __future__ import annotations

import warnings

import pytest

import flambeau

torch = pytest.importorskip("torch")


def written(m, call, out):
    """The destination after a call, what was warned of, or the error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(m, out)
        except (RuntimeError, TypeError) as error:
            return type(error).__name__
    texts = [str(w.message).split(" (Triggered")[0] for w in caught]
    results = result if isinstance(result, tuple) else (result,)
    return [(r.tolist(), r.stride(), str(r.dtype).rpartition(".")[2]) for r in results], texts


def same(call, make):
    assert written(flambeau, call, make(flambeau)) == written(torch, call, make(torch))


@pytest.mark.parametrize("shape", [(0,), (2, 3), (5,), (1,), ()], ids=str)
def test_another_shape_is_resized_with_a_warning_where_elements_are_lost(shape):
    same(lambda m, out: m.add(m.ones(2, 3), 1, out=out), lambda m: m.zeros(shape))


def test_a_resized_destination_has_the_order_of_the_result_in_memory():
    same(lambda m, out: m.neg(m.arange(6.0).reshape(2, 3).t(), out=out), lambda m: m.zeros(1))


def test_the_warning_names_the_line_of_the_call():
    with pytest.warns(UserWarning, match="was resized since it had shape") as caught:
        flambeau.sort(flambeau.ones(3), out=(flambeau.ones(1), flambeau.ones(1, dtype=flambeau.int64)))
    assert {w.filename for w in caught} == {__file__}


def test_a_destination_may_require_grad_where_no_gradient_is_recorded():
    for m in (flambeau, torch):
        out = m.zeros(3, requires_grad=True)
        with m.no_grad():
            m.mul(m.ones(3), 2, out=out)
        assert out.tolist() == [2.0, 2.0, 2.0] and out.requires_grad
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            m.mul(m.ones(3), 2, out=out)


def test_a_destination_that_overlaps_an_input_in_part_is_refused():
    def call(m, memory):
        return m.exp(memory[1:], out=memory[:-1])

    same(call, lambda m: m.ones(5))
    same(lambda m, memory: m.exp(memory, out=memory), lambda m: m.zeros(5))


DTYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64", "complex64"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "amax", "argmin", "all", "max", "median", "sort", "mul", "mm", "tril", "take"])
def test_dtypes_of_destinations(name, dtype):
    """Elementwise operators cast to it, sums compute in it, others ask for their own."""

    def call(m, out):
        x = m.tensor([[1.0, 2.5], [3.0, 4.0]])
        if name in ("max", "median", "sort"):
            return getattr(m, name)(x, 0, out=(out, m.empty(0, dtype=m.int64)))
        if name == "tril":
            return m.tril(x, out=out)
        other = m.ones(2, 2) if name == "mm" else m.tensor([1]) if name == "take" else 0
        return getattr(m, name)(x, other, out=out)

    same(call, lambda m: m.empty(0, dtype=getattr(m, dtype)))


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "cumsum", "nansum", "nanmean"])
def test_a_dtype_that_is_asked_for_must_be_the_destinations(name):
    for dtype in ("float32", "float64"):
        same(
            lambda m, out: getattr(m, name)(m.tensor([1.0, 2.0]), 0, dtype=m.float64, out=out),
            lambda m: m.empty(0, dtype=getattr(m, dtype)),  # noqa: B023 - used at once
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda m, out: m.zeros(3, out=out),
        lambda m, out: m.linspace(0, 1, 5, out=out),
        lambda m, out: m.full((2,), 4.0, out=out),
        lambda m, out: m.arange(4, out=out),
        lambda m, out: m.ones(3, dtype=m.float64, out=out),
        lambda m, out: m.linspace(0, 1, 5, dtype=m.float64, out=out),
    ],
)
def test_what_fills_a_destination(call):
    same(call, lambda m: m.ones(2, 2))
