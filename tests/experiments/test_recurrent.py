"""An LSTM with the face of a GPT: as large, causal, trained by the one loop; and what both copy."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gptlab.config import GPTConfig, preset
from gptlab.corpora import from_text
from gptlab.experiments import copying, recurrent
from gptlab.model import GPT
from gptlab.objective import position_losses
from gptlab.results import Results
from gptlab.runtime.device import Hardware
from gptlab.settings import TrainSettings
from gptlab.training import train


def small(**changes: Any) -> GPTConfig:
    return preset("gpt2-tiny", **({"n_embd": 16, "n_layer": 2, "n_ctx": 16} | changes))


def lstm(config: GPTConfig) -> Any:
    return recurrent.make("LSTM", config)


@pytest.mark.parametrize("config", [recurrent.shape(), copying.shape(), small(vocab_size=7)])
def test_an_lstm_is_as_large_as_the_gpt_and_no_larger(config: GPTConfig) -> None:
    model, allowed = lstm(config), recurrent.make("GPT", config).num_parameters()
    n, e = model.lstm.hidden_size, config.n_embd
    one_more = 4 * (2 * n + 1 + e + 2) + e
    assert model.num_parameters() <= allowed < model.num_parameters() + one_more
    body = model.num_parameters(embeddings=False)
    assert body == model.num_parameters() - config.vocab_size * e


def test_it_reads_forwards_and_begins_with_nothing_known() -> None:
    model, tokens = lstm(small()), torch.randint(1024, (2, 12))
    logits = model(tokens)
    changed = tokens.clone()
    changed[:, 8] = (changed[:, 8] + 1) % 1024
    assert torch.equal(model(changed)[:, :8], logits[:, :8])
    assert not torch.allclose(model(changed)[:, 8:], logits[:, 8:])
    assert torch.allclose(model(tokens[1:]), logits[1:], atol=1e-6)  # rows do not meet


def test_its_loss_is_that_of_a_gpt() -> None:
    model, tokens = lstm(small()), torch.randint(1024, (2, 6))
    targets = tokens.roll(-1, 1).masked_fill(torch.arange(6) == 5, -100)
    logits, loss = model(tokens, targets)
    of_each = -logits.log_softmax(-1)[:, :5].gather(-1, targets[:, :5, None])
    assert loss.item() == pytest.approx(of_each.mean().item(), rel=1e-5)
    assert model(tokens, torch.full_like(tokens, -100))[1] == 0


def test_a_seed_decides_the_weights_and_nothing_else_moves() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, again = (recurrent.make("LSTM", small(), seed=5).state_dict() for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(one[name], again[name]) for name in one)
    n = lstm(small()).lstm.hidden_size
    assert (one["lstm.bias_ih_l0"][n : 2 * n] == 1).all()  # forget little to begin with
    with pytest.raises(ValueError, match="must be one of GPT, LSTM"):
        recurrent.make("RNN", small())


@pytest.mark.parametrize("kind", recurrent.MODELS)
def test_the_one_loop_trains_both(kind: str) -> None:
    corpus = from_text("abcdefgh" * 400, "char")
    config = small(vocab_size=corpus.tokenizer.vocab_size)
    model = recurrent.make(kind, config)
    settings = TrainSettings(60, 8, learning_rate=1e-2, warmup=5)
    history = train(model, corpus, settings, progress=False)
    assert history.val_loss < 0.5  # after the first letter there is nothing to guess
    assert position_losses(model, corpus).shape == (16,)


@pytest.mark.parametrize("distance", [2, 9, 32, None])
def test_a_row_says_its_letters_again(distance: int | None) -> None:
    repeats = copying.Repeats()
    letters, targets = repeats.draw(4, 20, distance)
    assert letters.shape == targets.shape == (20, 64)
    known = targets != -100
    assert torch.equal(letters[:, 1:][known[:, :-1]], targets[:, :-1][known[:, :-1]])
    for row, asked in zip(letters, known, strict=True):
        back = int(asked.nonzero()[0])  # the first letter that can be known is that distance on
        assert distance in (back, None) and 2 <= back <= 32 and bool(asked[back:].all())
        assert torch.equal(row[back:], row[:-back])
    assert torch.equal(repeats.draw(4, 20, distance)[0], letters)
    assert not torch.equal(repeats.draw(5, 20, distance)[0], letters)


def test_who_copies_is_measured_right_at_every_distance() -> None:
    class Copier(GPT):
        """Says what stood a distance back, found by trying them all."""

        def forward(self, tokens: torch.Tensor, targets: Any = None, reading: Any = None) -> Any:
            logits = torch.zeros(*tokens.shape, 32)
            for row, letters in enumerate(tokens):
                back = next(d for d in range(2, 33) if torch.equal(letters[d:], letters[:-d]))
                said = torch.cat([letters[:back], letters])[1 : len(letters) + 1]
                logits[row, torch.arange(64), said] = 50.0
            return logits, torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), targets.flatten()
            )

    found = copying.Repeats().measure(Copier(copying.shape()), Hardware(torch.device("cpu")), 2000)
    assert found["val_loss"] == pytest.approx(0, abs=1e-5)
    assert all(found[f"accuracy_{d}"] == 1 for d in copying.DISTANCES)


def test_a_model_that_cannot_read_the_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="n_ctx is 32, but a row has 64 letters"):
        copying.Repeats().check(GPT(copying.shape().replace(n_ctx=32)))


def test_copying_is_recorded_run_by_run(tmp_path: Path) -> None:
    results = copying.record(tmp_path / "a.json", seeds=(1, 2), steps=2)
    assert [(run.variant, run.seed) for run in results.runs] == [
        (kind, seed) for seed in (1, 2) for kind in recurrent.MODELS
    ]
    assert Results.load(tmp_path / "a.json") == results
    assert all(0 <= run.extra["measured"]["accuracy_32"] <= 1 for run in results.runs)


def test_language_is_recorded_with_its_losses_by_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = from_text("to be or not to be, that is the question. " * 200, "char")
    shape = recurrent.shape().replace(vocab_size=corpus.tokenizer.vocab_size)
    monkeypatch.setattr(recurrent, "python_docs", lambda: corpus)
    monkeypatch.setattr(recurrent, "shape", lambda: shape)
    results = recurrent.record(tmp_path / "b.json", seeds=(1,), tokens=4096)
    assert [run.variant for run in results.runs] == list(recurrent.MODELS)
    assert all(len(run.extra["places"]) == 64 for run in results.runs)
    assert set(results.baselines) == {"unigram", "bigram", "trigram"}
