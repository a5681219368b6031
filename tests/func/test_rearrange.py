"""``rearrange``: dimensions as a pattern says."""

from __future__ import annotations

import pytest

import flambeau

torch = pytest.importorskip("torch")

CASES = [
    ("a b c -> c b a", {}),
    ("a b c -> (a b) c", {}),
    ("a b c->a 1 (b c) ()", {}),
    ("a (b d) c -> d (a c) b", {"d": 3}),
    ("(h a) (w b) c -> h w (c a b)", {"a": 2, "b": 3}),
    ("a ... -> ... a", {}),
    ("... c -> (...) c", {}),
    ("a ... -> (a ...)", {}),
    ("... -> ...", {}),
]
WRONG = [
    ("a b c -> a b", {}),
    ("a b -> b a", {}),
    ("a b c d ... -> a b c d ...", {}),
    ("a (b d) c -> a b d c", {}),
    ("a (b d) c -> a b d c", {"d": 2}),
    ("a b b -> a b", {}),
    ("a b c -> a b c", {"e": 2}),
    ("(a 2) b c -> a 2 b c", {}),
    ("a b c > a", {}),
    ("a b (c -> a b c", {}),
    ("a_ b c -> b a_ c", {}),
    ("1a b c -> b 1a c", {}),
    ("a (...) -> a ...", {}),
]


@pytest.mark.parametrize(("pattern", "lengths"), CASES)
def test_patterns(pattern, lengths):
    ours, theirs = (m.func.rearrange(m.arange(72).reshape(4, 3, 6), pattern, **lengths) for m in (flambeau, torch))
    assert ours.tolist() == theirs.tolist()


def test_several_tensors_are_stacked():
    ours, theirs = (m.func.rearrange([m.zeros(2, 3), m.ones(2, 3)], "n a b -> a (n b)") for m in (flambeau, torch))
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize(("pattern", "lengths"), WRONG)
def test_patterns_that_do_not_fit(pattern, lengths):
    kinds = []
    for m in (flambeau, torch):
        with pytest.raises(Exception) as caught:
            m.func.rearrange(m.zeros(4, 3, 6), pattern, **lengths)
        kinds.append(caught.type.__name__)
    assert kinds[0] == kinds[1]
