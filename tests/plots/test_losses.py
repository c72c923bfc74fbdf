"""A loss curve is one picture, whatever measured it; level lines may cross any of them."""

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from gptlab import plots
from gptlab.show.picture import Picture
from tests.plots.made import LOOKS, depth_results, history, results, sweep

FAR_APART = {"GPT-1": [2.0, 2.1], "GPT-2": [6.5, 6.6]}
THREE = {"GPT-1": [2.0, 2.1], "GPT-2": [1.5, 1.6], "$": [1.5, 1.62]}


def axes(picture: Picture) -> Axes:
    return picture.figure.axes[0]


def legend(picture: Picture) -> list[str]:
    found = axes(picture).get_legend() or picture.figure.legends[0]
    return [text.get_text() for text in found.get_texts()]


def test_says_where_each_ends_with_its_spread() -> None:
    picture = plots.loss_curves(results(THREE))
    assert "in nats per token: GPT-1 2.050 ± 0.071; GPT-2 1.550 ± 0.071; $" in picture.sentence
    bits = plots.loss_curves(results(THREE), "val_bits_per_byte")
    assert "in bits per byte: GPT-1 1.025 ± 0.035" in bits.sentence
    assert axes(bits).get_ylabel() == "validation loss (bits per byte)"


def test_the_title_is_the_finding_or_that_there_is_none() -> None:
    assert (
        axes(plots.loss_curves(results(THREE))).get_title() == "GPT-2 and $ end within their spread"
    )
    apart = results({"a": [3.0, 3.1], "b": [1.0, 1.1]})
    assert axes(plots.loss_curves(apart)).get_title() == "Lowest at the end: b"
    assert axes(plots.loss_curves(apart, title="mine")).get_title() == "mine"


def test_the_line_is_the_mean_and_the_band_runs_from_least_to_most() -> None:
    ax = axes(plots.loss_curves(results({"a": [1.0, 2.0, 6.0]})))
    looks = np.array([3.0, 2.0, 1.0, 0.0])
    assert np.allclose(ax.lines[0].get_xdata(), [100, 200, 300, 400])
    assert np.allclose(ax.lines[0].get_ydata(), 3.0 + looks)
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    for x, look in zip([100, 200, 300, 400], looks, strict=True):
        heights = corners[corners[:, 0] == x][:, 1]
        assert (heights.min(), heights.max()) == (1.0 + look, 6.0 + look)


def test_histories_and_results_make_the_same_curve() -> None:
    losses = {"a": [1.0, 2.0], "b": [3.0, 4.0]}
    histories = {name: [history(end) for end in ends] for name, ends in losses.items()}
    by_results, by_histories = plots.loss_curves(results(losses)), plots.loss_curves(histories)
    assert by_results.sentence == by_histories.sentence
    for one, other in zip(axes(by_results).lines, axes(by_histories).lines, strict=True):
        assert np.array_equal(one.get_xydata(), other.get_xydata())


def test_one_history_shows_its_training_loss_too() -> None:
    picture = plots.loss_curves(history())
    assert legend(picture) == ["validation", "training"]
    assert np.allclose(axes(picture).lines[1].get_ydata(), history().column("train_loss"))
    assert axes(picture).get_ylabel() == "loss (nats per token)"
    assert legend(plots.loss_curves(history(), "val_bits_per_byte")) == ["validation"]


@pytest.mark.parametrize(
    ("end", "says"), [(4.0, "1.00 nats per token below"), (5.5, "0.50 nats per token above")]
)
def test_the_title_compares_with_the_lowest_level(end: float, says: str) -> None:
    picture = plots.loss_curves(history(end), levels={"uniform": 7.0, "unigram": 5.0})
    assert axes(picture).get_title() == f"At the end: {says} the unigram baseline"
    assert f"{end:.3f}" in picture.sentence


LEVELS = {"bigram": 4.0, "uniform": 7.0}


@pytest.mark.parametrize(
    ("draw", "loss_axis"),
    [
        (lambda **levels: plots.loss_curves(results(THREE), **levels), 1),
        (lambda **levels: plots.ladder_steps(results(FAR_APART), "val_loss", **levels), 0),
        (lambda **levels: plots.depth_curves(depth_results(), **levels), 1),
        (lambda **levels: plots.loss_by_compute(sweep(), **levels), 1),
    ],
)
def test_level_lines_cross_any_picture_of_losses(draw, loss_axis: int) -> None:  # type: ignore[no-untyped-def]
    picture, without = draw(levels=LEVELS), draw()
    assert picture.sentence == without.sentence + " Level lines: bigram 4.00, uniform 7.00."
    assert legend(picture)[-2:] == ["uniform: 7.00", "bigram: 4.00"], "the highest first"
    new = axes(picture).lines[len(axes(without).lines) :]
    along = [(set(line.get_data()[loss_axis]), set(line.get_data()[1 - loss_axis])) for line in new]
    assert along == [({7.0}, {0, 1}), ({4.0}, {0, 1})], "level at the loss, from edge to edge"
    assert len({line.get_linestyle() for line in new}) == 2


def test_a_name_that_begins_with_an_underscore_is_in_the_legend() -> None:
    """matplotlib leaves such names out."""
    odd = {"_": [1.0], "_child0": [2.0], "_nolegend_": [3.0]}
    assert legend(plots.loss_curves(results(odd), levels={"_x": 1.0})) == [*odd, "_x: 1.00"]


def test_a_stopped_run_shortens_the_curve_of_its_group() -> None:
    stopped = history()
    del stopped.records[-1]
    ax = axes(plots.loss_curves({"a": [history(), stopped]}))
    assert len(ax.lines[0].get_xdata()) == LOOKS - 1


def test_a_level_far_from_the_rungs_is_told_and_leaves_them_their_room() -> None:
    ladder = results({"GPT-1": [2.0, 2.1], "+ better": [1.9, 1.95]})
    ax = axes(plots.ladder_steps(ladder, "val_loss", levels={"near": 2.2, "far": 9.0}))
    assert [line.get_label() for line in ax.lines] == ["near: 2.20"]
    assert ax.get_xlabel().endswith("; further off: far 9.00")
    assert 2.2 < ax.get_xlim()[1] < 3


def test_the_ladder_judges_each_step() -> None:
    ladder = results({"GPT-1": [2.0, 2.1], "+ better": [1.0, 1.1], "+ the same": [1.0, 1.12]})
    ax = axes(plots.ladder_steps(ladder, "val_loss"))
    assert [note.get_text() for note in ax.texts] == ["-1.000", "+0.010 (within the spread)"]
    assert ax.get_title() == "Steps beyond the spread: better (-1.00)"
    flat = results({"a": [2.0, 2.1], "b": [2.0, 2.1]})
    assert axes(plots.ladder_steps(flat)).get_title() == "No single step exceeds the spread"


def test_depth_is_told_by_norm_and_warm_up() -> None:
    said = plots.depth_curves(depth_results()).sentence
    assert "post-norm, no warm-up: 4 layers 2.05." in said
    assert "pre-norm, no warm-up: 4 layers 3.05." in said


def test_runs_that_are_stuck_are_counted_and_not_averaged() -> None:
    """Both runs of pre-norm, 3.0 and 3.1, end at letter frequencies or worse."""
    drawn = plots.depth_curves(depth_results(), levels={"unigram": 3.04})
    assert "pre-norm, no warm-up: 4 layers none learned, 2 of 2 stuck" in drawn.sentence
    assert "post-norm, no warm-up: 4 layers 2.05." in drawn.sentence
    assert axes(drawn).get_title().startswith("2 of 4 runs are stuck")
    one = plots.depth_curves(depth_results(), levels={"unigram": 3.12}).sentence
    assert "pre-norm, no warm-up: 4 layers 3.00, 1 of 2 stuck" in one


def test_variants_without_runs_are_left_out() -> None:
    """As where a comparison was stopped early."""
    stopped = results({"a": [2.0], "b": []})
    assert legend(plots.loss_curves(stopped)) == ["a"]
    assert "b " not in plots.ladder_steps(stopped).sentence
    assert "a 2.000." in plots.loss_curves(stopped).sentence, "one seed has no spread"


def test_places_are_taken_together_in_groups_that_double() -> None:
    by_place = torch.tensor([8.0, 6.0, 5.0, 4.0, 3.0, 3.0, 2.0])
    picture = plots.losses_by_place({"a model": by_place})
    said = "place 1 8.00, place 2 6.00, place 3 to 4 4.50, place 5 to 7 2.67."
    assert said in picture.sentence
    # The second half are the places from 4 on.
    title = picture.figure.axes[0].get_title()
    assert title == "The second half of the context gains 5.00 nats over the first place"
