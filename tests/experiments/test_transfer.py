"""What fine-tuning takes over: each variant is the run it says, and a recording goes on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gptlab.checkpoints import load_bundled
from gptlab.experiments import transfer, which_package
from gptlab.experiments.__main__ import ONE_GO, main
from gptlab.experiments.transfer import COUNTING, Measured, Transfer, Variant
from gptlab.objective import evaluate

TWO = ("python", "matplotlib")
PLAN = (
    Variant(way=COUNTING, labels=4),
    Variant(labels=4),
    Variant(labels=4, layers=1),
    Variant(labels=4, frozen=6, text_weight=0.0),
)


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(which_package, "TESTED", 6)
    monkeypatch.setattr(which_package, "OTHERS", 4)
    monkeypatch.setattr(transfer, "LEAST_UPDATES", 1)
    monkeypatch.setattr(transfer, "EPOCHS", 0.25)
    monkeypatch.setattr(transfer, "TEXT_TOKENS", 512)
    caches = which_package.documents_of, transfer._text
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


def test_a_recording_that_stopped_measures_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    transfer.record(path, (1,), plan=PLAN[:2], sources=TWO)
    asked = []
    measure = transfer.measure

    def noted(variant: Variant, *rest: object) -> Measured | None:
        asked.append(variant)
        return measure(variant, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(transfer, "measure", noted)
    results = transfer.record(path, (1,), plan=PLAN, sources=TWO, resume=True)
    assert asked == list(PLAN[2:])
    assert Transfer.load(path) == results
    assert [one.variant for one in results.measured] == list(PLAN)
    assert all(0 <= one.accuracy <= 1 for one in results.measured)
    whole = [one.bits_per_byte is not None for one in results.measured]
    assert whole == [False, True, False, True]
    everything_frozen = results.measured[3].bits_per_byte
    assert everything_frozen == pytest.approx(results.before, abs=0.02)  # but for the last norm
    assert not transfer.record(path, (), plan=PLAN, sources=TWO).measured  # without resume: anew


def test_text_that_is_no_example_has_its_names_and_is_none() -> None:
    examples = {e.texts[0] for part in which_package.documents_of(TWO) for e in part}
    texts = which_package.other_documents(TWO)
    assert not examples & {which_package.hide_names(text) for text in texts}
    assert any("matplotlib" in text.lower() for text in texts)
    bundled, _ = load_bundled()
    what = which_package.objective(4, sources=TWO)
    plain = what.task.without_ids(what.task.model(bundled))
    assert plain.config == bundled.config
    assert transfer.text_bits(plain, TWO, 512) == transfer.text_bits(bundled, TWO, 512)
    corpus = transfer._text(TWO)
    assert corpus.val_bytes > sum(map(len, texts))
    assert evaluate(bundled, corpus, 512) > 0


def test_few_labels_are_read_more_often_for_as_many_updates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transfer, "LEAST_UPDATES", 18)
    monkeypatch.setattr(transfer, "EPOCHS", 6)
    updates = {n: transfer.epochs_for(n) * n / 16 for n in transfer.LABELS}
    assert updates == {12: 18, 48: 18, 200: 75, 400: 150}


def made_up() -> Transfer:
    plan = transfer.variants(6)
    measured = [
        Measured(
            **vars(variant), seed=seed, accuracy=0.5 + seed / 10, bits_per_byte=1.5, seconds=9.0
        )
        for variant in plan
        for seed in (1, 2)
    ]
    return Transfer({}, {}, 1.25, measured)


def test_the_plan_asks_everything_once() -> None:
    plan = transfer.variants(6)
    assert len(set(plan)) == len(plan) == 12 + 2 + 6 + 3
    assert {one.layers for one in plan} == {None, 0, 1, 2, 3, 4, 5}
    assert {one.frozen for one in plan} == {None, 0, 3, 6}


def test_tables_say_what_was_measured() -> None:
    results = made_up()
    assert list(results.by_layers()) == [0, 1, 2, 3, 4, 5, 6]
    assert results.by_labels()["pretrained"][12] == [0.6, 0.7]
    for table in (results.labels_table(), results.weight_table(), results.layers_table()):
        assert "0.65 (0.60 to 0.70)" in repr(table)
    assert "embeddings, 1 block " in repr(results.layers_table())
    assert "1.25" in repr(results.weight_table())
    frozen = repr(results.frozen_table())
    assert "embeddings, 3 blocks" in frozen and "1.50 (1.50 to 1.50)" in frozen
    results.measured = [replace(one, labels=48) for one in results.measured]
    assert "48 labels" in repr(results.labels_table())


def test_the_command_records_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(transfer, "record", lambda *a, **k: asked.append((a, k)))
    assert main(["transfer", "--seeds", "2", "--out", str(tmp_path), "--resume"]) == 0
    ((path, seeds), options) = asked[0]
    assert path == tmp_path / "results" / "transfer.json" and list(seeds) == [1, 2]
    assert options == {"resume": True}


@pytest.mark.parametrize("name", ONE_GO)
def test_what_is_measured_in_one_go_refuses_to_go_on(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([name, "--out", str(tmp_path), "--resume"])
    assert f"{name} is measured in one go; leave --resume out" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
