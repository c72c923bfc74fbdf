"""What the pictures of the stream say is what the numbers say."""

import pytest
import torch

from gptlab import plots

VOCABULARY = ["a", "b", "a very long token"]


def scores(*best: list[int]) -> dict[str, torch.Tensor]:
    """Logits (T, 3) by point whose likeliest tokens are the given ones."""
    return {
        f"p{i}": 3 * torch.nn.functional.one_hot(torch.tensor(ids), 3).float()
        for i, ids in enumerate(best)
    }


@pytest.mark.parametrize(
    ("last", "settled"),
    [([0, 1, 1], "p1"), ([1, 1, 1], "p0"), ([1, 0, 1], "p2"), ([0, 0, 1], "p2")],
)
def test_the_grid_says_from_where_on_the_answer_stands(last: list[int], settled: str) -> None:
    picture = plots.lens_grid(scores(*([2, one] for one in last)), ["x", "y"], VOCABULARY)
    assert f"After “y” it is “b” at the end, with 90.9%, and that from {settled} on." in (
        picture.sentence
    )
    grid, _ = picture.figure.axes
    written = [text.get_text() for text in grid.texts]
    assert written == [part for one in last for part in ("a very lo…", VOCABULARY[one])]
    assert grid.get_title() == f"After “y” comes “b”: so from {settled} on"
    assert [label.get_text() for label in grid.get_yticklabels()] == ["p0", "p1", "p2"]
    low, high = grid.get_ylim()
    assert low < high, "the first point is at the bottom"


def test_length_and_cosine_of_known_vectors() -> None:
    vectors = {"one": [3.0, 4.0], "two": [0.0, 2.0], "three": [0.0, 10.0]}
    picture = plots.stream_by_depth({name: torch.tensor(v) for name, v in vectors.items()})
    assert picture.sentence == (
        "One vector at 3 points: its length goes from 5.0 to 10.0; its cosine with the last is "
        "0.80 at one and 1.00 at two."
    )
    lengths, cosines = (ax.get_lines()[0].get_ydata() for ax in picture.figure.axes)
    assert list(lengths) == pytest.approx([5, 2, 10])
    assert list(cosines) == pytest.approx([0.8, 1, 1])


def test_writers_are_named_with_what_they_add() -> None:
    picture = plots.writer_bars({"embed": -1.5, "0": 4.0, "1": 0.5}, "the")
    assert picture.sentence == (
        "What 3 parts add to the logit of “the”: most 0, +4.0; least embed, -1.5; +3.0 together."
    )
    (ax,) = picture.figure.axes
    assert [bar.get_width() for bar in ax.patches] == [-1.5, 4.0, 0.5]
    assert len({bar.get_facecolor() for bar in ax.patches}) == 2, "what takes away looks different"
