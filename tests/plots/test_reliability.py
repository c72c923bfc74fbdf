"""Pictures of probabilities say what the numbers say."""

import math

import numpy as np
import torch

from gptlab import plots
from gptlab.show.picture import Picture

SURE = {"known": ([0.95, 0.95, 0.65, 0.65], [True, True, True, False]), "new": ([1.0], [False])}


def title(picture: Picture) -> str:
    return str(picture.figure.axes[0].get_title())


def test_points_are_bins_and_the_error_stands_in_the_sentence() -> None:
    picture = plots.reliability_curve(SURE)
    (ax,) = picture.figure.axes
    np.testing.assert_allclose(np.array(ax.lines[0].get_xydata()), [[0.65, 0.5], [0.95, 1.0]])
    np.testing.assert_allclose(np.array(ax.lines[1].get_xydata()), [[1.0, 0.0]])
    np.testing.assert_allclose(np.array(ax.lines[2].get_xydata()), [[0, 0], [1, 1]])
    # 0.5 · |0.65 − 0.5| + 0.5 · |0.95 − 1| = 0.1, and |1 − 0| = 1
    assert title(picture) == "Expected calibration error: known 0.10, new 1.00"
    assert picture.sentence.endswith("Expected calibration error: known 0.10, new 1.00.")
    assert "new: 1 answers, mean confidence 1.00, 0.00 right" in picture.sentence
    halves, whole = (collection.get_sizes() for collection in ax.collections)  # type: ignore[attr-defined]
    assert halves[0] == halves[1] < whole[0]


def test_fewer_bins_see_less() -> None:
    picture = plots.reliability_curve({"all": ([0.6, 0.8], [True, False])}, n_bins=1)
    assert "all 0.20" in title(picture)
    assert "all 0.60" in title(plots.reliability_curve({"all": ([0.6, 0.8], [True, False])}))


def test_bars_of_labels_are_their_probabilities() -> None:
    picture = plots.label_bars(torch.tensor([0.25, 0.75]), ["negative", "positive"])
    (ax,) = picture.figure.axes
    assert [bar.get_width() for bar in ax.patches] == [0.25, 0.75]  # type: ignore[attr-defined]
    assert title(picture) == "Likeliest: positive"
    assert picture.sentence == "Probability of each label: negative 25%, positive 75%."


def test_word_by_word() -> None:
    picture = plots.label_by_word([0.5, 0.9], ["so", "good"], "positive")
    (ax,) = picture.figure.axes
    assert [bar.get_width() for bar in ax.patches] == [0.5, 0.9]  # type: ignore[attr-defined]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["… so", "… good"]
    assert title(picture) == "positive: 90% after 2 words"
    assert "“so” 50%, “good” 90%" in picture.sentence


def test_learning_beside_guessing() -> None:
    plateau = [(10, 0.7, 0.5), (20, 0.6, 0.7), (30, 0.1, 0.9)]
    records = [{"step": s, "val_loss": v, "val_accuracy": a} for s, v, a in plateau]
    picture = plots.label_learning(records, 2)
    top, bottom = picture.figure.axes
    np.testing.assert_allclose(np.array(top.lines[0].get_xydata()).T[1], [0.7, 0.6, 0.1])
    np.testing.assert_allclose(np.array(bottom.lines[0].get_xydata()).T[1], [0.5, 0.7, 0.9])
    np.testing.assert_allclose(top.lines[1].get_ydata(), math.log(2))
    np.testing.assert_allclose(bottom.lines[1].get_ydata(), 0.5)
    assert title(picture) == "Accuracy from 0.70 to 0.90 between updates 20 and 30"
    assert "from 0.70 to 0.10 nats (guessing: 0.69)" in picture.sentence
    assert title(plots.label_learning(records, 20)).startswith("Accuracy from 0.50 to 0.70")
    assert title(plots.label_learning(records[:2], 2)) == "The accuracy never reaches 0.75"
    assert "from the first evaluation" in title(plots.label_learning(records[2:], 2))
