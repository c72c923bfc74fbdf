"""Comparisons: equal terms, honest spread, results that survive the trip through a file."""

import json
from pathlib import Path

import pytest

from gptlab import experiments, plots
from gptlab.compare import Variant, run
from gptlab.config import preset
from gptlab.corpora import from_text
from gptlab.counting import baselines
from gptlab.results import Results
from gptlab.settings import TrainSettings


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
