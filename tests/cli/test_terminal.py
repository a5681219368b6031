"""The progress bar and the curve."""

from __future__ import annotations

import io

import pytest

from flambeau.cli.terminal import ProgressBar, averaged, can_write, curve


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Pipe(io.StringIO):
    encoding = "ascii"


def test_a_terminal_shows_each_step_on_one_line():
    terminal = Terminal()
    bar = ProgressBar(4, width=4, stream=terminal)
    for done in range(1, 5):
        bar.update(done, f"step {done}")
    text = terminal.getvalue()
    assert text.count("\r") == 4
    assert text.count("\n") == 1
    assert "━━── " in text and text.endswith("━━━━ 100 % step 4\n")


def test_a_pipe_gets_only_the_end():
    pipe = Pipe()
    bar = ProgressBar(3, width=6, stream=pipe)
    for done in range(1, 4):
        bar.update(done)
    assert pipe.getvalue() == "###### 100 % \n"


def test_encodings():
    assert can_write("█", Terminal())
    assert not can_write("█", Pipe())


def test_a_curve_is_logarithmic_between_its_extremes():
    assert curve([100.0, 10.0, 1.0], width=3, height=3, unicode=False).splitlines() == [
        "100.0000 |#",
        "         |##",
        "  1.0000 |###",
    ]


def test_eighths_of_a_line():
    assert curve([8.0, 1.0], width=2, height=1) == "  1.0000 │█▁"


def test_a_flat_curve():
    assert curve([2.0, 2.0], width=4, height=2, unicode=False) == "  2.0000 |\n  2.0000 |####"


@pytest.mark.parametrize("values", [[], [1.0, 0.0], [-1.0]])
def test_what_has_no_logarithm_is_refused(values):
    with pytest.raises(ValueError, match="positive"):
        curve(values)


def test_averages():
    assert averaged([1, 2, 3, 4], 2) == [1.5, 3.5]
    assert averaged([1, 2], 4) == [1, 1, 2, 2]
    assert averaged([1, 2, 3], 2) == [1, 2.5]
