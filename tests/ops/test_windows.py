"""``signal.windows`` against PyTorch, with its errors."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as fl

torch = pytest.importorskip("torch")

WINDOWS = [
    ("bartlett", {}), ("blackman", {}), ("cosine", {}), ("exponential", {}), ("exponential", {"tau": 2.5}),
    ("gaussian", {}), ("gaussian", {"std": 0.4}), ("general_cosine", {"a": [0.4, 0.5, 0.1]}),
    ("general_hamming", {"alpha": 0.7}), ("hamming", {}), ("hann", {}), ("kaiser", {}), ("kaiser", {"beta": 3.0}),
    ("nuttall", {}),
]  # fmt: skip


@pytest.mark.parametrize("name, options", WINDOWS)
def test_values(name, options):
    for size in (0, 1, 2, 7, 32):
        for sym in (True, False):
            ours = getattr(fl.signal.windows, name)(size, sym=sym, dtype=fl.float64, **options)
            theirs = getattr(torch.signal.windows, name)(size, sym=sym, dtype=torch.float64, **options)
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-10)


@pytest.mark.parametrize("name, options", WINDOWS)
def test_a_periodic_window_is_a_symmetric_one_without_its_last_point(name, options):
    window = getattr(fl.signal.windows, name)
    assert fl.allclose(window(6, sym=False, **options), window(7, **options)[:6])


def test_options():
    window = fl.signal.windows.hann(4, requires_grad=True)
    assert window.requires_grad and window.dtype is fl.float32
    assert fl.signal.windows.exponential(4, center=1.0, sym=False).argmax().item() == 1


@pytest.mark.parametrize("name, options", WINDOWS)
@pytest.mark.parametrize("wrong", [{"M": -1}, {"M": 4, "dtype": "int32"}, {"M": 4, "dtype": "float16"},
                                   {"M": 4, "dtype": "complex64"}, {"M": 4, "layout": "sparse_coo"}])
def test_errors(name, options, wrong):
    for lib in (fl, torch):
        given = {k: getattr(lib, v) if isinstance(v, str) else v for k, v in wrong.items()}
        with pytest.raises(ValueError):
            getattr(lib.signal.windows, name)(**given, **options)


@pytest.mark.parametrize("call, error", [
    (lambda w: w.exponential(4, center=1.0), ValueError), (lambda w: w.exponential(4, tau=0), ValueError),
    (lambda w: w.gaussian(4, std=-1.0), ValueError), (lambda w: w.kaiser(4, beta=-1), ValueError),
    (lambda w: w.general_cosine(4, a=[]), ValueError), (lambda w: w.general_cosine(4, a=3), TypeError),
    (lambda w: w.hann(3.5), TypeError),
])  # fmt: skip
def test_errors_of_parameters(call, error):
    for lib in (fl, torch):
        with pytest.raises(error):
            call(lib.signal.windows)


@pytest.mark.parametrize("name, options", WINDOWS)
def test_other_sizes_take_the_same_machine_code(name, options):
    from flambeau.runtime import jit

    window = getattr(fl.signal.windows, name)
    _agrees(window, name, 70_000, options)
    before = jit.stats.compiled, jit.stats.loaded
    _agrees(window, name, 80_001, options)
    assert (jit.stats.compiled, jit.stats.loaded) == before


def _agrees(window, name, size, options):
    theirs = getattr(torch.signal.windows, name)(size, dtype=torch.float64, **options)
    np.testing.assert_allclose(window(size, **options).numpy(), theirs.numpy(), atol=2e-7)
