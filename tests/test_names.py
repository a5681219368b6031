"""PyTorch's public names and signatures are ours, but for a short list of those left out on purpose."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import names_check  # noqa: E402

LEFT_OUT_AT_MOST = 56  # entries of names_left_out.txt: this number may only fall
SHARE_AT_LEAST = 0.99  # of public names that resolve with an equal signature: this one may only rise


@pytest.fixture(scope="module")
def result():
    return names_check.compare()


def test_the_list_of_names_left_out_gives_reasons_and_only_shrinks():
    left_out = names_check.left_out()
    assert len(left_out) <= LEFT_OUT_AT_MOST
    assert not [name for name, reason in left_out.items() if len(reason) < 10]


def test_names_resolve_with_equal_signatures(result):
    assert result.share >= SHARE_AT_LEAST, "\n".join(f"{d.kind} {d.name} {d.detail}" for d in result.differences)


@pytest.mark.parametrize("namespace", ["torch.nn.functional", "torch.linalg", "torch.fft", "torch.special"])
def test_no_name_is_missing(result, namespace):
    assert not [d.name for d in result.differences if d.kind == "missing" and d.name.startswith(namespace + ".")]


def test_a_different_default_is_seen():
    from inspect import signature

    def theirs(input, dim=0, *, keepdim=False): ...
    def ours(input, dim=1, *, keepdim=False): ...

    assert names_check._fault([signature(theirs)], signature(ours), False)
    assert not names_check._fault([signature(theirs)], signature(theirs), False)


def test_a_keyword_that_may_come_by_position_is_seen():
    from inspect import signature

    def theirs(input, *, keepdim=False): ...
    def ours(input, keepdim=False): ...

    assert names_check._fault([signature(theirs)], signature(ours), False)
