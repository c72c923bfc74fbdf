"""What comes with the package is there, whole, and as good as its card says."""

from collections import Counter
from pathlib import Path

import pytest

from gptlab import experiments
from gptlab.checkpoints import load, load_bundled
from gptlab.config import GPTConfig, preset
from gptlab.corpora import python_docs
from gptlab.data import DATA
from gptlab.experiments import (
    applications,
    copying,
    named_tasks,
    recurrent,
    transfer,
    which_package,
)
from gptlab.generation import Sampling, generate
from gptlab.heads import head_scores
from gptlab.objective import evaluate
from gptlab.settings import MUON_RATE, TrainSettings
from gptlab.tasks import APPLICATIONS


def test_the_model_is_what_its_card_says() -> None:
    model, tokenizer = load_bundled()
    assert model.num_parameters() == 5_853_184 and tokenizer.vocab_size == 4096
    assert sum(file.stat().st_size for file in Path(str(DATA / "model")).rglob("*.*")) < 20e6
    assert len(generate(model, tokenizer, "Return ", Sampling(20, seed=1))) > 20
    state = load(str(DATA / "model")).state
    python = python_docs(tokenizer)
    bits = python.bits_per_byte(evaluate(model, python, 20_000))
    # Stored in bfloat16, read on a sample, and of another Python another text.
    assert bits == pytest.approx(state["val_bits_per_byte_python"], rel=0.05)


def test_the_model_has_the_heads_that_its_card_names() -> None:
    scores = head_scores(load_bundled()[0])
    assert scores["previous"][2, 3] == scores["previous"].max() > 0.6
    assert scores["induction"][5, 7] == scores["induction"].max() > 0.9


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_recorded_results_are_complete(name: str) -> None:
    results = experiments.results(name)
    # What only places a rate needs no spread.
    seeds = {"rates-wide": 1, "generation-rates": 1, "grid": 1}.get(name, 3)
    assert all(len(results.of(variant)) >= seeds for variant in results.variants)


def test_the_default_learning_rates_are_those_measured() -> None:
    for name, norm, width in (("rates", "pre", 128), ("rates-wide", "pre", 384)):
        results = experiments.results(name)
        config = GPTConfig(10, 8, 1, 4, width, norm=norm)
        chosen = f"{norm}-norm, {TrainSettings().peak_rate(config):g}"
        for other in results.variants:
            if other.startswith(norm):
                gap, half = results.difference(chosen, other)
                # A single seed has no spread; elsewhere seeds differ by about so much.
                assert gap > -min(half, 0.03), f"{other} is better than {chosen}"
    assert TrainSettings().peak_rate(preset("gpt1-tiny")) == 2e-3


def test_muons_rate_is_the_best_tried_and_ahead_of_adamw_at_both_sizes() -> None:
    narrow, wide = (experiments.results(name) for name in ("rates", "rates-wide"))
    ends = {name: narrow.mean_sd(name)[0] for name in narrow.variants if name.startswith("muon")}
    chosen = f"muon, {MUON_RATE:g}"
    assert min(ends, key=lambda name: ends[name]) == chosen == list(ends)[1]  # not at an edge
    for results in (narrow, wide):
        adamw = [results.mean_sd(name)[0] for name in results.variants if "norm" in name]
        assert results.mean_sd(chosen)[0] < min(adamw)


def test_each_generation_has_the_best_rate_that_was_tried() -> None:
    tried = experiments.results("generation-rates")
    for variant in experiments.generations(10, 100_000):
        ends = {
            float(name.rpartition(", ")[2]): tried.mean_sd(name)[0]
            for name in tried.variants
            if name.startswith(variant.name)
        }
        best = min(ends, key=lambda rate: ends[rate])
        assert variant.settings.learning_rate == best == sorted(ends)[1]  # not at an edge


def test_each_way_to_name_a_package_was_measured_with_three_seeds() -> None:
    measured = which_package.recorded().measured
    asked = Counter((one.way, one.labels) for one in measured)
    ways = ("counting words", *which_package.STARTS)
    assert asked == {(way, n): 3 for way in ways for n in which_package.LABELS}
    assert len({(one.way, one.labels, one.seed) for one in measured}) == len(measured)


@pytest.mark.parametrize(("name", "kept"), [("recurrent", "places"), ("copying", "measured")])
def test_both_kinds_of_model_were_measured_with_three_seeds(name: str, kept: str) -> None:
    results = experiments.results(name)
    asked = Counter((run.variant, run.seed) for run in results.runs)
    assert asked == {(kind, seed): 1 for kind in recurrent.MODELS for seed in (1, 2, 3)}
    for run in results.runs:
        assert kept in run.extra
        config = GPTConfig.from_dict(results.variants[run.variant]["config"])
        assert run.parameters == recurrent.make(run.variant, config).num_parameters()
        assert results.variants[run.variant]["settings"]["learning_rate"] in (
            recurrent.TUNED[run.variant],
            copying.TUNED[run.variant],
        )


def test_every_way_to_fine_tune_was_measured_with_three_seeds() -> None:
    results = transfer.recorded()
    plan = transfer.variants(load_bundled()[0].config.n_layer)
    asked = Counter(one.variant for one in results.measured)
    assert asked == dict.fromkeys(plan, 3)
    assert len({(one.variant, one.seed) for one in results.measured}) == len(results.measured)
    assert 0.5 < results.before < 3
    for one in results.measured:
        whole = one.way == "pretrained" and one.layers is None
        assert (one.bits_per_byte is not None) == whole


@pytest.mark.parametrize("name", applications.PLANS)
def test_every_way_of_an_application_was_measured_with_three_seeds(name: str) -> None:
    measured = [one for one in applications.recorded().measured if one.application == name]
    asked = Counter((one.way, one.seed) for one in measured)
    baselines = [(baseline, 0) for baseline in APPLICATIONS[name].baselines]
    assert set(asked) == {*baselines, *((way, n) for way in applications.WAYS for n in (1, 2, 3))}
    assert set(asked.values()) == {1}
    for one in measured:
        if one.way in APPLICATIONS[name].baselines:  # can be had again in a second
            again = applications.measure(name, one.way, 0)
            assert again is not None and again.scores == one.scores


def test_on_film_reviews_reading_helps_a_little_and_counting_words_more() -> None:
    results = applications.recorded("film-reviews")
    assert results.plans == applications.FILM_REVIEWS
    asked = Counter((one.way, one.seed) for one in results.measured)
    baselines = [(baseline, 0) for baseline in APPLICATIONS["sentiment"].baselines]
    every = {*baselines, *((way, n) for way in applications.WAYS for n in (1, 2, 3))}
    assert asked == dict.fromkeys(every, 1)

    def scores(way: str) -> list[float]:
        return [one.scores["film reviews"] for one in results.of("sentiment", way)]

    read, fresh = scores(applications.TUNED), scores(applications.SCRATCH)
    # As chapters 4.2 and 5.5 say.
    assert all(0.02 < a - b < 0.04 for a, b in zip(read, fresh, strict=True))
    assert max(read) < min(scores("words, counted")) < min(scores("words and pairs, counted"))


def test_tasks_were_told_in_every_way_with_three_seeds_and_names_do_not_add_up() -> None:
    measured = named_tasks.recorded().measured
    asked = Counter((one.way, one.seed) for one in measured)
    assert asked == {(way, seed): 1 for way in named_tasks.WAYS for seed in (1, 2, 3)}
    for one in measured:
        told = one.right[named_tasks.KNOWN]
        # As the chapter says: a name that was told is enough, and two names make no pair.
        assert told > 0.9 if one.way != named_tasks.NAMELESS else told < 0.2
        assert one.right[named_tasks.NEW] < 0.1


def test_unknown_results_name_what_there_is() -> None:
    with pytest.raises(ValueError, match="ladder"):
        experiments.results("nothing")
