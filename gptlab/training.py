"""The training loop: one function for chapters, comparisons and the command line.

Each step draws its batch and its dropout from (seed, step) alone, so a run that stops and resumes
sees what it would have seen without the stop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptlab import checkpoints
from gptlab.corpora import Corpus
from gptlab.model import GPT
from gptlab.runtime import processes
from gptlab.runtime.device import Hardware, choose
from gptlab.runtime.processes import Team
from gptlab.runtime.progress import bar, only_run_in, stop_request
from gptlab.settings import TrainSettings, learning_rate_at, make_optimizer

# The settings are half of calling `train`, so they can be had here too.
__all__ = ["History", "TrainSettings", "TrainingDiverged", "Watch", "evaluate", "train"]

#: Called after each backward pass, before the update, with the step and the model.
Watch = Callable[[int, GPT], None]


@dataclass
class History:
    """What a run measured.

    Attributes:
        records: one dict a look: step, tokens, seconds, train_loss (mean since the last look) and
            val_loss in nats per token, val_bits_per_byte, learning_rate, grad_norm.
        val_loss: nats per token over the whole validation text, at the end.
        val_bits_per_byte: the same in bits per byte of text, comparable across tokenizers.
        tokens_per_second: of training, looks at the validation text not counted.
        seconds: of the whole run, looks and checkpoints included.
        hardware: where it ran and why, in one sentence.
        interrupted: whether it was stopped before its last step.
    """

    records: list[dict[str, float]] = field(default_factory=list)
    val_loss: float = math.nan
    val_bits_per_byte: float = math.nan
    tokens_per_second: float = 0.0
    seconds: float = 0.0
    hardware: str = ""
    interrupted: bool = False

    def column(self, name: str) -> list[float]:
        """Return one measured value over the run, e.g. ``column("val_loss")``."""
        return [record[name] for record in self.records]


class TrainingDiverged(RuntimeError):
    """The loss stopped being a number."""


@torch.no_grad()
def evaluate(
    model: GPT,
    corpus: Corpus,
    max_tokens: int | None = None,
    hardware: Hardware | None = None,
    batch_tokens: int = 8192,
) -> float:
    """Mean loss on the validation text, in nats per token.

    The text is read in consecutive windows of ``n_ctx``, each predicted from its own tokens alone.

    Args:
        model: read in evaluation mode and left as it was.
        corpus: whose validation text is read.
        max_tokens: at most so many tokens, by default all.
        hardware: precision of the forward pass, by default float32.
        batch_tokens: tokens read at once.
    """
    hardware = hardware or Hardware(model.device, "float32", False, "")
    x, y = corpus.val_windows(model.config.n_ctx, max_tokens)  # (N, n_ctx) each
    rows = max(1, batch_tokens // model.config.n_ctx)
    was_training = model.training
    model.eval()
    total = 0.0
    try:
        for start in range(0, len(x), rows):
            piece = x[start : start + rows].to(model.device)
            target = y[start : start + rows].to(model.device)
            with hardware.autocast():
                _, loss = model(piece, target)
            total += loss.item() * len(piece)
    finally:
        model.train(was_training)
    return total / len(x)


def train(
    model: GPT,
    corpus: Corpus,
    settings: TrainSettings | None = None,
    *,
    out: Path | str | None = None,
    resume: bool = False,
    progress: bool = True,
    watch: Watch | None = None,
) -> History:
    """Train the model in place and return what was measured.

    A first Ctrl-C (or the notebook's stop button) ends the run after the current step and keeps
    what was learned; a second one stops at once.

    Args:
        model: trained in place, left in evaluation mode.
        corpus: the text; its vocabulary must fit the model's.
        settings: how to train.
        out: the run's folder for checkpoints; None keeps nothing on disk.
        resume: go on from the newest checkpoint in ``out``.
        progress: show a bar with the loss, the speed and the time left.
        watch: called with (step, model) after each backward pass, before the update.

    Raises:
        ValueError: if the vocabularies differ, or ``resume`` has nothing to resume.
        FileExistsError: if ``out`` holds a run and ``resume`` is not asked for.
        FolderInUse: if another run writes into ``out``.
        TrainingDiverged: if the loss is not a number; the last checkpoint stays.
        WorkerLost: if torchrun started several processes and one of them ended.
    """
    settings = (settings or TrainSettings()).for_model(model.config)
    if corpus.tokenizer.vocab_size != model.config.vocab_size:
        raise ValueError(
            f"the model's vocab_size is {model.config.vocab_size}, but the corpus's tokenizer has "
            f"{corpus.tokenizer.vocab_size} tokens; build the model with that vocab_size."
        )
    if resume and out is None:
        raise ValueError("resume needs `out`, the folder of the run to go on with.")
    if out is not None and not resume and checkpoints.has_checkpoint(out):
        raise FileExistsError(
            f"{out} already holds a run; resume it, or choose another folder for the new one."
        )
    team = processes.join()
    if settings.batch_size % (settings.accumulate * team.size):
        raise ValueError(
            f"batch_size is {settings.batch_size}; {team.size} processes and accumulate "
            f"{settings.accumulate} need a multiple of {settings.accumulate * team.size}."
        )
    with (
        only_run_in(out if team.is_first else None),
        torch.random.fork_rng(),
        stop_request() as stopping,
        team.exchanging(),
    ):
        run = _Run(model, corpus, settings, out, watch, team, resume)
        return run.go(progress and team.is_first, stopping)


class _Run:
    """One call of `train`: what its steps share."""

    def __init__(
        self,
        model: GPT,
        corpus: Corpus,
        settings: TrainSettings,
        out: Path | str | None,
        watch: Watch | None,
        team: Team,
        resume: bool,
    ) -> None:
        self.tokens_per_step = settings.batch_size * model.config.n_ctx
        # Two operations a weight forward, four backward (Kaplan et al. 2020, section 2.1).
        work = 6 * model.num_parameters() * self.tokens_per_step * settings.steps
        self.hardware = choose(
            settings.device, settings.precision, settings.compile, work, model.config.n_embd
        )
        self.model = model.to(self.hardware.device)
        self.corpus, self.settings, self.out, self.watch = corpus, settings, out, watch
        self.team = team
        self.history = History(hardware=self.hardware.why)
        self.step = 0  # updates made
        self.train_seconds = 0.0
        self.losses: list[float] = []  # since the last look
        checkpoint = self._resume() if resume else None
        # Sharding splits the weights where they are, so they must have been loaded before.
        self.forward: Callable[..., Any] = team.wrap(model, settings.shard)
        if self.hardware.compile:
            self.forward = torch.compile(self.forward)
        self.optimizer = make_optimizer(model, settings)
        if checkpoint is not None:
            checkpoints.restore_optimizer(self.optimizer, model, checkpoint.optimizer)

    def go(self, progress: bool, stopping: Callable[[], bool]) -> History:
        began = time.perf_counter() - self.history.seconds
        every = self.settings.eval_every or max(1, self.settings.steps // 20)
        self.model.train()
        try:
            with bar(self.settings.steps, self.step, progress, self.hardware.why) as shown:
                while self.step < self.settings.steps and not self._all_stop(stopping):
                    grad_norm = self._update()
                    shown.update(1)
                    shown.set_postfix_str(
                        f"loss {self.losses[-1]:.3f}, {self._speed():,.0f} tokens/s", refresh=False
                    )
                    if self.step % every == 0 or self.step == self.settings.steps:
                        self._look(grad_norm, began)
                    if self.settings.save_every and self.step % self.settings.save_every == 0:
                        self._save(began)
        finally:
            self.model.eval()
        self.history.interrupted = self.step < self.settings.steps
        loss = evaluate(self.model, self.corpus, hardware=self.hardware)
        self.history.val_loss = loss
        self.history.val_bits_per_byte = self.corpus.bits_per_byte(loss)
        self._save(began)
        return self.history

    def _update(self) -> float:
        """Make one update; return the gradient's norm before clipping."""
        began = time.perf_counter()
        settings = self.settings
        torch.manual_seed(settings.seed * 1_000_003 + self.step)  # dropout
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.step, settings)
        x, y = self.corpus.batch(
            self.step, settings.batch_size, self.model.config.n_ctx, settings.seed
        )  # (B, T) each
        x, y = (self.team.share(part).to(self.hardware.device) for part in (x, y))
        loss = self.team.mean(self._backward(x, y))
        if self.watch is not None:
            self.watch(self.step, self.model)
        total = torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip or math.inf)
        norm = processes.whole(total).item()
        if not math.isfinite(loss + norm):
            raise TrainingDiverged(self._divergence(loss, norm))
        self.optimizer.step()
        self.step += 1
        self.losses.append(loss)
        self.train_seconds += time.perf_counter() - began
        return norm

    def _backward(self, x: Tensor, y: Tensor) -> float:
        """Fill the gradients piece by piece; return the batch's mean loss."""
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for piece, target in zip(
            x.chunk(self.settings.accumulate), y.chunk(self.settings.accumulate), strict=True
        ):
            with self.hardware.autocast():
                _, loss = self.forward(piece, target)
            # Pieces are equally long, so the mean of their means is the batch's mean.
            loss = loss / self.settings.accumulate
            loss.backward()
            total += loss.item()
        return total

    def _look(self, grad_norm: float, began: float) -> None:
        val_loss = evaluate(self.model, self.corpus, self.settings.eval_tokens, self.hardware)
        self.history.seconds = time.perf_counter() - began
        self.history.tokens_per_second = self._speed()
        self.history.records.append(
            {
                "step": self.step,
                "tokens": self.step * self.tokens_per_step,
                "seconds": self.history.seconds,
                "train_loss": sum(self.losses) / len(self.losses),
                "val_loss": val_loss,
                "val_bits_per_byte": self.corpus.bits_per_byte(val_loss),
                "learning_rate": learning_rate_at(self.step - 1, self.settings),
                "grad_norm": grad_norm,
            }
        )
        self.losses.clear()

    def _speed(self) -> float:
        return self.step * self.tokens_per_step / max(self.train_seconds, 1e-9)

    def _save(self, began: float) -> None:
        self.history.seconds = time.perf_counter() - began
        self.history.tokens_per_second = self._speed()
        if self.out is None:
            return
        history = {key: value for key, value in asdict(self.history).items()}
        for name in ("val_loss", "val_bits_per_byte"):
            history[name] = None if math.isnan(history[name]) else history[name]
        state = {
            "settings": asdict(self.settings),
            "history": history,
            "losses": self.losses,
            "train_seconds": self.train_seconds,
        }
        checkpoints.save(
            self.out,
            self.model,
            self.corpus.tokenizer,
            step=self.step,
            optimizer=self.optimizer,
            state=state,
            write=self.team.is_first,
        )

    def _all_stop(self, stopping: Callable[[], bool]) -> bool:
        """Whether any process was asked to stop; alone, ask nobody else."""
        return self.team.mean(float(stopping())) > 0

    def _resume(self) -> checkpoints.Checkpoint:
        """Put back weights, history and counters; return the checkpoint for the optimizer."""
        assert self.out is not None
        checkpoint = checkpoints.load(self.out)
        before = checkpoint.state["settings"]
        now = asdict(self.settings)
        free = {
            "device",
            "precision",
            "compile",
            "shard",
            "save_every",
            "eval_every",
            "eval_tokens",
        }
        changed = {k: (before[k], now[k]) for k in now if k not in free and before[k] != now[k]}
        if changed:
            raise ValueError(
                f"the run in {self.out} was started with other settings (then, now): {changed}. "
                f"Use the same ones to resume, or another folder to start anew."
            )
        checkpoint.load_into(self.model)
        state = checkpoint.state
        history: dict[str, Any] = state["history"]
        history = {k: math.nan if v is None else v for k, v in history.items()}
        self.history = History(**history)
        self.history.hardware = self.hardware.why
        self.step = checkpoint.step
        self.losses = state["losses"]
        self.train_seconds = state["train_seconds"]
        return checkpoint

    def _divergence(self, loss: float, norm: float) -> str:
        kept = "nothing was saved yet"
        if self.out is not None and checkpoints.has_checkpoint(self.out):
            kept = f"the last good checkpoint is in {self.out}"
        return (
            f"at step {self.step} the loss is {loss} and the gradient's norm {norm}; {kept}. "
            f"Try a smaller learning_rate (now {self.settings.learning_rate}) or a longer warmup "
            f"(now {self.settings.warmup})."
        )
