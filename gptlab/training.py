"""The training loop: one for everything that learns.

It takes a model, an objective (`gptlab.objective`; a corpus is one) and settings, and returns a
history. Each step draws its batch and its dropout from (seed, step) alone, so a run that stops and
resumes sees what it would have seen without the stop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from gptlab import checkpoints
from gptlab.corpora import Corpus
from gptlab.freezing import check_still_frozen, frozen
from gptlab.model import GPT
from gptlab.objective import Batch, Objective, objective_of
from gptlab.results import History
from gptlab.runtime import processes
from gptlab.runtime.compiling import Compiled
from gptlab.runtime.device import choose
from gptlab.runtime.locks import only_run_in
from gptlab.runtime.optimizer_state import restore_optimizers
from gptlab.runtime.processes import World
from gptlab.runtime.progress import bar, stop_request, tell
from gptlab.settings import TrainSettings, learning_rate_at, make_optimizers

#: Called after each backward pass, before the update, with the step and the model.
Watch = Callable[[int, GPT], None]


class TrainingDiverged(RuntimeError):
    """The loss stopped being a number."""


def train(
    model: GPT,
    objective: Corpus | Objective,
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
        objective: what to learn; a corpus means to predict its tokens.
        settings: how to train.
        out: the run's folder for checkpoints; None keeps nothing on disk.
        resume: go on from the newest checkpoint in ``out``.
        progress: show a bar with the loss, the speed and the time left.
        watch: called with (step, model) after each backward pass, before the update.

    Raises:
        ValueError: if the model cannot learn this or could not be saved, ``resume`` has nothing to
            resume, or the run in ``out`` was started otherwise.
        FileExistsError: if ``out`` holds a run and ``resume`` is not asked for.
        FolderInUse: if another run writes into ``out``.
        CompilingFailed: if ``settings.compile`` is True and the machine cannot.
        TrainingDiverged: if the loss is not a number; the last checkpoint stays.
        WorkerLost: if torchrun started several processes and one of them ended.
    """
    _check_model(model)
    settings = (settings or TrainSettings()).for_model(model.config)
    objective = objective_of(objective, model)
    objective.check(model)
    if resume and out is None:
        raise ValueError("resume needs `out`, the folder of the run to go on with.")
    if out is not None:
        checkpoints.check_savable(model, objective.tokenizer)
        if not resume and checkpoints.has_checkpoint(out):
            raise FileExistsError(
                f"{out} already holds a run; resume it, or choose another folder for the new one."
            )
    world = processes.join()
    if settings.batch_size % (settings.accumulate * world.size):
        raise ValueError(
            f"batch_size is {settings.batch_size}; {world.size} processes and accumulate "
            f"{settings.accumulate} need a multiple of {settings.accumulate * world.size}."
        )
    if settings.shard and world.size > 1 and frozen(model):
        raise ValueError("frozen weights cannot be split over processes; use shard=False.")
    with (
        only_run_in(out if world.is_first else None),
        torch.random.fork_rng(),
        stop_request() as stopping,
        world.exchanging(),
    ):
        run = _Run(model, objective, settings, out, watch, world, resume)
        return run.go(progress and world.is_first, stopping)


def _check_model(model: GPT) -> None:
    """Refuse a model that went through torch.compile: the loop compiles by itself, and saves."""
    if hasattr(model, "_orig_mod"):
        raise ValueError(
            "the model went through torch.compile; hand over the model itself, and let the loop "
            "compile it with TrainSettings(compile=True)."
        )
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ValueError("every weight of the model is frozen, so nothing can be learned.")


class _Run:
    """One call of `train`: what its steps share."""

    def __init__(
        self,
        model: GPT,
        objective: Objective,
        settings: TrainSettings,
        out: Path | str | None,
        watch: Watch | None,
        world: World,
        resume: bool,
    ) -> None:
        self.objective, self.settings, self.out, self.watch = objective, settings, out, watch
        self.world = world
        self.fingerprint = {} if out is None else objective.fingerprint()
        size = objective.batch(0, settings)[0].numel()
        # Two operations a weight and token forward, four backward (Kaplan et al. 2020, 2.1).
        work = 6 * model.num_parameters() * size * settings.steps
        self.hardware = choose(
            settings.device, settings.precision, settings.compile, work, model.config.n_embd
        )
        self.model = model.to(self.hardware.device)
        self.history = History(hardware=self.hardware.why)
        self.step = 0  # updates made
        self.tokens = 0  # read in training
        self.train_seconds = 0.0
        self.losses: list[float] = []  # since the last evaluation
        checkpoint = self._resume() if resume else None
        # Sharding splits the weights where they are, so they must have been loaded before.
        self.forward: Callable[..., Any] = world.wrap(model, settings.shard)
        if self.hardware.compile:
            self.forward = Compiled(self.forward, bool(settings.compile), self._not_compiled)
        self.optimizers = make_optimizers(model, settings)
        if checkpoint is not None:
            restore_optimizers(self.optimizers, model, checkpoint.optimizer)

    def go(self, progress: bool, stopping: Callable[[], bool]) -> History:
        began = time.perf_counter() - self.history.seconds
        self.model.train()
        try:
            with bar(self.settings.steps, self.step, progress, self.hardware.label) as shown:
                while self.step < self.settings.steps and not self._all_stop(stopping):
                    grad_norm = self._update()
                    shown.update(1)
                    shown.set_postfix_str(
                        f"loss {self.losses[-1]:.3f}, {self._speed():,.0f} tokens/s", refresh=False
                    )
                    if self._is_time_to_evaluate():
                        self._evaluate(grad_norm, began)
                    if self.settings.save_every and self.step % self.settings.save_every == 0:
                        self._save(began)
        finally:
            self.model.eval()
        self.history.interrupted = self.step < self.settings.steps
        self.history.measured = self.objective.measure(self.model, self.hardware)
        self._save(began)
        return self.history

    def _update(self) -> float:
        """Make one update; return the gradient's norm before clipping."""
        began = time.perf_counter()
        settings = self.settings
        torch.manual_seed(settings.seed * 1_000_003 + self.step)  # dropout
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate_at(self.step, settings)
        batch = self.objective.batch(self.step, settings)
        loss = self._backward(batch)
        if self.watch is not None:
            self.watch(self.step, self.model)
        total = torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip or math.inf)
        norm = processes.full_tensor(total).item()
        if not math.isfinite(loss + norm):
            raise TrainingDiverged(self._divergence(loss, norm))
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.tokens += batch[0].numel()
        self.losses.append(loss)
        self.train_seconds += time.perf_counter() - began
        return norm

    def _backward(self, batch: Batch) -> float:
        """Fill the gradients piece by piece; return the batch's mean loss.

        Pieces and processes may hold different numbers of targets that count, so each mean weighs
        as much as its targets do in the whole batch.
        """
        for optimizer in self.optimizers:  # the sharded model itself may show its unsharded weights
            optimizer.zero_grad(set_to_none=True)
        count = max(1, self.objective.count(batch))
        chunks = (self.world.share(part).chunk(self.settings.accumulate) for part in batch)
        mine = 0.0
        for piece in zip(*chunks, strict=True):
            weight = self.objective.count(piece) / count
            piece = tuple(part.to(self.hardware.device) for part in piece)
            with self.hardware.autocast():
                loss = self.objective.loss(self.forward, piece) * weight
            # Processes take the mean of their gradients, and their sum is meant.
            (loss * self.world.size).backward()
            mine += loss.item()
        return self.world.sum(mine)

    def _is_time_to_evaluate(self) -> bool:
        steps, every = self.settings.steps, self.settings.eval_every
        if every:
            return self.step % every == 0 or self.step == steps
        return self.step * 20 // steps > (self.step - 1) * 20 // steps  # 20, evenly spread

    def _evaluate(self, grad_norm: float, began: float) -> None:
        measured = self.objective.measure(self.model, self.hardware, self.settings.eval_tokens)
        self.history.seconds = time.perf_counter() - began
        self.history.tokens_per_second = self._speed()
        self.history.records.append(
            {
                "step": self.step,
                "tokens": self.tokens,
                "seconds": self.history.seconds,
                "train_loss": sum(self.losses) / len(self.losses),
                "learning_rate": learning_rate_at(self.step - 1, self.settings),
                "grad_norm": grad_norm,
            }
            | measured
        )
        self.losses.clear()

    def _speed(self) -> float:
        return self.tokens / max(self.train_seconds, 1e-9)

    def _save(self, began: float) -> None:
        self.history.steps = self.step
        self.history.seconds = time.perf_counter() - began
        self.history.tokens_per_second = self._speed()
        if self.out is None:
            return
        checkpoints.save(
            self.out,
            self.model,
            self.objective.tokenizer,
            step=self.step,
            optimizers=self.optimizers,
            state={
                "settings": asdict(self.settings),
                "objective": self.fingerprint,
                "frozen": frozen(self.model),
                "history": asdict(self.history),
                "tokens": self.tokens,
                "losses": self.losses,
                "train_seconds": self.train_seconds,
            },
            write=self.world.is_first,
        )

    def _all_stop(self, stopping: Callable[[], bool]) -> bool:
        """Whether any process was asked to stop; alone, ask nobody else."""
        return self.world.sum(float(stopping())) > 0

    def _not_compiled(self, why: str) -> None:
        self.history.hardware = f"{self.hardware.label}. {why}"
        if self.world.is_first:
            tell(why)

    def _resume(self) -> checkpoints.Checkpoint:
        """Put back weights, history and counters; return the checkpoint for the optimizer."""
        assert self.out is not None
        checkpoint = checkpoints.load(self.out)
        state = checkpoint.state
        if not {"settings", "objective", "history", "tokens", "losses"} <= set(state):
            raise ValueError(
                f"{checkpoint.path} holds a model but no run that can go on: it is what a run "
                f"leaves when it is shared, or was written by an older gptlab. Start anew."
            )
        self._check_same(checkpoint)
        checkpoint.load_into(self.model)
        self.history = History(**state["history"])
        self.history.hardware = self.hardware.why
        self.step, self.tokens = checkpoint.step, state["tokens"]
        self.losses, self.train_seconds = state["losses"], state["train_seconds"]
        return checkpoint

    def _check_same(self, checkpoint: checkpoints.Checkpoint) -> None:
        """Refuse to go on with other data or settings than the run was started with."""
        before, now = checkpoint.state["objective"], self.fingerprint
        if changed := [name for name in now if before.get(name) != now[name]]:
            was = "; ".join(f"{name} was {before.get(name)}, is {now[name]}" for name in changed)
            raise ValueError(
                f"the run in {self.out} was started with other data: {was}. Give it the text it "
                f"was started with, or use another folder to start anew."
            )
        check_still_frozen(self.model, checkpoint.state.get("frozen", []))
        self.settings.check_continues(checkpoint.state["settings"], checkpoint.step)

    def _divergence(self, loss: float, norm: float) -> str:
        kept = "nothing was saved yet"
        if self.out is not None and checkpoints.has_checkpoint(self.out):
            kept = f"the last good checkpoint is in {self.out}"
        return (
            f"at step {self.step} the loss is {loss} and the gradient's norm {norm}; {kept}. "
            f"Try a smaller learning_rate (now {self.settings.learning_rate}) or a longer warmup "
            f"(now {self.settings.warmup})."
        )
