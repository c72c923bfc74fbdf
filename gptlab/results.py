"""What was measured: the history of one run, and results of many with their spread.

`Results` are kept as JSON and know what can be said of them: a table, a verdict on any two
variants, a fitted power law. Pictures are drawn from them (`gptlab.plots`), today's or those of a
file.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gptlab.runtime.atomic import write_whole
from gptlab.show.table import Table

#: Two-sided 95 % points of Student's t, by degrees of freedom.
_T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


@dataclass
class History:
    """What a run measured.

    Attributes:
        records: one dict an evaluation: step, tokens, seconds, train_loss (mean since the last
            one, nats per target), learning_rate, grad_norm, and what the objective measured; of
            language modelling val_loss in nats per token and val_bits_per_byte.
        measured: the same by the objective at the end, on all that is held out.
        tokens_per_second: of training, evaluations not counted.
        seconds: of the whole run, evaluations and checkpoints included.
        hardware: where it ran and why, in one sentence.
        steps: updates made.
        interrupted: whether it was stopped before its last step.
    """

    records: list[dict[str, float]] = field(default_factory=list)
    measured: dict[str, float] = field(default_factory=dict)
    tokens_per_second: float = 0.0
    seconds: float = 0.0
    hardware: str = ""
    steps: int = 0
    interrupted: bool = False

    @property
    def val_loss(self) -> float:
        """Nats per token over the whole validation text, at the end."""
        return self.measured.get("val_loss", math.nan)

    @property
    def val_bits_per_byte(self) -> float:
        """The same in bits per byte of text, comparable across tokenizers."""
        return self.measured.get("val_bits_per_byte", math.nan)

    def column(self, name: str) -> list[float]:
        """Return one measured value over the run, e.g. ``column("val_loss")``."""
        return [record[name] for record in self.records]


@dataclass(frozen=True)
class Run:
    """What one training run measured.

    Attributes:
        variant: its variant's name.
        seed: decides initial weights, batches and dropout.
        parameters: number of weights.
        body_parameters: without embeddings, as scaling laws count (Kaplan et al. 2020).
        tokens: read in training.
        val_loss: nats per token on the whole validation text, at the end.
        val_bits_per_byte: the same in bits per byte.
        tokens_per_second: of training.
        seconds: of the whole run.
        curve: the evaluations on the way, as in `History.records`.
        sample: text written after training, from an empty prompt.
        hardware: the device and the precision, and why; empty in older files.
        extra: whatever the experiment added.
    """

    variant: str
    seed: int
    parameters: int
    body_parameters: int
    tokens: int
    val_loss: float
    val_bits_per_byte: float
    tokens_per_second: float
    seconds: float
    curve: list[dict[str, float]]
    sample: str
    hardware: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Results:
    """Everything an experiment measured, and what can be said of it.

    Attributes:
        title: what was compared.
        corpus: one sentence on the text.
        machine: versions and processor.
        variants: {name: {"config": …, "settings": …}} in the order they were given.
        runs: one a variant and seed.
        baselines: what needs no training (`gptlab.counting`): {name: {"val_loss": nats per token,
            "val_bits_per_byte": …}}; empty in older files.
    """

    title: str
    corpus: str
    machine: dict[str, Any]
    variants: dict[str, dict[str, Any]]
    runs: list[Run]
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)

    def of(self, name: str) -> list[Run]:
        """Return the runs of a variant."""
        if name not in self.variants:
            raise ValueError(f"there is no variant {name!r}; there is {', '.join(self.variants)}.")
        return [run for run in self.runs if run.variant == name]

    def with_runs(self) -> list[str]:
        """Return the variants that have runs; where a comparison was stopped, some have none."""
        return [name for name in self.variants if self.of(name)]

    def values(self, name: str, what: str = "val_loss") -> np.ndarray:
        """Return one measured value over a variant's seeds, e.g. "val_loss"."""
        return np.array([getattr(run, what) for run in self.of(name)], dtype=float)

    def mean_sd(self, name: str, what: str = "val_loss") -> tuple[float, float]:
        """Return mean and standard deviation over seeds; 0 spread where there is one seed."""
        values = self.values(name, what)
        return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0

    def difference(self, name: str, other: str, what: str = "val_loss") -> tuple[float, float]:
        """Return mean(other) - mean(name) and the half-width of its 95 % interval (Student's t)."""
        a, b = self.values(name, what), self.values(other, what)
        freedom = len(a) + len(b) - 2
        gap = float(b.mean() - a.mean())
        if freedom < 1 or min(len(a), len(b)) < 2:
            return gap, math.inf
        pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / freedom
        t = _T95[min(freedom, len(_T95)) - 1]
        return gap, float(t * math.sqrt(pooled * (1 / len(a) + 1 / len(b))))

    def verdict(self, name: str, other: str, what: str = "val_loss") -> str:
        """Say in one sentence whether two variants differ by more than their spread."""
        gap, half = self.difference(name, other, what)
        if math.isinf(half):
            return f"{other} against {name}: {gap:+.3f}, from a single seed: no spread to judge by."
        word = "lower" if gap < 0 else "higher"
        if abs(gap) > half:
            return f"{other} is {word} than {name} by {abs(gap):.3f} ± {half:.3f}."
        return (
            f"{other} against {name}: {gap:+.3f} ± {half:.3f}, within the spread: no difference "
            f"shown."
        )

    def levels(self, what: str = "val_loss") -> dict[str, float]:
        """Return the baselines' values of one kind by name, for a picture's level lines."""
        return {name: values[what] for name, values in self.baselines.items()}

    def table(self) -> Table:
        """Return one row a variant: parameters, losses with spread, speed; then the baselines."""
        rows = []
        for name in self.with_runs():
            runs = self.of(name)
            rows.append(
                [
                    name,
                    f"{runs[0].parameters:,}",
                    f"{runs[0].tokens:,}",
                    _plus_minus(*self.mean_sd(name)),
                    _plus_minus(*self.mean_sd(name, "val_bits_per_byte")),
                    f"{self.mean_sd(name, 'tokens_per_second')[0]:,.0f}",
                    f"{self.mean_sd(name, 'seconds')[0]:.0f}",
                    str(len(runs)),
                ]
            )
        for name, level in self.baselines.items():
            losses = (f"{level[what]:.3f}" for what in ("val_loss", "val_bits_per_byte"))
            rows.append([name, "", "", *losses, "", "", ""])
        return Table(
            [
                "variant",
                "parameters",
                "tokens",
                "validation loss (nats/token)",
                "bits per byte",
                "tokens/s",
                "seconds",
                "seeds",
            ],
            rows,
        )

    def save(self, path: Path | str) -> None:
        """Write everything as JSON, whole or not at all."""
        text = json.dumps(asdict(self), indent=1, allow_nan=False, ensure_ascii=False)
        write_whole(path, text + "\n")

    @classmethod
    def load(cls, path: Path | str) -> Results:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is not a results file.
        """
        try:
            raw = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(**{**raw, "runs": [Run(**run) for run in raw["runs"]]})
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"{path} is no results file of gptlab: {error}") from error


def _plus_minus(mean: float, sd: float) -> str:
    return f"{mean:.3f} ± {sd:.3f}"
