"""`python -m gptlab train`: one model on a text file."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from gptlab.commands.options import (
    DONE,
    STOPPED,
    Commands,
    given,
    settings_of,
    text_options,
    training_options,
)

PRESETS = ("gpt1", "gpt2", "gpt3")


def add(commands: Commands) -> None:
    """Add the command's options."""
    from gptlab.settings import TrainSettings

    defaults = TrainSettings()
    train = commands.add_parser(
        "train",
        help="train one model on a text file",
        description="Train one model. The last line of standard output is a JSON object with "
        "val_loss (nats per token), val_bits_per_byte, steps, tokens_per_second, seconds and "
        "parameters.",
    )
    text_options(train)
    train.add_argument("--preset", choices=PRESETS, default="gpt2", help="generation (%(default)s)")
    for field in ("n-layer", "n-head", "n-embd", "n-ctx", "band"):
        train.add_argument(f"--{field}", type=int, help="default: the tiny preset's")
    train.add_argument("--dropout", type=float, help="default: the tiny preset's, 0")
    train.add_argument("--steps", type=int, default=defaults.steps, help="updates (%(default)s)")
    train.add_argument(
        "--optimizer",
        choices=("adamw", "muon"),
        default="muon",
        help="muon learns faster, adamw is what the papers used (%(default)s)",
    )
    train.add_argument(
        "--final-fraction",
        type=float,
        default=defaults.final_fraction,
        help="the rate falls to this part of its peak; at 1 a run can be made longer (%(default)s)",
    )
    train.add_argument(
        "--resume", action="store_true", help="go on with the run in --out, its tokenizer and text"
    )
    train.add_argument(
        "--save-every", type=int, default=250, help="updates between checkpoints (%(default)s)"
    )
    train.add_argument(
        "--seed", type=int, default=1, help="weights, batches, dropout (%(default)s)"
    )
    train.add_argument(
        "--fsdp",
        dest="shard",
        action="store_true",
        help="under torchrun: split the weights over the processes",
    )
    training_options(train, defaults.batch_size)
    train.add_argument("--out", type=Path, required=True, help="folder for the run's checkpoints")


def run(options: dict[str, Any]) -> int:
    """Train; print what was measured."""
    import torch

    from gptlab import checkpoints
    from gptlab.config import GPTConfig, preset
    from gptlab.corpora import from_file
    from gptlab.model import GPT
    from gptlab.runtime.processes import join
    from gptlab.training import train

    changes = given(options, [field.name for field in fields(GPTConfig)], leave=("vocab_size",))
    # Refuse a wrong shape before reading a large text.
    config = preset(f"{options['preset']}-tiny", **changes)
    settings = settings_of(
        options, ("steps", "optimizer", "save_every", "seed", "shard", "final_fraction")
    )
    tokenizer = options["tokenizer"]
    if options["resume"]:  # learned again from a text that has grown, its ids would mean otherwise
        tokenizer = checkpoints.load(options["out"]).tokenizer
    corpus = from_file(options["text"], tokenizer, vocab_size=options["vocab_size"])
    torch.manual_seed(settings.seed)
    model = GPT(config.replace(vocab_size=corpus.tokenizer.vocab_size))
    history = train(model, corpus, settings, out=options["out"], resume=options["resume"])
    if not join().is_first:
        return DONE
    print(f"{corpus.describe()} Ran on {history.hardware}.")
    report = {
        "val_loss": history.val_loss,
        "val_bits_per_byte": history.val_bits_per_byte,
        "steps": history.steps,
        "tokens_per_second": history.tokens_per_second,
        "seconds": history.seconds,
        "parameters": model.num_parameters(),
        "interrupted": history.interrupted,
    }
    print(json.dumps(report))
    return STOPPED if history.interrupted else DONE
