"""Times are compared by their medians, not their means."""

import numpy as np

from gptlab import plots


def test_the_title_is_the_ratio_of_medians_at_the_longest() -> None:
    dense = np.array([[1.0, 1.0, 50.0], [6.0, 6.0, 6.0]]) / 1e3
    banded = np.array([[1.0, 1.0, 1.0], [0.1, 2.0, 99.0]]) / 1e3
    picture = plots.cost_by_length([128, 4096], {"dense": dense, "banded": banded})
    title = picture.figure.axes[0].get_title()
    assert title == "At 4,096 tokens dense takes 3.0 times as long as banded"
    assert "dense 1.00 ms at 128 and 6.00 ms at 4,096" in picture.sentence


def test_times_alike_have_ticks_too() -> None:
    near = {"one": np.array([[0.13], [0.21]]), "other": np.array([[0.15], [0.72]])}
    (ax,) = plots.cost_by_length([16, 64], near).figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["200", "500"]
