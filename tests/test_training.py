"""Training: it learns, it repeats itself exactly, it resumes, and it fails in the open."""

import math
import os
import signal
import threading
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from gptlab.checkpoints import load, load_model
from gptlab.config import preset
from gptlab.corpora import Corpus, from_text
from gptlab.model import GPT
from gptlab.objective import Batch, LanguageModelling, evaluate, position_losses
from gptlab.results import History
from gptlab.runtime.locks import FolderInUse
from gptlab.settings import TrainSettings, learning_rate_at, make_optimizers
from gptlab.tokenizer import Tokenizer
from gptlab.training import TrainingDiverged, train

SMALL = TrainSettings(steps=20, batch_size=4, warmup=5, eval_every=10, device="cpu")
#: Every letter follows from the two before it: learnable, and not by counting letters alone.
TEXT = "".join("abcdefgh"[(i * i + i // 8) % 8] for i in range(6000))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return from_text(TEXT, tokenizer="char")


def fresh(corpus: Corpus, name: str = "gpt2-tiny", **changes: object) -> GPT:
    torch.manual_seed(0)
    small = {"n_ctx": 16, "n_embd": 32, "n_layer": 2, "band": 4, "init_std": 0.02}
    config = preset(name, vocab_size=corpus.tokenizer.vocab_size, **{**small, **changes})
    return GPT(config)


def weights(model: GPT) -> torch.Tensor:
    return torch.cat([w.detach().flatten() for w in model.parameters()])


@pytest.mark.parametrize("name", ["gpt1-tiny", "gpt2-tiny", "gpt3-tiny"])
def test_learns_more_than_letter_frequencies(corpus: Corpus, name: str) -> None:
    history = train(
        fresh(corpus, name), corpus, replace(SMALL, steps=150, batch_size=8), progress=False
    )
    assert history.val_loss < 0.8 * math.log(8)
    assert history.val_bits_per_byte == pytest.approx(history.val_loss / math.log(2))
    assert history.column("val_loss")[-1] < history.column("val_loss")[0]


def test_cannot_learn_what_is_random() -> None:
    """A leak of the answer (targets not shifted, a broken mask) would show here as a low loss."""
    numbers = torch.randint(8, (6000,), generator=torch.Generator().manual_seed(0)).tolist()
    corpus = from_text("".join("abcdefgh"[i] for i in numbers), tokenizer="char")
    history = train(fresh(corpus), corpus, replace(SMALL, steps=100), progress=False)
    assert history.val_loss > math.log(8) - 0.02


def test_same_seed_same_weights(corpus: Corpus) -> None:
    models = [fresh(corpus, dropout=0.1) for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        train(model, corpus, replace(SMALL, seed=seed), progress=False)
    assert torch.equal(weights(models[0]), weights(models[1]))
    assert not torch.equal(weights(models[0]), weights(models[2]))


def test_the_global_random_state_is_left_alone(corpus: Corpus) -> None:
    model = fresh(corpus)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(model, corpus, SMALL, progress=False)
    assert torch.equal(torch.rand(3), expected)


def test_accumulation_gives_the_same_update(corpus: Corpus) -> None:
    whole, pieces = fresh(corpus), fresh(corpus)
    train(whole, corpus, SMALL, progress=False)
    train(pieces, corpus, replace(SMALL, accumulate=4), progress=False)
    torch.testing.assert_close(weights(pieces), weights(whole), atol=1e-4, rtol=1e-3)


@dataclass(frozen=True)
class HalfHidden(LanguageModelling):
    """Language modelling in which rows differ in how many targets count, and one has none."""

    def batch(self, step: int, settings: TrainSettings) -> Batch:
        x, y = super().batch(step, settings)
        y = y.clone()
        for row in range(len(y)):
            y[row, row * 3 :] = -100
        return x, y


def test_a_loss_is_a_mean_over_the_targets_that_count(corpus: Corpus) -> None:
    """Also in pieces that hold 0, 3, 6 … of them: the update is that of the whole batch."""
    settings = replace(SMALL, batch_size=6)
    whole, pieces = fresh(corpus), fresh(corpus)
    histories = [
        train(model, HalfHidden(corpus, 16), replace(settings, accumulate=n), progress=False)
        for model, n in ((whole, 1), (pieces, 6))
    ]
    torch.testing.assert_close(weights(pieces), weights(whole), atol=1e-4, rtol=1e-3)
    assert histories[1].column("train_loss") == pytest.approx(histories[0].column("train_loss"))


def test_gradients_of_unequal_pieces_by_hand(corpus: Corpus) -> None:
    """What the loop puts into .grad is the gradient of the mean over all targets that count."""
    settings = replace(SMALL, batch_size=6, steps=1, accumulate=3, clip=0.0)
    seen: list[torch.Tensor] = []

    def watch(step: int, model: GPT) -> None:
        seen.extend(w.grad.clone() for w in model.parameters() if w.grad is not None)

    train(fresh(corpus), HalfHidden(corpus, 16), settings, progress=False, watch=watch)
    model = fresh(corpus)
    x, y = HalfHidden(corpus, 16).batch(0, settings)
    counts = y != -100
    chosen = -model(x).log_softmax(-1).gather(-1, y.clamp(min=0)[..., None])[..., 0]
    expected = torch.autograd.grad((chosen * counts).sum() / counts.sum(), list(model.parameters()))
    torch.testing.assert_close(seen, list(expected), atol=1e-6, rtol=1e-4)


class Majority:
    """Something else than text: are there more ones than zeros in a row?"""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def check(self, model: GPT) -> None:
        self.tokenizer.check_fits(model.config.vocab_size)

    def batch(self, step: int, settings: TrainSettings) -> Batch:
        generator = torch.Generator().manual_seed(settings.seed * 1000 + step)
        x = torch.randint(2, (settings.batch_size, 3), generator=generator)
        return x, x.sum(-1) // 2

    def count(self, batch: Batch) -> int:
        return len(batch[1])

    def loss(self, forward: Any, batch: Batch) -> torch.Tensor:
        scores = forward(batch[0])[:, -1, :2]  # the output layer as the head
        return torch.nn.functional.cross_entropy(scores, batch[1])

    def measure(self, model: GPT, hardware: Any, max_tokens: int | None = None) -> dict[str, float]:
        x = torch.cartesian_prod(*[torch.arange(2)] * 3)
        with torch.no_grad():
            guess = model(x)[:, -1, :2].argmax(-1)
        return {"accuracy": (guess == x.sum(-1) // 2).float().mean().item()}

    def fingerprint(self) -> dict[str, str]:
        return {"task": "majority of three"}


def test_the_loop_learns_whatever_an_objective_says(corpus: Corpus, tmp_path: Path) -> None:
    model, objective = fresh(corpus), Majority(corpus.tokenizer)
    settings = replace(SMALL, steps=200, batch_size=16)
    history = train(model, objective, settings, out=tmp_path, progress=False)
    assert history.measured == {"accuracy": 1.0} and math.isnan(history.val_loss)
    assert history.column("accuracy")[-1] == 1.0
    with pytest.raises(ValueError, match="other data: "):
        train(model, corpus, settings, out=tmp_path, resume=True, progress=False)


def test_hidden_vectors_carry_gradients_to_a_head(corpus: Corpus) -> None:
    model = fresh(corpus)
    vectors = model.hidden(torch.zeros(2, 5, dtype=torch.long))
    assert vectors.shape == (2, 5, 32)
    torch.nn.Linear(32, 3)(vectors[:, -1]).sum().backward()
    assert model.h[0].attn.c_attn.weight.grad.abs().sum() > 0
    torch.testing.assert_close(model.lm_head(vectors), model(torch.zeros(2, 5, dtype=torch.long)))


@pytest.mark.parametrize("steps", [1, 19, 20, 21, 39, 60, 101])
def test_twenty_looks_evenly_spread(corpus: Corpus, steps: int) -> None:
    settings = replace(SMALL, steps=steps, eval_every=0, eval_tokens=16)
    looks = train(fresh(corpus), corpus, settings, progress=False).column("step")
    assert len(looks) == min(20, steps) and looks[-1] == steps
    gaps = {b - a for a, b in pairwise([0, *looks])}
    assert max(gaps) - min(gaps) <= 1


def test_evaluation_by_brute_force(corpus: Corpus) -> None:
    model = fresh(corpus).eval()
    ids = torch.from_numpy(corpus.val.astype("int64"))
    losses = []
    for start in range(0, len(ids) - 16, 16):
        logits = model(ids[None, start : start + 16])[0]
        asked = ids[start + 1 : start + 17]
        losses.append(-logits.log_softmax(-1).gather(-1, asked[:, None])[:, 0])  # (16,)
    by_hand = torch.stack(losses).double()  # (windows, 16)
    by_place = position_losses(model, corpus, batch_tokens=100)
    torch.testing.assert_close(by_place, by_hand.mean(0), atol=1e-5, rtol=0)
    assert evaluate(model, corpus, batch_tokens=100) == pytest.approx(
        by_hand.mean().item(), abs=1e-5
    )


def test_schedule() -> None:
    settings = TrainSettings(steps=100, warmup=10, learning_rate=1.0, final_fraction=0.1)
    rates = [learning_rate_at(step, settings) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert max(rates) == 1.0
    assert rates[55] == pytest.approx(0.1 + 0.9 / 2)
    assert rates[100] == pytest.approx(0.1)
    assert learning_rate_at(0, replace(settings, warmup=0)) == 1.0


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_only_matrices_decay_and_each_weight_has_one_optimizer(corpus: Corpus, kind: Any) -> None:
    model = fresh(corpus)
    settings = TrainSettings(weight_decay=0.3, learning_rate=1e-3, optimizer=kind)
    groups = [group for one in make_optimizers(model, settings) for group in one.param_groups]
    for group in groups:
        assert {weight.dim() for weight in group["params"]} == {2 if group["weight_decay"] else 1}
        assert group["weight_decay"] in (0, 0.3)
    owned = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(owned) == sorted(id(weight) for weight in model.parameters())


def test_muon_moves_every_direction_equally(corpus: Corpus) -> None:
    """An orthogonal step has equal singular values, and Adam's usual size of 0.2 × the rate.

    The iteration that makes it so leaves those of the gradient that were not tiny near 1.
    """
    model = fresh(corpus, n_embd=64)
    settings = TrainSettings(learning_rate=1e-2, warmup=0, weight_decay=0.0, optimizer="muon")
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    _, loss = model(*corpus.batch(0, 8, 16, seed=1))
    loss.backward()
    muon, adamw = make_optimizers(model, settings)
    muon.step()
    moved = {name: weight - before[name] for name, weight in model.named_parameters()}
    inner = {name for name, weight in before.items() if name.startswith("h.") and weight.dim() == 2}
    assert {name for name, step in moved.items() if step.abs().max() > 0} == inner
    for name in inner:
        values = torch.linalg.svdvals(moved[name]) / (0.2 * 1e-2 * max(moved[name].shape) ** 0.5)
        assert values[: len(values) // 4].min() > 0.6 and values.max() < 1.3, name
    adamw.step()
    assert all((weight != before[name]).any() for name, weight in model.named_parameters())


def test_gradients_are_clipped(corpus: Corpus) -> None:
    """With Adam the size of a step hides the clipping, so look at the gradient itself."""
    model, seen = fresh(corpus), []
    settings = replace(SMALL, steps=3, clip=0.01)
    model.register_forward_pre_hook(
        lambda *_: seen.extend(w.grad.norm() for w in model.parameters() if w.grad is not None)
    )
    history = train(model, corpus, replace(settings, eval_every=1), progress=False)
    assert min(history.column("grad_norm")) > 0.01
    norm = torch.stack([w.grad.norm() for w in model.parameters() if w.grad is not None]).norm()
    assert norm.item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(("dropout", "kind"), [(0.0, "adamw"), (0.1, "adamw"), (0.1, "muon")])
def test_resume_is_bit_identical(corpus: Corpus, tmp_path: Path, dropout: float, kind: Any) -> None:
    straight, settings = fresh(corpus, dropout=dropout), replace(SMALL, optimizer=kind)
    expected = train(straight, corpus, settings, progress=False)

    def stop_at_7(step: int, model: GPT) -> None:
        if step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    stopped = fresh(corpus, dropout=dropout)
    first = train(stopped, corpus, settings, out=tmp_path, progress=False, watch=stop_at_7)
    assert first.interrupted and not math.isnan(first.val_loss)
    resumed = fresh(corpus, dropout=dropout)
    second = train(resumed, corpus, settings, out=tmp_path, resume=True, progress=False)
    assert torch.equal(weights(resumed), weights(straight))
    for name in ("step", "train_loss", "val_loss", "learning_rate", "grad_norm"):
        assert second.column(name) == expected.column(name)
    assert second.val_loss == expected.val_loss and not second.interrupted


def test_a_finished_run_resumes_to_itself(corpus: Corpus, tmp_path: Path) -> None:
    first = train(fresh(corpus), corpus, SMALL, out=tmp_path, progress=False)
    again = train(fresh(corpus), corpus, SMALL, out=tmp_path, resume=True, progress=False)
    assert again.val_loss == first.val_loss and again.records == first.records


def test_resume_with_other_settings_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    train(fresh(corpus), corpus, SMALL, out=tmp_path, progress=False)
    with pytest.raises(ValueError, match=r"learning_rate.*0\.003, 0\.5"):
        train(
            fresh(corpus), corpus, replace(SMALL, learning_rate=0.5), out=tmp_path, resume=True,
            progress=False,
        )  # fmt: skip
    other = from_text(TEXT.replace("a", "b", 1), tokenizer=corpus.tokenizer)
    with pytest.raises(ValueError, match=r"other data: training text was 5400 tokens, \w+, is 54"):
        train(fresh(corpus), other, SMALL, out=tmp_path, resume=True, progress=False)
    with pytest.raises(ValueError, match="another model"):
        train(fresh(corpus, n_layer=1), corpus, SMALL, out=tmp_path, resume=True, progress=False)
    with pytest.raises(FileExistsError, match="already holds a run"):
        train(fresh(corpus), corpus, SMALL, out=tmp_path, progress=False)


def test_a_finished_run_grows_where_its_schedule_is_level(corpus: Corpus, tmp_path: Path) -> None:
    level = replace(SMALL, final_fraction=1.0, eval_every=5)
    straight = fresh(corpus)
    expected = train(straight, corpus, replace(level, steps=30), progress=False)
    train(fresh(corpus), corpus, level, out=tmp_path, progress=False)
    longer = fresh(corpus)
    grown = train(
        longer, corpus, replace(level, steps=30), out=tmp_path, resume=True, progress=False
    )
    assert torch.equal(weights(longer), weights(straight))
    assert grown.column("val_loss") == expected.column("val_loss") and grown.steps == 30


def test_a_finished_run_with_a_cosine_says_why_it_cannot_grow(
    corpus: Corpus, tmp_path: Path
) -> None:
    train(fresh(corpus), corpus, SMALL, out=tmp_path, progress=False)
    longer = replace(SMALL, steps=30)
    with pytest.raises(ValueError, match=r"laid out for 20 steps.*cosine.*final_fraction of 1"):
        train(fresh(corpus), corpus, longer, out=tmp_path, resume=True, progress=False)


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # torch.compile's own
def test_what_cannot_be_saved_is_not_trained(corpus: Corpus, tmp_path: Path) -> None:
    def never(step: int, model: GPT) -> None:
        raise AssertionError("an update was made")

    cases = [
        (torch.compile(fresh(corpus)), "TrainSettings\\(compile=True\\)"),
        (fresh(corpus).double(), "float64.*model.float"),
        (GPT(fresh(corpus).config.replace(vocab_size=3)), "vocab_size is 3"),
    ]
    for model, message in cases:
        with pytest.raises(ValueError, match=message):
            train(model, corpus, SMALL, out=tmp_path / "run", progress=False, watch=never)
    assert not (tmp_path / "run").exists()


def test_a_model_in_bfloat16_is_trained_and_loaded_again(corpus: Corpus, tmp_path: Path) -> None:
    model = fresh(corpus).bfloat16()
    train(model, corpus, replace(SMALL, steps=3), out=tmp_path, progress=False)
    again, _ = load_model(tmp_path)
    assert torch.equal(weights(again), weights(model).float())


def test_nothing_to_resume(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        train(fresh(corpus), corpus, SMALL, out=tmp_path, resume=True, progress=False)
    with pytest.raises(ValueError, match="resume needs"):
        train(fresh(corpus), corpus, SMALL, resume=True, progress=False)


def test_a_loss_that_is_no_number_stops_the_run(corpus: Corpus, tmp_path: Path) -> None:
    model = fresh(corpus)

    def poison(step: int, model: GPT) -> None:
        if step == 12:
            with torch.no_grad():
                model.wte.weight[0, 0] = math.nan

    with pytest.raises(TrainingDiverged, match=r"at step 13 .*nan.*last good checkpoint"):
        train(
            model, corpus, replace(SMALL, save_every=5), out=tmp_path, progress=False, watch=poison
        )
    checkpoint = load(tmp_path)
    assert checkpoint.step == 10
    assert all(w.isfinite().all() for w in checkpoint.weights.values())


def test_two_runs_cannot_share_a_folder(corpus: Corpus, tmp_path: Path) -> None:
    refused: list[BaseException] = []

    def second_run() -> None:
        try:
            train(fresh(corpus), corpus, SMALL, out=tmp_path, progress=False)
        except FolderInUse as error:
            refused.append(error)

    def start_another(step: int, model: GPT) -> None:
        if step == 3:
            other = threading.Thread(target=second_run)
            other.start()
            other.join()

    train(fresh(corpus), corpus, SMALL, out=tmp_path, progress=False, watch=start_another)
    assert len(refused) == 1 and str(tmp_path) in str(refused[0])


def test_interrupt_keeps_what_was_learned(corpus: Corpus) -> None:
    model = fresh(corpus)
    before = weights(model)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    history = train(model, corpus, replace(SMALL, steps=100_000), progress=False)
    assert time.monotonic() - began < 60
    assert history.interrupted and not torch.equal(weights(model), before)


def test_the_bar_stays_out_of_standard_output(
    corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    train(fresh(corpus), corpus, SMALL)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "20/20" in captured.err and "tokens/s" in captured.err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch_size": 10, "accumulate": 4}, "batch_size is 10 and accumulate is 4"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"beta2": 1.0}, "beta2 is 1.0"),
    ],
)
def test_impossible_settings(changes: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=message):
        TrainSettings(**changes)


def test_impossible_runs(corpus: Corpus) -> None:
    for changes, message in [
        ({"device": "tpu"}, "device is 'tpu'"),
        ({"precision": "int4"}, "precision is 'int4'"),
    ]:
        with pytest.raises(ValueError, match=message):
            train(fresh(corpus), corpus, replace(SMALL, **changes), progress=False)
    with pytest.raises(ValueError, match="vocab_size is 3"):
        train(GPT(preset("gpt2-tiny", vocab_size=3)), corpus, progress=False)


def test_it_says_where_it_ran(corpus: Corpus) -> None:
    history: History = train(fresh(corpus), corpus, SMALL, progress=False)
    assert "CPU" in history.hardware and "float32" in history.hardware


@pytest.mark.gpu
def test_trains_on_a_gpu_in_bfloat16(corpus: Corpus) -> None:
    history = train(fresh(corpus), corpus, replace(SMALL, steps=150, device="cuda"), progress=False)
    assert "bfloat16" in history.hardware and history.val_loss < 0.8 * math.log(8)
