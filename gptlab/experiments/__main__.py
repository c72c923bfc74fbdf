"""`python -m gptlab.experiments NAME`: make the bundled model or measurements again.

NAME is "model" or one of `bundled.EXPERIMENTS`. Each takes 10 to 40 minutes on two CPU cores;
results are saved after each run, the model's training resumes where it stopped.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from gptlab import checkpoints, compare, experiments
from gptlab.bundled import EXPERIMENTS
from gptlab.config import preset
from gptlab.corpora import Corpus, python_docs
from gptlab.model import GPT
from gptlab.training import TrainSettings, train

_DATA = Path(__file__).parents[1] / "data"


def record_model(corpus: Corpus, folder: Path, steps: int = 4000) -> None:
    """Train the bundled model and leave only what is needed to use it."""
    torch.manual_seed(1)
    model = GPT(preset("gpt2-tiny", vocab_size=corpus.tokenizer.vocab_size))
    settings = TrainSettings(
        steps=steps, batch_size=16, learning_rate=experiments.SHARED_RATE, save_every=500
    )
    run = folder / "run"
    resume = checkpoints.has_checkpoint(run)
    history = train(model, corpus, settings, out=run, resume=resume)
    if history.interrupted:
        return
    measured = {
        "val_loss": history.val_loss,
        "val_bits_per_byte": history.val_bits_per_byte,
        "tokens": history.records[-1]["tokens"],
        "seconds": history.seconds,
        "corpus": corpus.describe(),
        "machine": compare.describe_machine(),
    }
    for old in folder.glob("step-*"):
        shutil.rmtree(old)
    checkpoints.save(folder, model, corpus.tokenizer, step=steps, state=measured)
    shutil.rmtree(run)


def record_experiment(name: str, corpus: Corpus, path: Path, seeds: Sequence[int]) -> None:
    """Run one experiment at full size and save after each run."""
    vocabulary = corpus.tokenizer.vocab_size
    variants = {
        "generations": lambda: experiments.generations(vocabulary, 400_000),
        "ladder": lambda: experiments.ladder(vocabulary, 250_000),
        "depth": lambda: experiments.depth(vocabulary),
        "sizes": lambda: experiments.sizes(vocabulary, 500_000),
        "amounts": lambda: experiments.amounts(
            vocabulary, [62_500, 125_000, 250_000, 500_000, 1_000_000]
        ),
        "rates": lambda: experiments.rates(vocabulary),
        "rates-wide": lambda: experiments.rates(
            vocabulary,
            (6, 384, 256),
            TrainSettings(steps=150, batch_size=8, warmup=50, eval_every=50),
            {"pre": (1e-3, 2e-3, 3e-3, 4e-3)},
        ),
    }[name]()
    compare.run(
        variants,
        corpus,
        seeds,
        title=name,
        watch=experiments.watch_gradients((0, 50, 100)) if name == "depth" else None,
        after=lambda so_far: so_far.save(path),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Record one thing; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gptlab.experiments", description=__doc__)
    parser.add_argument("name", choices=("model", *EXPERIMENTS))
    parser.add_argument("--seeds", type=int, default=3, help="runs a variant (%(default)s)")
    parser.add_argument("--out", type=Path, default=_DATA, help="folder (the package's own)")
    options = parser.parse_args(arguments)
    # The depth experiment's losses compare with letter frequencies; the rates are those of the
    # benchmarks, which read characters too.
    characters = options.name in ("depth", "rates", "rates-wide")
    corpus = python_docs("char" if characters else "bpe")
    if options.name == "model":
        record_model(corpus, options.out / "model")
    else:
        path = options.out / "results" / f"{options.name}.json"
        record_experiment(options.name, corpus, path, range(1, options.seeds + 1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
