"""The applications' measurements: every way, on the same questions, kept and gone on with."""

from dataclasses import replace
from pathlib import Path

import pytest

from gptlab.experiments import applications
from gptlab.experiments.__main__ import main
from gptlab.experiments.applications import Applications, Measured
from gptlab.tasks import APPLICATIONS
from gptlab.tasks.downloads import KNOWN

PLANS = {"sentiment": {"count": 16, "epochs": 1, "shots": 2}}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "PLANS", PLANS)
    monkeypatch.setattr(applications, "TESTED", 6)
    monkeypatch.setattr(applications, "ASKED_BY_PROMPT", 2)
    applications.data.cache_clear()
    yield
    applications.data.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_every_way_is_measured_once_and_a_stopped_recording_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "applications.json"
    results = applications.record(path, seeds=(1,), plans=PLANS)
    ways = [(one.way, one.seed) for one in results.measured]
    baselines = [(name, 0) for name in APPLICATIONS["sentiment"].baselines]
    assert ways == [*baselines, ("prompted", 1), ("from scratch", 1), ("fine-tuned", 1)]
    for one in results.measured:
        assert list(one.scores) == ["new sentences", "new words", "new ways to say it"]
        assert all(0 <= score <= 1 for score in one.scores.values())
        assert (one.seconds > 0) == (one.way in ("from scratch", "fine-tuned"))
    assert Applications.load(path) == results
    shorter = Applications(results.machine, results.plans, results.measured[:-1])
    shorter.save(path)
    again = applications.record(path, seeds=(1,), plans=PLANS, resume=True)
    assert [one.scores for one in again.measured] == [one.scores for one in results.measured]


def test_a_recording_by_another_plan_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "applications.json"
    plans = applications.PLANS | {"sentiment": applications.PLANS["sentiment"] | {"epochs": 99}}
    Applications({}, plans).save(path)
    with pytest.raises(ValueError, match="has sentiment by another plan"):
        applications.record(path, resume=True)


def test_without_a_network_film_reviews_are_not_measured_and_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (name,) = KNOWN["film-reviews"].files
    files = {name: ("http://127.0.0.1:9/" + name, "0" * 64)}  # nothing listens there
    monkeypatch.setitem(KNOWN, "film-reviews", replace(KNOWN["film-reviews"], files=files))
    monkeypatch.setattr("pooch.os_cache", lambda _: tmp_path / "cache")
    with pytest.raises(SystemExit) as ended:
        main(["film-reviews", "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.startswith("error: ") and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", applications.PLANS)
def test_the_groups_are_the_test(name: str) -> None:
    parts, groups = applications.data(name)
    assert [pair for group in groups.values() for pair in group] == list(parts.test)
    assert len(parts.train) <= applications.PLANS[name]["count"]


def test_a_table_has_means_and_ranges() -> None:
    measured = [
        Measured("sentiment", "fine-tuned", seed, {"a": 0.5 + 0.1 * seed, "b": 1.0})
        for seed in (1, 2, 3)
    ]
    other = Measured("question-answering", "fine-tuned", 1, {"c": 0.0})
    table = Applications({}, {}, [*measured, other]).table("sentiment")
    assert table.headers == ["accuracy", "a", "b"]
    assert table.rows == [["fine-tuned", "0.70 (0.60 to 0.80)", "1.00 (1.00 to 1.00)"]]


def test_a_baseline_answers_what_is_asked() -> None:
    application = APPLICATIONS["sentiment"]
    parts, groups = applications.data("sentiment")
    answer = applications.by_baseline(application, "the commonest label", parts)
    (question, _), *_ = groups["new words"]
    assert answer([question]) == ["negative"] or answer([question]) == ["positive"]
