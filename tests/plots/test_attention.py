"""Pictures of attention name what can be seen in them, of what they show."""

import pytest
import torch

from gptlab import plots
from tests.plots.made import weights


def test_the_map_names_the_strongest_link() -> None:
    strong = torch.eye(5)
    strong[3] = torch.tensor([0.0, 0.75, 0, 0.25, 0])
    picture = plots.attention_map(strong, list("abcde"))
    assert "“d” looks at “b” (0.75)" in picture.sentence
    assert picture.figure.axes[0].get_title() == "Strongest link: “d” looks at “b” (0.75)"


def test_one_token_and_weights_that_still_train() -> None:
    assert "1 token to" in plots.attention_map(torch.ones(1, 1), ["a"]).sentence
    assert (
        "1 layer × 1 head over 1 token."
        in plots.attention_grid(torch.ones(1, 1, 1, 1, requires_grad=True), ["a"]).sentence
    )


@pytest.mark.parametrize("shape", [(5, 5), (4, 3), (1, 4, 4)])
def test_weights_that_do_not_fit_the_tokens_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="4 tokens"):
        plots.attention_map(torch.ones(shape), list("abcd"))


def test_the_grid_names_the_previous_token_head_of_those_shown() -> None:
    attention = weights().repeat(2, 3, 1, 1)
    attention[1, 2] = torch.diag(torch.ones(4), -1)
    attention[1, 2, 0, 0] = 1
    assert "Layer 1 head 2 looks most" in plots.attention_grid(attention, list("abcde")).sentence
    part = plots.attention_grid(attention, list("abcde"), layers=[0, 1], heads=[1, 2]).sentence
    assert part.startswith("2 layers × 2 heads") and "Layer 1 head 2 looks most" in part
    assert (
        "Layer 0 head 1"
        in plots.attention_grid(attention, list("abcde"), layers=[0], heads=[1, 2]).sentence
    )


def test_steps_write_numbers_and_what_is_no_number() -> None:
    matrix = torch.tensor([[-1.5, -torch.inf], [torch.inf, torch.nan]])
    picture = plots.attention_steps({"scores": matrix}, list("ab"))
    assert [text.get_text() for text in picture.figure.axes[0].texts] == ["−1.50", "−∞", "∞", "nan"]
    assert plots.attention_steps({"none": torch.full((1, 1), -torch.inf)}, ["a"]).png()
