"""A time line says how much grew, and shows what is no printed number as hollow."""

from gptlab import plots

YEARS = {"old": 2017.4, "middle": 2018.5, "new": 2020.3}
SIZES = {"old": 2e6, "middle": 3e6, "new": 1.5e9}
COSTS = {"old": 1e18, "middle": 3.14e23}


def test_the_title_is_the_growth_from_first_to_last() -> None:
    picture = plots.timeline(YEARS, {"parameters": SIZES})
    assert picture.figure.get_suptitle() == "new has 750 times as many parameters as old"
    assert "parameters: old 2M, middle 3M, new 1.5B" in picture.sentence


def test_only_what_is_estimated_in_the_last_panel_is_hollow() -> None:
    picture = plots.timeline(YEARS, {"parameters": SIZES, "cost": COSTS}, estimated=["middle"])
    sizes, costs = picture.figure.axes
    assert [line.get_markerfacecolor() == "white" for line in sizes.lines] == [False] * 3
    assert [line.get_markerfacecolor() == "white" for line in costs.lines] == [False, True]
    notes = [text.get_text() for text in costs.texts]
    assert notes == ["old\n1e+18", "middle\n3.14e+23, estimated"]
    assert {axes.get_yscale() for axes in (sizes, costs)} == {"log"}
    # One model has one marker in every panel.
    assert [line.get_marker() for line in sizes.lines[:2]] == [
        line.get_marker() for line in costs.lines
    ]
