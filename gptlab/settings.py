"""How to train: the settings, the learning rate they give each step, and the optimizers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import nn

from gptlab.config import GPTConfig, Norm
from gptlab.freezing import frozen_rows
from gptlab.runtime.checks import real_number, whole_number
from gptlab.runtime.device import has_bfloat16
from gptlab.runtime.muon import Float32Muon

#: Peak learning rates for models up to 128 wide, from `python -m gptlab.experiments rates`.
#: Pre-norm at 3e-3 and 4e-3 ended within the spread of its seeds; the lower is the safer for longer
#: runs. Post-norm ended 0.06 nats lower at 3e-3, but 2e-3 is what it survives with little warm-up:
#: see `gptlab.experiments.terms.at_equal_tokens`.
LEARNING_RATES: dict[Norm, float] = {"post": 2e-3, "pre": 3e-3}

#: Muon's peak rate, at every width. At 384, in 150 updates and with one seed (`rates-wide`), half
#: of it ended 0.06 nats lower; both ended below AdamW at its best.
MUON_RATE = 1e-2

OptimizerKind = Literal["adamw", "muon"]

#: Settings that say where and how often, and change nothing that is learned.
_FREE = {"device", "precision", "compile", "shard", "save_every", "eval_every", "eval_tokens"}


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Attributes:
        steps: number of updates.
        batch_size: sequences per update.
        accumulate: pieces in which a batch is worked through, to save memory; the update is the
            same.
        optimizer: "adamw", or "muon", which learns faster and is in none of the three papers; see
            `make_optimizers`.
        learning_rate: peak of the schedule; None for the one that `peak_rate` finds.
        warmup: updates over which the learning rate rises linearly to its peak.
        final_fraction: the cosine ends at this fraction of the peak (GPT-3: 0.1, appendix B).
        weight_decay: on matrices only, whatever the optimizer.
        beta1: Adam's memory of the gradient.
        beta2: Adam's memory of its square.
        eps: Adam's small number in the denominator.
        clip: largest norm of the whole gradient; 0 for no limit.
        eval_every: updates between two evaluations; 0 for 20 a run, evenly spread.
        eval_tokens: validation tokens in each of those evaluations.
        save_every: updates between two checkpoints; 0 for one at the end only.
        seed: decides batches and dropout.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "float32" or "bfloat16".
        compile: whether to use ``torch.compile``; None to leave it to `runtime.device.choose`.
        shard: under torchrun, FSDP instead of DDP: each process keeps a part of every weight.

    Raises:
        ValueError: if a value cannot work.
    """

    steps: int = 1000
    batch_size: int = 12
    accumulate: int = 1
    optimizer: OptimizerKind = "adamw"
    learning_rate: float | None = None
    warmup: int = 100
    final_fraction: float = 0.1
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    clip: float = 1.0
    eval_every: int = 0
    eval_tokens: int = 16_384
    save_every: int = 0
    seed: int = 1
    device: str = "auto"
    precision: str = "auto"
    compile: bool | None = None
    shard: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "eval_tokens"):
            whole_number(name, getattr(self, name), least=1)
        for name in ("warmup", "eval_every", "save_every", "seed"):
            whole_number(name, getattr(self, name))
        for name in ("weight_decay", "clip", "eps", "final_fraction"):
            real_number(name, getattr(self, name))
        if self.learning_rate is not None:
            # At larger ones an optimizer's own factors overflow.
            real_number("learning_rate", self.learning_rate, most=1e30)
            if self.learning_rate == 0:
                raise ValueError("learning_rate is 0; it must be a number above 0.")
        if self.optimizer not in get_args(OptimizerKind):
            raise ValueError(f'optimizer is {self.optimizer!r}; it must be "adamw" or "muon".')
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in 0 ≤ β < 1.")
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"batch_size is {self.batch_size} and accumulate is {self.accumulate}; the batch "
                f"must split into equal pieces."
            )

    def for_model(self, config: GPTConfig) -> TrainSettings:
        """Return the settings with a learning rate: see `peak_rate`."""
        return replace(self, learning_rate=self.peak_rate(config))

    def peak_rate(self, config: GPTConfig) -> float:
        """Return the learning rate, the one measured for such a model where none is given.

        Above a width of 128 it falls as 1/width: at 384, 1e-3 was the best of three rates
        (`python -m gptlab.experiments rates-wide`), and GPT-3's own fall in about the same way
        (table 2.1).
        """
        if self.learning_rate is not None:
            return self.learning_rate
        if self.optimizer == "muon":
            return MUON_RATE
        return LEARNING_RATES[config.norm] * min(1.0, 128 / config.n_embd)

    def check_continues(self, before: dict[str, Any], made: int) -> None:
        """Make sure that a run can go on with these settings as if it had always had them.

        Args:
            before: the settings that the run was started with, by name.
            made: updates made so far.

        Raises:
            ValueError: if something that is learned from has changed. The number of steps may grow
                where that leaves the learning rates of the updates made as they were.
        """
        now = asdict(self)
        changed = {
            name: (before.get(name), now[name])
            for name in now
            if name not in _FREE and before.get(name) != now[name]
        }
        if not changed:
            return
        if set(changed) != {"steps"}:
            raise ValueError(
                f"the run was started with other settings (then, now): {changed}. Use the same "
                f"ones to resume, or another folder to start anew."
            )
        then = TrainSettings(**before)
        if any(learning_rate_at(s, then) != learning_rate_at(s, self) for s in range(made)):
            raise ValueError(
                f"the run was laid out for {then.steps} steps, and {self.steps} would have given "
                f"the {made} updates made other learning rates, which fall along a cosine over the "
                f"whole run. Go on to {then.steps}, or start a run of {self.steps} in another "
                f"folder; with a final_fraction of 1 the rate stays level and a run can grow."
            )


def learning_rate_at(step: int, settings: TrainSettings) -> float:
    """Linear warm-up, then a cosine down to ``final_fraction`` of the peak (GPT-3, appendix B).

    Raises:
        ValueError: if the settings have no learning rate: ask `TrainSettings.for_model` for one.
    """
    peak = settings.learning_rate
    if peak is None:
        raise ValueError("learning_rate is None; settings.for_model(model.config) chooses one.")
    if step < settings.warmup:
        return peak * (step + 1) / settings.warmup
    progress = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    floor = settings.final_fraction
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def make_optimizers(model: nn.Module, settings: TrainSettings) -> Sequence[torch.optim.Optimizer]:
    """Return what makes the updates; each weight belongs to one of them, a frozen one to none.

    Weight decay is for matrices, not for biases and gains (GPT-1, section 4.1). "muon" moves the
    matrices inside the blocks by their gradients' memory made orthogonal (Jordan et al. 2024),
    scaled so that AdamW's rates and decay suit it (Liu et al. 2025, section 2.2), and leaves
    embeddings, biases and gains to AdamW.

    Args:
        model: on its device, its weights split over the processes if they will be.
        settings: with a learning rate (see `TrainSettings.for_model`).
    """
    named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    # Decay takes a weight as a whole, and would move its frozen rows.
    matrices = {n: w for n, w in named.items() if w.dim() > 1 and not frozen_rows(w)}
    undecayed = [weight for name, weight in named.items() if name not in matrices]
    inner = []
    if settings.optimizer == "muon":
        inner = [matrices.pop(name) for name in list(matrices) if name.startswith("h.")]
    rate, decay = learning_rate_at(0, settings), settings.weight_decay
    adamw = torch.optim.AdamW(
        [
            {"params": list(matrices.values()), "weight_decay": decay},
            {"params": undecayed, "weight_decay": 0.0},
        ],
        lr=rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.eps,
        fused=next(model.parameters()).device.type in ("cpu", "cuda"),
    )
    if not inner:
        return [adamw]
    kind = torch.optim.Muon if has_bfloat16(inner[0].device.type) else Float32Muon
    muon = kind(inner, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    return [muon, adamw]
