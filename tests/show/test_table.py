"""A table is aligned text in a terminal and HTML in a notebook."""

import pytest

from gptlab.show.table import Table


def test_names_to_the_left_and_values_to_the_right() -> None:
    lines = repr(Table(["name", "loss"], [["a", "10.5"], ["longer name", "2"]])).splitlines()
    assert lines == [
        "name         loss",
        "-----------  ----",
        "a            10.5",
        "longer name     2",
    ]


def test_a_cell_stays_in_its_row() -> None:
    assert len(repr(Table(["a", "b"], [["x\ny", "1"]])).splitlines()) == 3


def test_row_and_column_names_are_headers() -> None:
    data, _ = Table(["name", "<loss>"], [["a", "1"]])._repr_mimebundle_()
    assert '<th scope="row" style="text-align:left">a</th>' in data["text/html"]
    assert '<th scope="col" style="text-align:left">name</th>' in data["text/html"]
    assert "&lt;loss&gt;" in data["text/html"]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="3 cells; give one for each of the 2 headers"):
        Table(["a", "b"], [["1", "2", "3"]])
