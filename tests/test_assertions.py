"""``torch._assert``, ``torch._check`` and sizes that are never symbols, against PyTorch."""

from __future__ import annotations

import pytest

import flambeau

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def outcome(call, m):
    try:
        return call(m)
    except Exception as error:
        return type(error), str(error)[:40]


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m._assert(True, "text"),
        lambda m: m._assert(m.tensor(False), "text"),
        lambda m: m._check(True),
        lambda m: m._check(False),
        lambda m: m._check(False, lambda: "text"),
        lambda m: m._check(m.tensor(True)),
        lambda m: m._check(1),
        lambda m: m._check(False, "text"),
        lambda m: m._check_is_size(-1),
        lambda m: m._check_is_size(3),
        lambda m: m._check_index(False, lambda: "text"),
        lambda m: m._check_value(False),
        lambda m: m._check_type(False),
        lambda m: m._check_not_implemented(False),
        lambda m: m._check_with(KeyError, False, lambda: "text"),
        lambda m: m._check_tensor_all(m.tensor([True, False])),
        lambda m: m._check_tensor_all(m.tensor([True, True])),
        lambda m: m._check_tensor_all(3),
        lambda m: m._check_tensor_all_with(KeyError, m.tensor([False]), lambda: "text"),
        lambda m: m._assert_async(m.tensor(0.0)),
        lambda m: m._assert_async(m.tensor(False), "text"),
        lambda m: m._assert_async(m.tensor([True, False])),
        lambda m: m._assert_scalar(0, "text"),
        lambda m: m._assert_tensor_metadata(m.ones(2), [3]),
        lambda m: m._assert_tensor_metadata(m.ones(2), [2], [1], m.float32),
        lambda m: (m.sym_int(2.7), m.sym_int(-2.7), m.sym_float(3)),
        lambda m: (m.sym_max(1, 2.0), m.sym_max(2, 1), m.sym_min(2, 3.0)),
        lambda m: (m.sym_not(True), m.sym_ite(True, 1, 2), m.sym_sum([1, 2]), m.sym_sqrt(4)),
        lambda m: m.sym_ite(1, 1, 2),
        lambda m: [isinstance(3, m.SymInt), isinstance(3.0, m.SymFloat), isinstance(True, m.SymBool)],
    ],
)
def test_agrees(call):
    found, expected = outcome(call, flambeau), outcome(call, torch)
    assert found == expected
    assert type(found) is type(expected)


def test_there_are_no_symbolic_sizes():
    with pytest.raises(NotImplementedError, match="SymInt"):
        flambeau.SymInt(None)
    with pytest.raises(NotImplementedError, match="sym_fresh_size"):
        flambeau.sym_fresh_size(None)
