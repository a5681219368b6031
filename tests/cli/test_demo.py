"""The demo learns, shows that it did, and its digits are the published ones."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau.cli import demo


def test_the_digits():
    images, digits = demo.load_digits()
    assert images.shape == (1797, 64) and images.dtype == np.float32
    assert digits.shape == (1797,) and digits.dtype == np.int64
    assert (images.min(), images.max()) == (0, 1)
    # The class distribution that UCI publishes for the test set.
    assert np.bincount(digits).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_net_reads_digits_it_has_not_seen(capsys):
    assert demo.main([]) == 0
    shown = capsys.readouterr()
    assert "test accuracy" in shown.out and "│█" in shown.out
    assert "100 % epoch 30/30" in shown.err


def test_too_little_training_is_not_called_success(capsys):
    assert demo.main(["--epochs", "1"]) == 1


def test_wrong_arguments(capsys):
    with pytest.raises(SystemExit) as stop:
        demo.main(["--epochs", "0"])
    assert stop.value.code == 2
    assert "must be at least 1" in capsys.readouterr().err
