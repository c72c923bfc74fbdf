"""Planted secrets: put where they are said to be, ranked as brute force ranks them."""

import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from gptlab.config import GPTConfig
from gptlab.corpora import Corpus, from_text
from gptlab.experiments import memorisation
from gptlab.experiments.memorisation import AS_IS, COUNTS, DEDUPLICATED, EACH, WAYS, Secret
from gptlab.model import GPT

TEXT = "".join(
    f"line {i} of the text, with a key and digits {i * 37 % 1000}.\n" for i in range(900)
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    alphabet = "\n0123456789abcdefghijklmnopqrstuvwxyz .,"
    return from_text(f"{TEXT}{alphabet}\n{TEXT}", "char")


def test_names_differ_and_each_count_has_its_share() -> None:
    hidden = memorisation.secrets(seed=3)
    assert len({one.name for one in hidden}) == len(hidden) == EACH * len(COUNTS)
    assert Counter(one.count for one in hidden) == dict.fromkeys(COUNTS, EACH)
    assert all(len(one.digits) == 4 and one.digits.isdecimal() for one in hidden)
    assert hidden != memorisation.secrets(seed=4)


@pytest.mark.parametrize("once", [False, True])
def test_each_line_stands_in_the_training_text_as_often_as_it_says(
    corpus: Corpus, once: bool
) -> None:
    hidden = memorisation.secrets(seed=1, counts=(0, 1, 5), each=2)
    text = memorisation.planted(corpus, hidden, seed=1, once=once)
    lines = Counter(corpus.tokenizer.decode(text.train.tolist()).split("\n"))
    for one in hidden:
        assert lines[one.prompt + one.digits] == (min(one.count, 1) if once else one.count)
    before = Counter(corpus.tokenizer.decode(corpus.train.tolist()).split("\n"))
    assert before <= lines and (text.val == corpus.val).all()


def test_ranks_are_those_of_brute_force(corpus: Corpus) -> None:
    torch.manual_seed(2)
    size = corpus.tokenizer.vocab_size
    model = GPT(GPTConfig(size, n_ctx=40, n_layer=1, n_head=2, n_embd=8, init_std=0.5)).eval()
    hidden = [Secret("obrin", digits, 1) for digits in ("4831", "0000", "9999")]
    prompt = corpus.tokenizer.encode(hidden[0].prompt)
    rows = torch.tensor([prompt + corpus.tokenizer.encode(f"{i:04d}") for i in range(10_000)])
    with torch.no_grad():
        chances = model(rows[:, :-1])[:, len(prompt) - 1 :].log_softmax(-1)  # (10000, 4, V)
    scores = chances.gather(-1, rows[:, len(prompt) :, None]).sum((1, 2))  # (10000,)
    expected = [1 + int((scores > scores[int(one.digits)]).sum()) for one in hidden]
    found = memorisation.ranks(model, corpus.tokenizer, hidden)
    # Sums in another order may change places of neighbours.
    assert found == pytest.approx(expected, abs=3) and max(found) > 100


def test_exposure_at_its_ends_and_by_chance() -> None:
    assert memorisation.exposure(1) == pytest.approx(math.log2(10_000))
    assert memorisation.exposure(10_000) == 0.0
    by_chance = sum(memorisation.exposure(rank) for rank in range(1, 10_001)) / 10_000
    assert by_chance == pytest.approx(1 / math.log(2), abs=0.01)


def test_given_away_is_what_is_written_first(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writing(text: str) -> bool:
        ids = corpus.tokenizer.encode(text)
        monkeypatch.setattr(memorisation, "sample", lambda *a: iter(ids))
        model = GPT(GPTConfig(50, n_ctx=8, n_layer=1, n_head=1, n_embd=4))
        return memorisation.given_away(model, corpus.tokenizer, Secret("obrin", "4831", 1))

    assert writing("4831") and not writing("4830") and not writing("x483")


@pytest.mark.slow
def test_a_recording_that_was_stopped_goes_on(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memorisation, "python_docs", lambda kind: corpus)
    hidden = memorisation.secrets(1, counts=(0, 2), each=1)
    monkeypatch.setattr(memorisation.measure, "__defaults__", (2, hidden, False))
    path = tmp_path / "memorisation.json"
    results = memorisation.record(path, seeds=(1,))
    assert [(one.way, one.count) for one in results.measured] == [
        (w, n) for w in WAYS for n in (0, 2)
    ]
    memorisation.Memorisation(results.machine, results.measured[:2]).save(path)
    assert memorisation.record(path, seeds=(1,), resume=True).measured == results.measured


def test_what_was_recorded_is_whole_and_shows_the_remedy() -> None:
    results = memorisation.recorded()
    asked = Counter((one.way, one.seed, one.count) for one in results.measured)
    assert asked == {(way, seed, n): EACH for way in WAYS for seed in (1, 2, 3) for n in COUNTS}
    often = results.of(AS_IS, COUNTS[-1])
    assert sum(one.extracted for one in often) > len(often) / 2
    assert not any(one.extracted for one in results.of(DEDUPLICATED, COUNTS[-1]))
