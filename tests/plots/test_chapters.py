"""The map of the book: each chapter to the right of what it builds on."""

import pytest
from matplotlib.text import Annotation

from gptlab.plots.chapters import Chapter, chapter_map

BOOK = [
    Chapter("0", "Start", 15),
    Chapter("1", "Before", 45, ("0",)),
    Chapter("2", "Core", 60, ("0",)),
    Chapter("3", "More", 30, ("1", "2")),
    Chapter("4", "Last", 10, ("3", "0")),
]


def test_a_chapter_stands_to_the_right_of_all_it_builds_on() -> None:
    (ax,) = chapter_map(BOOK).figure.axes
    arrows = [one for one in ax.findobj(Annotation) if isinstance(one, Annotation)]
    assert len(arrows) == sum(len(one.needs) for one in BOOK)
    for arrow in arrows:
        assert arrow.xy[0] > arrow.xyann[0]
    titles = {text.get_text(): text.get_position() for text in ax.texts if text.get_text()}
    places = [titles[f"{one.number} {one.title}"] for one in BOOK]
    assert len(set(places)) == len(BOOK)


def test_the_title_counts_the_route() -> None:
    picture = chapter_map(BOOK, ["0", "2"])
    assert picture.figure.axes[0].get_title() == "2 of 5 chapters, 1 h 15 min"
    assert picture.sentence.count("builds on") == 1 and "Before" not in picture.sentence


@pytest.mark.parametrize(
    ("chapters", "route", "said"),
    [
        (BOOK, ["9"], "no chapter 9; there is 0, 1, 2, 3, 4"),
        (BOOK[1:], None, "chapter 1 builds on 0, which does not stand before it"),
        ([], None, "no chapters"),
    ],
)
def test_what_is_no_book_is_refused(chapters: list[Chapter], route: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        chapter_map(chapters, route)
