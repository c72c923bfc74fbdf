"""`python -m gptlab.experiments NAME`: make a bundled model or measurements again.

NAME is "model", "in-context" (a small model that learns from examples in its context, with its
curves; a minute), "which-package" (fine-tuning by number of labels; five minutes), "transfer"
(what fine-tuning takes over and loses; half an hour) or an experiment's. Most take 10 to 60 minutes
on two CPU cores. Results are saved after each run; what was stopped goes on with --resume, the
model's training by itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gptlab import compare
from gptlab.corpora import python_docs
from gptlab.data import DATA
from gptlab.experiments import EXPERIMENTS, RECORDED, in_context, transfer, which_package
from gptlab.experiments.bundled_model import train_bundled
from gptlab.results import Results


def main(arguments: Sequence[str] | None = None) -> int:
    """Record one thing; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gptlab.experiments", description=__doc__)
    parser.add_argument("name", choices=("model", "which-package", "transfer", *RECORDED))
    parser.add_argument("--seeds", type=int, default=3, help="runs a variant (%(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path(str(DATA)), help="folder (the package's own)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with what is in the folder, run by run"
    )
    options = parser.parse_args(arguments)
    if options.name == "model":
        train_bundled(options.out / "model")
        return 0
    if options.name == "in-context":
        in_context.record(options.out / "results" / "in-context.json", range(1, options.seeds + 1))
        in_context.train_in_context(options.out / "in-context")
        return 0
    if options.name == "which-package":
        path = options.out / "results" / "which-package.json"
        which_package.record(path, range(1, options.seeds + 1))
        return 0
    if options.name == "transfer":
        path = options.out / "results" / "transfer.json"
        transfer.record(path, range(1, options.seeds + 1), resume=options.resume)
        return 0
    experiment = EXPERIMENTS[options.name]
    corpus = python_docs(experiment.tokenizer)
    path = options.out / "results" / f"{experiment.name}.json"
    compare.run(
        experiment.variants(corpus.tokenizer.vocab_size),
        corpus,
        range(1, options.seeds + 1),
        title=experiment.name,
        watch=experiment.watch,
        after=lambda so_far: so_far.save(path),
        before=Results.load(path) if options.resume and path.exists() else None,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
