"""Shares are of all the time there is, and the rest is one bar that is no operation."""

import pytest

from gptlab import plots


def test_the_largest_come_first_and_the_rest_is_one() -> None:
    picture = plots.operation_shares({"add": 10, "mm": 60, "copy": 20, "exp": 6, "sum": 4}, top=2)
    assert picture.figure.axes[0].get_title() == "mm takes 60% of the time"
    assert picture.sentence == "Shares of the time by operation: mm 60%, copy 20%, 3 others 20%."
    widths = [bar.get_width() for bar in picture.figure.axes[0].patches]
    assert widths == pytest.approx([60, 20, 20])


def test_without_others_there_is_no_bar_for_them() -> None:
    assert "others" not in plots.operation_shares({"mm": 3.0, "add": 1.0}).sentence


@pytest.mark.parametrize("seconds", [{"mm": 0.0}, {"mm": 2.0, "add": -1.0}])
def test_times_that_are_none_are_refused(seconds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="times above 0"):
        plots.operation_shares(seconds)
