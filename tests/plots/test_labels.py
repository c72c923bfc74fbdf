"""Shares of two ends: as long as they are, and counted on the right side of one half."""

import pytest

from gptlab import plots


def test_bars_are_the_shares_and_the_title_counts_them() -> None:
    choices = {("GPT", "one text"): 0.8, ("GPT", "another"): 0.3, ("table", "one text"): 0.5}
    picture = plots.choice_bars(choices, ("is", "are"))
    (ax,) = picture.figure.axes
    assert ax.get_title() == "1 of 3 answers are “is”"
    firsts, seconds = ax.containers
    assert [bar.get_width() for bar in firsts] == [0.8, 0.3, 0.5]
    assert [bar.get_width() for bar in seconds] == pytest.approx([0.2, 0.7, 0.5])
    assert [bar.get_x() for bar in seconds] == [0.8, 0.3, 0.5]
    assert "GPT, “another”: 30.0%" in picture.sentence
    assert {bar.get_hatch() for bar in seconds} == {"//"}  # not told by colour alone
