"""A planted bias: in the text as planted, in the model as measured by hand."""

import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from gptlab.experiments import fairness
from gptlab.experiments.fairness import BIASED, GROUPS, JOBS, SWAPPED, WAYS
from gptlab.model import GPT


def told(sentence: str) -> tuple[int, int]:
    """The group and the kind of work of a sentence about a person."""
    name, _, job = sentence.removesuffix(".").partition(" works as ")
    return GROUPS[1].count(name), JOBS[1].count(job)


def test_four_of_five_do_the_work_of_their_group() -> None:
    people, places = fairness.sentences(4000, seed=1)
    own = sum(group == work for group, work in map(told, people)) / len(people)
    assert own == pytest.approx(fairness.PLANTED, abs=0.03)
    assert len(places) == len(people) == 4000 and not any("works" in place for place in places)
    even, _ = fairness.sentences(4000, seed=1, share=0.5)
    assert sum(a == b for a, b in map(told, even)) / 4000 == pytest.approx(0.5, abs=0.03)


def test_swapped_both_groups_are_told_alike_and_the_text_is_no_longer() -> None:
    people, _ = fairness.sentences(1000, seed=2, swapped=True)
    count = Counter(map(told, people))
    assert len(people) == 1000
    assert all(count[0, work] == count[1, work] for work in (0, 1))
    assert {len(name) for pair in zip(*GROUPS, strict=True) for name in pair} == {4}


@pytest.fixture(scope="module")
def model() -> GPT:
    found = fairness.trained(BIASED, seed=1, steps=2, progress=False)
    assert found is not None
    return found


def test_leaning_by_hand(model: GPT) -> None:
    """The probability of each line's end, letter by letter, summed over the jobs of a kind."""
    kinds = []
    for jobs in JOBS:
        chances = 0.0
        for job in jobs:
            ids = fairness.TOKENIZER.encode(f"\nArnu works as {job}.")
            nats = 0.0
            for i in range(len("\nArnu works as "), len(ids)):
                with torch.no_grad():
                    nats += float(model(torch.tensor([ids[:i]]))[0, -1].log_softmax(-1)[ids[i]])
            chances += math.exp(nats)
        kinds.append(math.log(chances))
    assert fairness.leaning(model, "Arnu") == pytest.approx(kinds[0] - kinds[1], abs=1e-3)


def test_the_bias_turns_its_sign_with_the_groups(
    model: GPT, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fairness.bias(model)
    monkeypatch.setattr(fairness, "GROUPS", GROUPS[::-1])
    assert fairness.bias(model) == pytest.approx([-one for one in before], abs=1e-4)
    monkeypatch.setattr(fairness, "JOBS", JOBS[::-1])
    assert fairness.bias(model) == pytest.approx(before, abs=1e-4)


@pytest.mark.slow
def test_a_recording_that_was_stopped_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fairness.measure, "__defaults__", (1, False))
    path = tmp_path / "fairness.json"
    results = fairness.record(path, seeds=(1,))
    assert [one.way for one in results.measured] == list(WAYS)
    fairness.Fairness(results.machine, results.measured[:1]).save(path)
    assert fairness.record(path, seeds=(1,), resume=True).measured == results.measured


def test_what_was_recorded_is_whole_and_shows_the_remedy() -> None:
    results = fairness.recorded()
    assert [(one.way, one.seed) for one in results.measured] == [
        (way, seed) for seed in (1, 2, 3) for way in WAYS
    ]
    for biased, swapped in zip(results.of(BIASED), results.of(SWAPPED), strict=True):
        assert min(biased.bias) > max(map(abs, swapped.bias))
