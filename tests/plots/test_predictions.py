"""The likeliest tokens, one bar each, however they are written."""

import torch

from gptlab import plots


def test_bars_fall_and_are_named() -> None:
    picture = plots.next_token_bars(torch.tensor([0.1, 0.6, 0.3]), ["a", "<b>", "c"])
    assert picture.sentence.endswith("led by “<b>” 60.0%, “c” 30.0%, “a” 10.0%.")
    assert picture.figure.axes[0].get_title() == "Likeliest next token: “<b>”"


def test_two_tokens_written_alike_keep_a_bar_each() -> None:
    picture = plots.next_token_bars(torch.tensor([0.5, 0.5]), ["same", "same"])
    (ax,) = picture.figure.axes
    assert len({bar.get_y() for bar in ax.patches}) == 2
    assert [label.get_text() for label in ax.get_yticklabels()] == ["“same”", "“same”"]
