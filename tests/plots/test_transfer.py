"""Pictures of fine-tuning say what the numbers say."""

import numpy as np

from gptlab import plots
from gptlab.show.picture import Picture

WAYS = {
    "read": {12: [0.4, 0.6], 48: [0.7, 0.9], 400: [0.9, 0.9]},
    "new": {12: [0.2, 0.3], 48: [0.3, 0.3], 400: [0.6, 0.7]},
}


def title(picture: Picture) -> str:
    return str(picture.figure.axes[0].get_title())


def test_bars_are_means_and_dots_are_seeds() -> None:
    picture = plots.accuracy_bars({"a": [0.5, 0.7], "b": [0.9, 0.1]}, 0.25)
    (ax,) = picture.figure.axes
    assert [round(bar.get_width(), 6) for bar in ax.patches] == [60.0, 50.0]  # type: ignore[attr-defined]
    dots = np.array(ax.lines[0].get_xydata())
    assert {(round(x), round(y)) for x, y in dots.tolist()} == {(50, 0), (70, 0), (90, 1), (10, 1)}
    assert title(picture) == "Highest on average: a, 60%"
    assert "b 50%, its seeds 10% to 90%" in picture.sentence and "Guessing: 25%" in picture.sentence


def test_curves_go_through_the_means_with_the_seeds_as_their_band() -> None:
    picture = plots.accuracy_curves(WAYS, "labels", {"guessing": 0.25})
    (ax,) = picture.figure.axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.5, 0.8, 0.9])  # type: ignore[arg-type]
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [0.25, 0.3, 0.65])  # type: ignore[arg-type]
    band = ax.collections[0].get_paths()[0].vertices
    assert {0.4, 0.6} <= {round(y, 6) for x, y in band.tolist() if x == 12}  # type: ignore[union-attr]
    assert ax.get_xscale() == "log"
    assert title(picture) == "read: from 0.50 to 0.90"
    assert "new 0.25 at 12, 0.30 at 48, 0.65 at 400" in picture.sentence
    assert "guessing 0.25" in picture.sentence


def test_a_count_from_nothing_is_drawn_evenly() -> None:
    picture = plots.accuracy_curves({"a": {k: [0.1 * k] for k in range(7)}}, "blocks")
    assert picture.figure.axes[0].get_xscale() == "linear"
