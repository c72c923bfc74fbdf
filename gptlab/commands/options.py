"""What several commands share: options, exit codes, how what was given becomes settings."""

from __future__ import annotations

import argparse
import codecs
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

#: A parser with subcommands, as argparse has no public name for it.
Commands = Any

DONE, FAILED, WRONG, STOPPED = 0, 1, 2, 130


def text_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which text is learned, and as which tokens."""
    parser.add_argument("--text", type=Path, required=True, help="a UTF-8 text file")
    parser.add_argument(
        "--tokenizer", choices=("char", "bpe"), default="bpe", help="what a token is (%(default)s)"
    )
    parser.add_argument(
        "--vocab-size", type=int, default=1024, help="of the bpe tokenizer (%(default)s)"
    )


def training_options(parser: argparse.ArgumentParser, batch_size: int) -> None:
    """Add how to train; ``batch_size`` is the default."""
    parser.add_argument(
        "--batch-size", type=int, default=batch_size, help="sequences an update (%(default)s)"
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        help="peak; default: as measured for the model",
    )
    parser.add_argument("--warmup", type=int, help="updates of warm-up; default: the presets'")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (%(default)s)")
    parser.add_argument(
        "--precision", default="auto", help="auto, float32 or bfloat16 (%(default)s)"
    )
    parser.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        help="use torch.compile, or never; default: where the run is long enough to repay it",
    )


def settings_of(options: dict[str, Any], extra: Sequence[str]) -> Any:
    """Return the `gptlab.TrainSettings` that the shared options and some others give."""
    from gptlab.settings import TrainSettings

    always = ("batch_size", "learning_rate", "warmup", "device", "precision", "compile")
    return TrainSettings(**given(options, [*always, *extra]))


def given(
    options: dict[str, Any], names: Sequence[str], leave: Sequence[str] = ()
) -> dict[str, Any]:
    """Keep the options that were given a value and are among the names."""
    return {
        name: options[name] for name in names if name not in leave and options.get(name) is not None
    }


def is_utf8(stream: TextIO) -> bool:
    """Whether a stream can write any character."""
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"
