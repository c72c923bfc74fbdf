"""Loss against compute: a line a size, and the frontier behind them."""

from dataclasses import replace

from gptlab import plots
from tests.plots.made import sweep


def test_the_frontier_is_behind_and_the_readers_point_before() -> None:
    points = sweep(["1 × 32", "2 × 64"])
    # At twice the compute for the same loss, the second size is on the frontier nowhere …
    picture = plots.loss_by_compute(points, added=[replace(points[0], loss=3.21)])
    (ax,) = picture.figure.axes
    lines = {str(line.get_label()): line for line in ax.lines}
    assert list(lines) == ["the frontier", "1 × 32", "2 × 64", "yours"]
    assert lines["the frontier"].get_ydata().tolist() == lines["1 × 32"].get_ydata().tolist()  # type: ignore[union-attr]
    assert "size that pays at every amount" in ax.get_title()
    assert "Yours: 1 × 32 with 10 tokens 3.21." in picture.sentence
    # … until it is better where it is most expensive.
    points[-1] = replace(points[-1], loss=0.5)
    assert "from 1 × 32 to 2 × 64" in plots.loss_by_compute(points).figure.axes[0].get_title()
