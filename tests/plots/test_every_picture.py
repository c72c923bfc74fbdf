"""What holds for every picture there is: a sentence beside it, text that is never markup."""

import inspect
import re

import matplotlib.pyplot as plt
import pytest
from matplotlib.text import Text

from gptlab import plots
from gptlab.show.picture import Picture
from tests.plots.made import PICTURES

PLAIN = ["GPT-1", "GPT-2", "a token", "注意", "the"]
HOSTILE = {
    "markup": [r"$\frac$", "$", "_^{}", "<b>", "{x:d}%s"],
    "odd": ["a\nb", "\ud800", "😀", "注意", ""],
}
pictures = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


def test_each_picture_function_is_drawn_here() -> None:
    functions = {name for name, value in vars(plots).items() if inspect.isfunction(value)}
    assert set(PICTURES) == functions == set(plots.__all__)


@pictures
def test_says_in_a_sentence_what_it_shows(draw) -> None:  # type: ignore[no-untyped-def]
    picture = draw(PLAIN)
    assert isinstance(picture, Picture)
    assert picture.png().startswith(b"\x89PNG")
    assert repr(picture) == picture.sentence == repr(draw(PLAIN))
    assert re.fullmatch(r"\S.{20,}\S\.", picture.sentence), "one line, ended by a full stop"


@pictures
@pytest.mark.parametrize("names", HOSTILE.values(), ids=HOSTILE)
def test_text_is_never_markup(draw, names: list[str]) -> None:  # type: ignore[no-untyped-def]
    picture = draw(names)
    assert picture.png().startswith(b"\x89PNG")
    for text in picture.figure.findobj(Text):
        assert isinstance(text, Text) and not text.get_parse_math()
        assert "mathdefault" not in text.get_text()
    assert "\n" not in picture.sentence
    picture.sentence.encode()


@pictures
def test_leaves_no_figure_to_pyplot(draw) -> None:  # type: ignore[no-untyped-def]
    """Or a notebook shows the picture twice."""
    draw(PLAIN)
    assert plt.get_fignums() == []
