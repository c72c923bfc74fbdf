"""`python -m gptlab compare`: three generations on a text file."""

from __future__ import annotations

import json
from itertools import pairwise
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


def add(commands: Commands) -> None:
    """Add the command's options."""
    compare = commands.add_parser(
        "compare",
        help="train tiny GPT-1, GPT-2 and GPT-3 on a text file and compare them",
        description="Train three generations at equal depth, width and tokens. Prints the table, "
        "writes compare.png, compare.svg and results.json into --out; the last line of standard "
        "output is a JSON object.",
    )
    text_options(compare)
    compare.add_argument("--seeds", type=int, default=3, help="runs a generation (%(default)s)")
    compare.add_argument(
        "--tokens", type=int, default=1_500_000, help="read by each run (%(default)s)"
    )
    for field in ("n-layer", "n-head", "n-embd"):
        compare.add_argument(f"--{field}", type=int, help="default: the tiny presets'")
    training_options(compare, 64)
    compare.add_argument("--out", type=Path, required=True, help="folder for table and figures")


def run(options: dict[str, Any]) -> int:
    """Train every generation with every seed; print the table and the verdicts."""
    from gptlab import compare, experiments, plots
    from gptlab.corpora import from_file
    from gptlab.runtime.checks import whole_number

    if options["seeds"] < 3:
        raise ValueError(
            f"--seeds is {options['seeds']}; without at least 3 a spread means nothing."
        )
    whole_number("--seeds", options["seeds"], most=1000)
    whole_number("--tokens", options["tokens"], most=10**12)
    changes = given(options, ["n_layer", "n_head", "n_embd"])
    settings = settings_of(options, ())
    corpus = from_file(options["text"], options["tokenizer"], vocab_size=options["vocab_size"])
    variants = experiments.generations(
        corpus.tokenizer.vocab_size, options["tokens"], settings, **changes
    )
    out: Path = options["out"]
    out.mkdir(parents=True, exist_ok=True)  # or a whole training would be made and not kept
    results = compare.run(
        variants,
        corpus,
        seeds=range(1, options["seeds"] + 1),
        title=f"Three generations on {options['text'].name}",
        after=lambda so_far: so_far.save(out / "results.json"),
    )
    planned = len(variants) * options["seeds"]
    if not results.runs:
        return STOPPED
    picture = plots.loss_curves(results, "val_bits_per_byte")
    written = [out / "results.json"]
    for ending in ("png", "svg"):
        written.append(out / f"compare.{ending}")
        picture.save(written[-1])
    print(results.table())
    names = results.with_runs()
    verdicts = [results.verdict(a, b, "val_bits_per_byte") for a, b in pairwise(names)]
    print("Bits per byte:", *verdicts, sep="\n")
    report = {
        name: {
            "val_loss": results.values(name).tolist(),
            "val_bits_per_byte": results.values(name, "val_bits_per_byte").tolist(),
        }
        for name in names
    }
    about = {"verdicts": verdicts, "baselines": results.baselines}
    print(json.dumps({"variants": report, **about, "files": [str(p) for p in written]}))
    return DONE if len(results.runs) == planned else STOPPED
