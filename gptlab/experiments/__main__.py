"""`python -m gptlab.experiments NAME`: make a bundled model or measurements again.

NAME is "model", "in-context" (a small model that learns from examples in its context, with its
curves; a minute), "recurrent" (an LSTM beside a GPT; twenty minutes), "copying" (the same two
saying random letters again; five minutes), "which-package" (fine-tuning by number of labels; five
minutes), "transfer" (what fine-tuning takes over and loses; half an hour), "applications" (each by
baselines, a prompt and fine-tuning; two hours), "film-reviews" (sentiment in them, which are
fetched once; an hour), "successors" (what came after GPT-3; half an hour),
"memorisation" and "fairness" (what a text leaves in a model; ten and five minutes), "named-tasks"
(GPT-2's claim in small; half an hour) or an experiment's. Most take 10 to 80 minutes on one CPU
core, "ladder" three hours. Results are saved after each run; what was stopped goes on with
--resume, the model's training by itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gptlab import compare
from gptlab.corpora import python_docs
from gptlab.data import DATA
from gptlab.experiments import (
    EXPERIMENTS,
    RECORDED,
    Experiment,
    applications,
    copying,
    fairness,
    in_context,
    memorisation,
    named_tasks,
    recurrent,
    transfer,
    which_package,
)
from gptlab.experiments.bundled_model import train_bundled
from gptlab.results import Results

#: Those that are measured in one go and know no ``--resume``.
ONE_GO = ("in-context", "recurrent", "copying", "which-package")
#: Those with results of a kind of their own.
OWN = (
    "which-package",
    "transfer",
    "applications",
    "film-reviews",
    "memorisation",
    "fairness",
    "named-tasks",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Record one thing; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gptlab.experiments", description=__doc__)
    parser.add_argument("name", choices=("model", *OWN, *RECORDED))
    parser.add_argument("--seeds", type=int, default=3, help="runs a variant (%(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path(str(DATA)), help="folder (the package's own)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with what is in the folder, run by run"
    )
    options = parser.parse_args(arguments)
    if options.resume and options.name in ONE_GO:
        parser.error(f"{options.name} is measured in one go; leave --resume out.")
    path = options.out / "results" / f"{options.name}.json"
    seeds = range(1, options.seeds + 1)
    match options.name:
        case "model":
            train_bundled(options.out / "model")
        case "in-context":
            in_context.record(path, seeds)
            in_context.train_in_context(options.out / "in-context")
        case "recurrent":
            recurrent.record(path, seeds)
        case "copying":
            copying.record(path, seeds)
        case "which-package":
            which_package.record(path, seeds)
        case "transfer":
            transfer.record(path, seeds, resume=options.resume)
        case "applications":
            applications.record(path, seeds, resume=options.resume)
        case "film-reviews":
            try:
                applications.record(
                    path,
                    seeds,
                    resume=options.resume,
                    plans=applications.FILM_REVIEWS,
                    examples=applications.film_reviews,
                )
            except ConnectionError as error:
                parser.exit(1, f"error: {error}\n")
        case "memorisation":
            memorisation.record(path, seeds, resume=options.resume)
        case "fairness":
            fairness.record(path, seeds, resume=options.resume)
        case "named-tasks":
            named_tasks.record(path, seeds, resume=options.resume)
        case name:
            _compare(EXPERIMENTS[name], path, seeds, options.resume)
    return 0


def _compare(experiment: Experiment, path: Path, seeds: range, resume: bool) -> None:
    corpus = python_docs(experiment.tokenizer)
    compare.run(
        experiment.variants(corpus.tokenizer.vocab_size),
        corpus,
        seeds,
        title=experiment.name,
        watch=experiment.watch,
        build=experiment.build,
        after=lambda so_far: so_far.save(path),
        before=Results.load(path) if resume and path.exists() else None,
    )


if __name__ == "__main__":
    sys.exit(main())
