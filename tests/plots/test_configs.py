"""Configs side by side: what is marked is what `diff` finds."""

import pytest

from gptlab import plots
from gptlab.config import PRESETS, preset


@pytest.mark.parametrize("pair", [("gpt1", "gpt2"), ("gpt2", "gpt3-175b"), ("gpt2", "gpt2")])
def test_marked_is_what_differs(pair: tuple[str, str]) -> None:
    left, right = (preset(name) for name in pair)
    picture = plots.config_changes({"left": left, "right": right})
    changes = left.diff(right)
    assert f"left to right: {len(changes)} of 14 ({', '.join(changes) or 'none'})" in (
        picture.sentence
    )
    (ax,) = picture.figure.axes
    marked = [text for text in ax.texts if text.get_text().startswith("→ ")]
    assert len(marked) == len(ax.patches) == len(changes)
    assert all(text.get_weight() == "bold" for text in marked)


def test_each_is_compared_with_the_one_before_it() -> None:
    names = ("gpt1", "gpt2", "gpt1")
    said = plots.config_changes({str(i): preset(name) for i, name in enumerate(names)}).sentence
    assert "0 to 1: 5 of 14" in said and "1 to 2: 5 of 14" in said


def test_one_alone_has_nothing_to_differ_from() -> None:
    assert plots.config_changes({"only": PRESETS["gpt1"]}).sentence.endswith("Changes: none.")
