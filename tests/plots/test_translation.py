"""Pictures of translation say what they show."""

import pytest
import torch
from matplotlib.patches import Rectangle

from gptlab import plots


def test_link_map_counts_the_right_ones_among_those_there_are() -> None:
    weights = torch.tensor([[0.1, 0.6, 0.0], [0.7, 0.1, 0.1], [0.2, 0.3, 0.4]])
    right = torch.tensor([[False, True, True], [False, True, False], [False] * 3])
    picture = plots.link_map(weights, list("abc"), list("xyz"), right)
    assert picture.sentence.endswith("The strongest link is right for 1 of 2.")
    frames = picture.figure.axes[0].findobj(Rectangle)
    assert sum(not one.get_fill() for one in frames) == 3
    plain = plots.link_map(weights, list("abc"), list("xyz"))
    assert plain.sentence.endswith("The strongest weight is 0.70.")
    assert "frames" not in plain.figure.axes[0].get_xlabel()
    with pytest.raises(ValueError, match=r"shape \(3, 3\), but there are 2 tokens of the answer"):
        plots.link_map(weights, list("ab"), list("xyz"))


def test_measure_bars_names_every_measure() -> None:
    picture = plots.measure_bars({"chrF": 0.5, "exact": 0.0})
    assert picture.sentence == "One answer under 2 measures: chrF 0.50, exact 0.00."
    assert picture.figure.axes[0].get_title() == "From 0.00 to 0.50, by the measure"
