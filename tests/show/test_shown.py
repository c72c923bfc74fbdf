"""Everything displayed keeps one contract: its sentence is its text form and its repr."""

import pytest
from matplotlib.figure import Figure

from gptlab.explorers import explore
from gptlab.show.frame import View
from gptlab.show.picture import Picture
from gptlab.show.shown import Shown, in_words, one_line
from gptlab.show.table import Table
from gptlab.show.verdict import Verdict

SHOWN = {
    "picture": lambda: Picture(Figure(), "A picture of <b>."),
    "table": lambda: Table(["<b>", "b"], [["1", "2"]]),
    "view": lambda: View("title", "A view of <b>.", "<p>page</p>", 100),
    "verdict": lambda: Verdict("wrong", "a hint on <b>."),
    "sliders": lambda: explore(lambda n: Picture(Figure(), "Long <b> " + "." * 200), n=(1, 3)),
}


@pytest.mark.parametrize("make", SHOWN.values(), ids=SHOWN)
def test_keeps_the_contract(make) -> None:  # type: ignore[no-untyped-def]
    shown = make()
    assert isinstance(shown, Shown)
    data, _ = shown._repr_mimebundle_(include=None, exclude=None)
    assert data["text/plain"] == repr(shown) == repr(make()), "whole, and the same each time"
    assert len(data) > 1, "a richer form than text"
    assert "<b>" in data["text/plain"]
    assert "<b>" not in data.get("text/html", ""), "text is escaped where it becomes HTML"


def test_one_line() -> None:
    assert one_line("a b\tc\r\nd\x1b[31m") == "a b\\tc\\r\\nd\\x1b[31m"
    assert one_line("注意 😀 👩‍👩‍👧 é − “x”") == "注意 😀 👩‍👩‍👧 é − “x”"


def test_an_exception_in_words() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert in_words(ValueError("too\nlong")) == "ValueError: too\\nlong"
    assert in_words(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert in_words(Mute()) == "Mute"
