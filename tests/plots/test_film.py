"""A frame of the training film and the schedule: what they mark and say, what they refuse."""

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.text import Text

from gptlab import plots
from gptlab.settings import TrainSettings, learning_rate_at
from tests.plots.made import weights

TOKENS = ["Return", "␣the", "␣$x", "<b>"]
LOSSES = {0: 6.9, 10: 5.0, 1200: 3.25}


def frame(step: int = 10, written: str = "Return the\nname", **more):  # type: ignore[no-untyped-def]
    return plots.training_film(LOSSES, step, written, weights(4), TOKENS, **more)


def test_the_marker_stands_at_the_frame_and_the_curve_goes_through_all() -> None:
    curve = frame().figure.axes[0]
    line, here = curve.lines
    assert line.get_xydata().tolist() == [[step, loss] for step, loss in LOSSES.items()]
    assert here.get_xydata().tolist() == [[10, 5.0]]
    moved = frame(1200).figure.axes[0].lines[1]
    assert moved.get_xydata().tolist() == [[1200, 3.25]]


def test_the_sentence_says_when_how_well_what_is_written_and_where_the_head_looks() -> None:
    picture = frame(levels={"bigram": 4.1})
    assert picture.sentence.startswith(
        "After 10 updates of 1,200: validation loss 5.00 nats per token. It writes: “Return the"
    )
    assert "strongest link: “" in picture.sentence
    assert picture.sentence.endswith("Level lines: bigram 4.10.")
    assert picture.figure.get_suptitle() == "After 10 updates: 5.00 nats per token"
    assert frame(1200).figure.get_suptitle().startswith("After 1,200 updates")
    assert frame(title="mine").figure.get_suptitle() == "mine"


def test_one_update_is_singular() -> None:
    picture = plots.training_film({1: 2.0}, 1, "a", weights(4), TOKENS)
    assert "After 1 update of 1:" in picture.sentence


def test_level_lines_are_in_the_legend() -> None:
    picture = frame(levels={"unigram": 5.9, "_bigram": 4.1})
    names = [text.get_text() for text in picture.figure.axes[0].get_legend().get_texts()]
    assert names == ["all frames", "this one: 5.00", "unigram: 5.90", "_bigram: 4.10"]


def drawn_text(picture) -> str:  # type: ignore[no-untyped-def]
    return str(picture.figure.axes[-1].texts[0].get_text())


def test_a_text_keeps_its_lines_and_is_never_markup() -> None:
    hostile = "a $\\frac$ <b>\n\x00\t\ud800 {x}"
    picture = frame(written=hostile)
    assert picture.png().startswith(b"\x89PNG")
    assert drawn_text(picture) == "a $\\frac$ <b>\n\\x00\\t\\ud800 {x}"
    assert not any(
        text.get_parse_math() for text in picture.figure.findobj(Text) if isinstance(text, Text)
    )
    assert "\n" not in picture.sentence


def test_a_long_text_is_wrapped_and_cut() -> None:
    long = drawn_text(frame(written="word " * 200))
    assert max(map(len, long.split("\n"))) <= 88
    assert len(long.split("\n")) == 8 and long.endswith("…")
    many = drawn_text(frame(written="\n" * 50))
    assert len(many.split("\n")) == 8
    assert "…" not in drawn_text(frame(written="\n".join("abcdefgh")))
    assert frame(written="x" * 500).sentence.count("x") == 80


def test_an_unknown_step_and_unfitting_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="step is 11; there are frames of 0, 10, 1200"):
        frame(11)
    with pytest.raises(ValueError, match="4 tokens"):
        plots.training_film(LOSSES, 10, "", torch.eye(3), TOKENS)
    assert plt.get_fignums() == []


def test_the_schedule_is_that_of_the_loop() -> None:
    settings = TrainSettings(50, learning_rate=2e-3, warmup=10, final_fraction=0.1)
    picture = plots.learning_rates(settings)
    (ax,) = picture.figure.axes
    expected = [[step, learning_rate_at(step, settings)] for step in range(50)]
    assert ax.lines[0].get_xydata().tolist() == expected
    assert ax.lines[1].get_xydata().tolist() == [[9, 2e-3]]
    assert "0.0002 at the first, 0.002 at update 9" in picture.sentence
    assert ax.get_title() == "The largest rate, 0.002, comes at update 9"


def test_the_schedule_needs_a_rate() -> None:
    with pytest.raises(ValueError, match="learning_rate is None"):
        plots.learning_rates(TrainSettings(10))
