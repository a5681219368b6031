"""Images in channels-last order give results, and get gradients, in that order, as in PyTorch."""

from __future__ import annotations

import pytest

import flambeau

torch = pytest.importorskip("torch")

CASES = {
    "conv2d": lambda m, x: m.nn.functional.conv2d(x, m.ones(4, 3, 3, 3), m.ones(4), padding=1),
    "conv2d without bias": lambda m, x: m.nn.functional.conv2d(x, m.ones(4, 3, 3, 3)),
    "conv_transpose2d": lambda m, x: m.nn.functional.conv_transpose2d(x, m.ones(3, 4, 3, 3)),
    "max_pool2d": lambda m, x: m.nn.functional.max_pool2d(x, 2),
    "avg_pool2d": lambda m, x: m.nn.functional.avg_pool2d(x, 2),
    "adaptive_avg_pool2d": lambda m, x: m.nn.functional.adaptive_avg_pool2d(x, 3),
    "adaptive_max_pool2d": lambda m, x: m.nn.functional.adaptive_max_pool2d(x, 3),
    "pad": lambda m, x: m.nn.functional.pad(x, (1, 2, 0, 1)),
    "pad by reflection": lambda m, x: m.nn.functional.pad(x, (1, 2, 0, 1), mode="reflect"),
    "batch_norm": lambda m, x: m.nn.functional.batch_norm(x, None, None, training=True),
    "group_norm": lambda m, x: m.nn.functional.group_norm(x, 3, m.ones(3), m.ones(3)),
    "pixel_unshuffle": lambda m, x: m.nn.functional.pixel_unshuffle(x, 2),
    "interpolate": lambda m, x: m.nn.functional.interpolate(x, scale_factor=2),
    "interpolate smoothly": lambda m, x: m.nn.functional.interpolate(x, size=(5, 9), mode="bilinear"),
    "cat": lambda m, x: m.cat([x, x * 2], 1),
    "cat of two orders": lambda m, x: m.cat([x, x.contiguous()], 1),
}


@pytest.mark.parametrize("name", CASES)
def test_order_of_results_and_gradients(name):
    found = []
    for m in (flambeau, torch):
        x = (m.arange(216.0) % 7).reshape(2, 3, 6, 6).contiguous(memory_format=m.channels_last).requires_grad_()
        y = CASES[name](m, x)
        (grad,) = m.autograd.grad([y], [x], [m.ones(*y.shape).contiguous(memory_format=m.channels_last)])
        found.append((y.stride(), grad.stride(), y.detach().reshape(-1).numpy(), grad.reshape(-1).numpy()))
    ours, theirs = found
    assert ours[:2] == theirs[:2]
    assert ours[2] == pytest.approx(theirs[2], abs=1e-4)
    assert ours[3] == pytest.approx(theirs[3], abs=1e-4)


def test_volumes():
    for m in (flambeau, torch):
        x = m.ones(2, 3, 4, 4, 4).contiguous(memory_format=m.channels_last_3d)
        assert m.nn.functional.max_pool3d(x, 2).is_contiguous(memory_format=m.channels_last_3d)
        assert m.nn.functional.adaptive_max_pool3d(x, 2).is_contiguous()


def test_normalized_rows_are_dense():
    for m in (flambeau, torch):
        x = m.arange(6.0).reshape(3, 2).t()
        assert m.nn.functional.layer_norm(x, (3,)).is_contiguous() and m.nn.functional.rms_norm(x, (3,)).is_contiguous()


def test_shuffles_that_move_nothing_copy():
    x = flambeau.ones(1, 4, 2, 2)
    for y in (flambeau.pixel_shuffle(x, 1), flambeau.channel_shuffle(x, 1)):
        assert y.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (), (2, 2, 1, 1), (2, 3, 4, 5), (1, 3, 4, 5)])
@pytest.mark.parametrize("formats", [False, True, ["contiguous_format"], ["channels_last"], ["contiguous_format", "channels_last"]])
def test_the_order_of_dimensions_in_memory(shape, formats):
    def orders(m):
        check = [getattr(m, name) for name in formats] if isinstance(formats, list) else formats
        for x in (m.empty(shape), m.empty(shape).expand(2, *shape), m.empty((*shape, 3)).transpose(0, -1)):
            try:
                yield x.dim_order(ambiguity_check=check)
            except RuntimeError:
                yield "more than one"

    assert list(orders(flambeau)) == list(orders(torch))
