"""Comparisons: equal terms, honest spread, results that survive the trip through a file."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from gptlab import experiments, plots
from gptlab.compare import Results, Variant, run
from gptlab.config import preset
from gptlab.corpora import from_text
from gptlab.counting import baselines
from gptlab.settings import TrainSettings
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


def test_power_law_is_recovered() -> None:
    tokens = {f"{n}": n for n in (10, 100, 1000, 10_000)}
    losses = {name: [(5e4 / n) ** 0.3] * 2 for name, n in tokens.items()}
    law = made_up(losses, tokens).power_law("tokens")
    assert law.exponent == pytest.approx(0.3) and law.scale == pytest.approx(5e4)
    assert law.error < 1e-6 and law(100) == pytest.approx(500**0.3)
    with pytest.raises(ValueError, match="at least 3"):
        made_up({"a": [1.0], "b": [2.0]}).power_law("tokens")


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


def test_a_real_comparison(tmp_path: Path) -> None:
    corpus = from_text("to be or not to be, that is the question. " * 200, tokenizer="char")
    vocabulary = corpus.tokenizer.vocab_size
    settings = TrainSettings(batch_size=4, device="cpu")
    variants = experiments.generations(vocabulary, 1024, settings, n_layer=2, n_embd=16)
    results = run(
        variants,
        corpus,
        seeds=(1, 2),
        progress=False,
        sample_tokens=5,
        watch=experiments.watch_gradients((0, 2)),
        after=lambda so_far: so_far.save(tmp_path / "results.json"),
    )
    assert [(r.variant, r.seed) for r in results.runs] == [
        (name, seed) for seed in (1, 2) for name in ("GPT-1", "GPT-2", "GPT-3")
    ]
    assert {r.tokens for r in results.runs} == {1024}
    assert all(len(r.sample) == 5 and r.curve for r in results.runs)
    assert all(len(r.extra["grad_norms"]["0"]) == 2 for r in results.runs)
    stopped = Results.load(tmp_path / "results.json")
    assert stopped == results
    kept = stopped.runs[:4]
    stopped.runs[4:] = []
    again = run(variants, corpus, (1, 2), progress=False, sample_tokens=5, before=stopped)
    assert again.runs[:4] == kept and [r.seed for r in again.runs] == [1, 1, 1, 2, 2, 2]
    assert [r.val_loss for r in again.runs] == [r.val_loss for r in results.runs]
    with pytest.raises(ValueError, match="compared other variants"):
        run(variants[:2], corpus, progress=False, before=stopped)
    assert json.loads((tmp_path / "results.json").read_text())["machine"]["torch"]
    assert results.corpus == corpus.describe()
    assert results.levels() == baselines(corpus)
    bits = results.levels("val_bits_per_byte")["bigram"]
    assert bits == pytest.approx(corpus.bits_per_byte(baselines(corpus)["bigram"]))
    last = results.table().rows[-1]
    assert last[0] == "trigram" and f"{results.levels()['trigram']:.3f}" in last
    assert "Level lines: unigram" in repr(plots.loss_curves(results))


def test_names_must_differ() -> None:
    corpus = from_text("ab" * 200, tokenizer="char")
    variant = Variant("a", preset("gpt2-tiny", vocab_size=2), TrainSettings(steps=1))
    with pytest.raises(ValueError, match="name of its own"):
        run([variant, variant], corpus)


@pytest.mark.parametrize("experiment", [experiments.generations, experiments.ladder])
def test_equal_tokens_whatever_the_context(experiment) -> None:  # type: ignore[no-untyped-def]
    variants = experiment(65, 100_000)
    assert len({v.tokens for v in variants}) == 1
    assert len({v.settings.steps for v in variants}) == 1
    assert len({v.config.n_ctx for v in variants}) == 3


def test_generations_are_rungs_of_the_ladder() -> None:
    rungs = {v.config: v.settings for v in experiments.ladder(65, 100_000)}
    for one in experiments.generations(65, 100_000):
        assert one.config == preset(f"{one.name.lower().replace('-', '')}-tiny", vocab_size=65)
        assert rungs[one.config] == one.settings


def test_the_ladder_changes_one_thing_at_a_time() -> None:
    variants = experiments.ladder(65, 100_000)
    assert variants[0].config == preset("gpt1-tiny", vocab_size=65)
    assert variants[4].config == preset("gpt2-tiny", vocab_size=65)
    assert variants[-1].config == preset("gpt3-tiny", vocab_size=65)
    for before, after in pairwise(variants):
        assert len(before.config.diff(after.config)) == 1, after.name


def test_depth_changes_only_norm_depth_and_warm_up() -> None:
    variants = experiments.depth(65, depths=(2, 24))
    assert len(variants) == 8
    for variant in variants[1:]:
        assert set(variants[0].config.diff(variant.config)) <= {"norm", "n_layer"}
        assert replace(variant.settings, warmup=0) == replace(variants[0].settings, warmup=0)


def test_sweeps_vary_one_thing() -> None:
    sizes = experiments.sizes(65, 100_000)
    assert len({v.tokens for v in sizes}) == 1
    assert {v.settings.precision for v in sizes} == {"float32"}  # or width would decide it too
    amounts = experiments.amounts(65, [10_240, 102_400])
    assert [v.tokens for v in amounts] == [10_240, 102_400]
    assert amounts[0].config == amounts[1].config


def test_impossible_amounts() -> None:
    with pytest.raises(ValueError, match="less than one update"):
        experiments.generations(65, 10)
    with pytest.raises(ValueError, match="larger batch_size"):
        experiments.generations(65, 10_000, TrainSettings(batch_size=2))


def test_block_gradient_norms_by_hand() -> None:
    from gptlab.model import GPT

    model = GPT(preset("gpt2-tiny", vocab_size=5, n_embd=16, n_layer=2))
    for weight in model.h[1].parameters():
        weight.grad = torch.full_like(weight, 2.0)
    count = sum(weight.numel() for weight in model.h[1].parameters())
    assert experiments.block_gradient_norms(model) == pytest.approx([0.0, 2.0 * count**0.5])
