"""A text with its weights: long ones take more lines, the boxed tokens are summed up."""

import pytest
import torch

from gptlab import plots
from gptlab.plots.reading import _WIDTH, _lines


def test_names_the_token_most_looked_at_and_what_the_box_gets() -> None:
    picture = plots.attention_text(torch.tensor([0.1, 0.6, 0.3]), ["The", "␣yen", "␣is"], [0, 2])
    assert picture.sentence == (
        "Attention to 3 tokens. Most looked at: “␣yen” (0.60). The boxed tokens get 0.40 together."
    )
    assert picture.figure.axes[0].get_title() == "Most looked at: “␣yen” (0.60)"
    numbers = [text.get_text() for text in picture.figure.axes[0].texts]
    assert numbers == ["The", "0.10", "␣yen", "0.60", "␣is", "0.30"]
    assert "boxed" not in plots.attention_text(torch.ones(1), ["a"]).sentence


def test_no_token_is_drawn_over_another_or_past_the_edge() -> None:
    tokens = ["␣" + "x" * (i % 9) for i in range(80)] + [""]
    places = _lines(tokens)
    assert places[0] == (0, 0) and places[-1][0] > 3
    taken = set()
    for token, (row, column) in zip(tokens, places, strict=True):
        cells = {(row, column + i) for i in range(max(1, len(token)))}
        assert not cells & taken and max(c for _, c in cells) < _WIDTH
        taken |= cells


@pytest.mark.parametrize("weights", [torch.ones(2), torch.ones(3, 1)])
def test_weights_that_do_not_fit_are_refused(weights: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="3 tokens"):
        plots.attention_text(weights, list("abc"))
