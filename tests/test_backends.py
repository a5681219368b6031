"""``torch.backends``: settings are kept, in modules that can be imported by their names."""

from __future__ import annotations

import importlib

import pytest

import flambeau
from flambeau import backends
from flambeau.nn.attention import SDPBackend, sdpa_kernel

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", backends.__all__)
def test_each_is_a_module(name):
    module = importlib.import_module(f"flambeau.backends.{name}")
    assert getattr(backends, name) is module
    theirs = getattr(torch.backends, name, None)
    for question in ("is_available", "is_built"):
        if theirs is not None and hasattr(theirs, question):
            assert getattr(module, question)() is False


@pytest.mark.parametrize("name", ["cudnn", "mkldnn", "opt_einsum"])
def test_settings_are_those_of_pytorch(name):
    mine, theirs = getattr(backends, name), getattr(torch.backends, name)
    for setting in ("enabled", "deterministic", "benchmark", "allow_tf32", "strategy"):
        assert hasattr(mine, setting) == hasattr(theirs, setting)


def test_settings_are_kept_and_come_back_after_a_block():
    cudnn = backends.cudnn
    with cudnn.flags(enabled=False, benchmark=True):
        assert (cudnn.enabled, cudnn.benchmark) == (False, True)
    assert (cudnn.enabled, cudnn.benchmark) == (True, False)
    cudnn.deterministic = True
    assert cudnn.set_flags(_deterministic=False)[3] is True
    assert cudnn.deterministic is False
    with pytest.raises(TypeError, match="colour"):
        cudnn.set_flags(colour=1)


def test_cpu_capability():
    assert backends.cpu.get_cpu_capability() == torch.backends.cpu.get_cpu_capability()


def test_kinds_of_attention():
    cuda = backends.cuda
    x = flambeau.ones(1, 2, 3, 4)
    plain = flambeau.nn.functional.scaled_dot_product_attention(x, x, x)
    with sdpa_kernel([SDPBackend.MATH]):
        assert (cuda.math_sdp_enabled(), cuda.flash_sdp_enabled(), cuda.cudnn_sdp_enabled()) == (True, False, False)
        assert flambeau.equal(flambeau.nn.functional.scaled_dot_product_attention(x, x, x), plain)
    assert cuda.flash_sdp_enabled()
    cuda.enable_flash_sdp(False)
    assert not cuda.flash_sdp_enabled()
    cuda.enable_flash_sdp(True)
    assert {k.name: k.value for k in SDPBackend} == {
        name: int(kind) for name, kind in torch.nn.attention.SDPBackend.__members__.items()
    }
    with pytest.raises(AssertionError, match="SDPBackend"), sdpa_kernel("math"):
        pass
    assert not cuda.can_use_flash_attention(cuda.SDPAParams(x, x, x, None, 0.0, False, False))
