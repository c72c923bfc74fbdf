"""The picture of a paper's scores counts right, and says which way is better."""

import pytest

from gptlab import plots
from gptlab.papers import GPT2_ZERO_SHOT, PaperScore
from gptlab.show.picture import Picture


def title(picture: Picture) -> str:
    return str(picture.figure.axes[0].get_title())


def row(dataset: str, higher: bool, score: float) -> PaperScore:
    return PaperScore(dataset, "points", higher, 10.0, {"small": 10.0, "large": score})


def test_the_paper_s_own_count() -> None:
    picture = plots.zero_shot_ratios(GPT2_ZERO_SHOT)
    assert title(picture) == "GPT-2 was better than the state of the art on 7 of 8 data sets"
    lost = {score.dataset for score in GPT2_ZERO_SHOT if score.better_by("1542M") < 1}
    assert lost == {"1BW"}


def test_a_data_set_is_won_where_all_that_was_measured_is_better() -> None:
    rows = [row("a", True, 11.0), row("b", True, 11.0), row("b", False, 11.0), row("c", False, 9.0)]
    assert "X was better than the state of the art on 2 of 3" in title(
        plots.zero_shot_ratios(rows, who="X")
    )
    assert "on 0 of 1" in title(plots.zero_shot_ratios([row("a", True, 10.0)]))


def test_lower_and_higher_are_told_apart_in_words() -> None:
    picture = plots.zero_shot_ratios([row("a", True, 20.0), row("b", False, 20.0)])
    left, right = picture.figure.axes[0], picture.figure.axes[0].child_axes[0]
    names = [label.get_text() for label in left.get_yticklabels()]
    assert names == ["a\npoints, higher is better", "b\npoints, lower is better"]
    ends = [label.get_text() for label in right.get_yticklabels()]
    assert ends == ["20 against 10", "20 against 10: worse"]
    assert "b, points, lower is better: small 10, large 20, before 10" in picture.sentence


def test_the_ratio_is_above_one_where_the_model_is_better() -> None:
    assert row("a", True, 20.0).better_by("large") == pytest.approx(2)
    assert row("a", False, 20.0).better_by("large") == pytest.approx(0.5)


def test_the_measures_of_the_paper_go_the_way_they_should() -> None:
    rising = {score.measure for score in GPT2_ZERO_SHOT if score.higher_is_better}
    falling = {score.measure for score in GPT2_ZERO_SHOT if not score.higher_is_better}
    assert {measure[:8] for measure in rising} == {"accuracy"}
    assert falling == {"perplexity", "bits per byte", "bits per character"}
