"""Results know their spread and say no more than it allows."""

import math
from pathlib import Path

import numpy as np
import pytest

from gptlab.results import Results
from gptlab.show.table import Table
from tests.plots.made import results as made_up


def test_spread_and_verdict() -> None:
    """Checked by hand: sd 0.1 each, t(4) = 2.78, so the half-width is 2.78 · 0.1 · √(2/3)."""
    results = made_up({"a": [1.9, 2.0, 2.1], "b": [1.4, 1.5, 1.6], "c": [1.8, 1.9, 2.0]})
    assert results.mean_sd("a") == pytest.approx((2.0, 0.1))
    gap, half = results.difference("a", "b")
    assert (gap, half) == pytest.approx((-0.5, 2.78 * 0.1 * math.sqrt(2 / 3)))
    assert results.verdict("a", "b").startswith("b is lower than a by 0.500 ± 0.227")
    assert "within the spread" in results.verdict("a", "c")


def test_one_seed_proves_nothing() -> None:
    results = made_up({"a": [1.0], "b": [2.0]})
    assert "no spread to judge by" in results.verdict("a", "b")


def test_the_interval_covers_what_it_says() -> None:
    """Of many pairs drawn from one distribution, about 5 % look different by mistake."""
    dice = np.random.default_rng(0)
    wrong = 0
    for _ in range(1000):
        pair = dice.normal(size=(2, 3))
        gap, half = made_up({"a": list(pair[0]), "b": list(pair[1])}).difference("a", "b")
        wrong += abs(gap) > half
    assert 30 <= wrong <= 70


def test_file_round_trip(tmp_path: Path) -> None:
    results = made_up({"a": [1.9, 2.0], "b": [1.4, 1.5]})
    results.save(tmp_path / "deep" / "results.json")
    assert Results.load(tmp_path / "deep" / "results.json") == results
    (tmp_path / "other.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"other\.json is no results file"):
        Results.load(tmp_path / "other.json")


def test_table_as_text_and_html() -> None:
    text = str(made_up({"<b>a</b>": [1.9, 2.1], "b": [1.5, 1.5]}).table())
    assert "2.000 ± 0.141" in text and "1.500 ± 0.000" in text
    lines = Table(["name", "x"], [["a", "1"], ["longer", "22"]])
    assert str(lines).splitlines() == ["name     x", "------  --", "a        1", "longer  22"]
    page = made_up({"<b>a</b>": [1.0]}).table()._repr_mimebundle_()[0]["text/html"]
    assert "<b>" not in page and "&lt;b&gt;" in page
