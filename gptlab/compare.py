"""Comparing models fairly: variants × seeds on the same text, measured, kept as `Results`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from gptlab import counting
from gptlab.config import GPTConfig
from gptlab.corpora import Corpus
from gptlab.generation import Sampling, generate
from gptlab.model import GPT
from gptlab.results import History, Results, Run
from gptlab.runtime.device import describe_machine
from gptlab.runtime.progress import tell
from gptlab.settings import TrainSettings
from gptlab.training import Watch, train


@dataclass(frozen=True)
class Variant:
    """One thing to compare: a model's shape and how it is trained."""

    name: str
    config: GPTConfig
    settings: TrainSettings

    @property
    def tokens(self) -> int:
        """Tokens read in training."""
        return self.settings.steps * self.settings.batch_size * self.config.n_ctx


def fresh(variant: Variant) -> GPT:
    """Return the model that the variant's config describes."""
    return GPT(variant.config)


def run(
    variants: Sequence[Variant],
    corpus: Corpus,
    seeds: Iterable[int] = (1, 2, 3),
    *,
    title: str = "",
    progress: bool = True,
    sample_tokens: int = 80,
    watch: Callable[[Variant, dict[str, Any]], Watch] | None = None,
    after: Callable[[Results], None] | None = None,
    before: Results | None = None,
    build: Callable[[Variant], GPT] = fresh,
) -> Results:
    """Train every variant with every seed.

    Seeds are the outer loop, so a run that is stopped early has compared whole rounds.

    Args:
        variants: what to compare; names must differ.
        corpus: the text all of them read.
        seeds: at least three, or there is no spread to speak of.
        title: what is compared, for the figure.
        progress: show a bar a run.
        sample_tokens: tokens of text to write after each run.
        watch: called once a run with the variant and the run's ``extra`` dict; returns a function
            for `train` to call at each step, which may put what it sees into that dict.
        after: called with the results so far after each run, e.g. to save them.
        before: results of the same comparison that was stopped; its runs are not made again.
        build: makes a variant's model, where it is more than its config says.

    Returns:
        The results; after a Ctrl-C, those of the runs that were finished.

    Raises:
        ValueError: if two variants have one name, or ``before`` compared something else.
    """
    names = [variant.name for variant in variants]
    if len(set(names)) != len(names):
        raise ValueError(f"each variant needs a name of its own; got {names}.")
    results = Results(
        title=title,
        corpus=corpus.describe(),
        machine=describe_machine(),
        variants={
            v.name: {"config": v.config.to_dict(), "settings": asdict(v.settings)} for v in variants
        },
        runs=[],
        baselines=counted(corpus),
    )
    if before is not None:
        if (before.variants, before.corpus) != (results.variants, results.corpus):
            raise ValueError(
                f"{before.title or 'before'} compared other variants, or on other text; start anew."
            )
        results.runs.extend(before.runs)
    made = {(run.variant, run.seed) for run in results.runs}
    for seed in seeds:
        for variant in variants:
            if (variant.name, seed) in made:
                continue
            finished = _one(variant, corpus, seed, progress, sample_tokens, watch, build)
            if finished is None:
                return results
            results.runs.append(finished)
            if after is not None:
                after(results)
    return results


def counted(corpus: Corpus) -> dict[str, dict[str, float]]:
    """Return what counting achieves on a corpus, as `Results` keeps it."""
    return {
        name: {"val_loss": loss, "val_bits_per_byte": corpus.bits_per_byte(loss)}
        for name, loss in counting.baselines(corpus).items()
    }


def _one(
    variant: Variant,
    corpus: Corpus,
    seed: int,
    progress: bool,
    sample_tokens: int,
    watch: Callable[[Variant, dict[str, Any]], Watch] | None,
    build: Callable[[Variant], GPT],
) -> Run | None:
    """Train one variant with one seed; None if it was interrupted."""
    extra: dict[str, Any] = {}
    torch.manual_seed(seed)
    model = build(variant)
    if progress:
        tell(f"{variant.name}, seed {seed}")
    history = train(
        model,
        corpus,
        replace(variant.settings, seed=seed),
        progress=progress,
        watch=None if watch is None else watch(variant, extra),
    )
    if history.interrupted:
        return None
    sample = generate(model, corpus.tokenizer, "", Sampling(sample_tokens, 0.8, seed=seed))
    return as_run(variant.name, seed, model, history, sample, extra)


def as_run(
    variant: str,
    seed: int,
    model: GPT,
    history: History,
    sample: str = "",
    extra: dict[str, Any] | None = None,
) -> Run:
    """Return what a finished training measured; the other arguments are fields of `Run`."""
    return Run(
        variant=variant,
        seed=seed,
        parameters=model.num_parameters(),
        body_parameters=model.num_parameters(embeddings=False),
        tokens=int(history.records[-1]["tokens"]),
        val_loss=history.val_loss,
        val_bits_per_byte=history.val_bits_per_byte,
        tokens_per_second=history.tokens_per_second,
        seconds=history.seconds,
        curve=history.records,
        sample=sample,
        hardware=history.hardware,
        extra=extra or {},
    )
