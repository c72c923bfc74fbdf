"""`python -m gptlab finetune`: a model for an application, on its own examples or a user's."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from gptlab.commands.options import DONE, STOPPED, Commands, given

#: As `gptlab.tasks.APPLICATIONS` has them; a test holds them equal.
TASKS = ("sentiment", "question-answering", "summarization", "translation")


def add(commands: Commands) -> None:
    """Add the command's options."""
    parser = commands.add_parser(
        "finetune",
        help="teach a model a task: sentiment, questions, summaries, translation",
        description="Fine-tune a model on labelled texts, or on questions and answers. The last "
        "line of standard output is a JSON object with metric, score, baseline, baseline_score, "
        "examples and seconds; score and baseline_score are measured on the examples to test on.",
    )
    parser.add_argument("--task", choices=TASKS, required=True, help="what is asked")
    parser.add_argument(
        "--model",
        default="bundled",
        help='folder that train wrote; "bundled": what comes along; "scratch": its shape from '
        "random weights (%(default)s)",
    )
    parser.add_argument(
        "--train",
        type=Path,
        help="CSV, TSV or JSON lines of two columns, text and label or question and answer; "
        "default: the task's own examples",
    )
    parser.add_argument(
        "--download",
        action="store_true",
        help="instead: SST-2 for sentiment or SQuAD for question-answering, fetched once",
    )
    parser.add_argument(
        "--test", type=Path, help="the same, to measure on; default: a tenth of --train"
    )
    parser.add_argument(
        "--columns",
        nargs=2,
        default=(),
        metavar=("TEXT", "LABEL"),
        help="names of the two columns; default: the first two",
    )
    parser.add_argument("--epochs", type=float, default=3, help="readings of it all (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=16, help="examples (%(default)s)")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="peak (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="weights, order (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")


def run(options: dict[str, Any]) -> int:
    """Fine-tune, measure on the test examples, and print both scores."""
    import torch

    from gptlab import tasks
    from gptlab.checkpoints import load_bundled, load_model
    from gptlab.model import GPT
    from gptlab.runtime.checks import real_number, whole_number

    if options["test"] and not options["train"]:
        raise ValueError("--test needs --train; the task's own examples have a test of their own.")
    if options["download"] and options["train"]:
        raise ValueError("--download and --train each say what to learn from; give one of them.")
    real_number("--epochs", options["epochs"], most=10_000)
    whole_number("--batch-size", options["batch_size"], least=1)
    whole_number("--seed", options["seed"])
    application = tasks.APPLICATIONS[options["task"]]
    if options["train"]:
        parts = tasks.from_files(
            options["train"],
            options["test"],
            by_label=application.by_label,
            columns=options["columns"],
        )
    else:
        parts = tasks.download(application.name) if options["download"] else application.parts()
    for line in parts.left_out:
        print(f"left out: {line}", file=sys.stderr)
    bundled = options["model"] in ("bundled", "scratch")
    model, tokenizer = load_bundled() if bundled else load_model(options["model"])
    if options["model"] == "scratch":
        torch.manual_seed(options["seed"])
        model = GPT(model.config)
    began = time.perf_counter()
    tuned, what = tasks.prepare(model, tokenizer, application, parts, seed=options["seed"])
    if what.cut:
        print(f"{what.cut} texts are longer than {tuned.how.n_ctx} tokens: cut", file=sys.stderr)
    how = ("epochs", "batch_size", "learning_rate", "seed", "device", "resume", "out")
    history = tasks.fine_tune(tuned, what, **given(options, how))
    baseline, answers_of = next(iter(application.baselines.items()))
    report = {
        "task": application.name,
        "metric": application.metric,
        "score": application.measure(tuned.answer([q for q, _ in parts.test]), parts.test),
        "baseline": baseline,
        "baseline_score": application.measure(answers_of(parts), parts.test),
        "examples": {"train": len(parts.train), "test": len(parts.test), "cut": what.cut},
        "seconds": time.perf_counter() - began,
        "interrupted": history.interrupted,
    }
    print(f"Ran on {history.hardware}.")
    print(json.dumps(report, ensure_ascii=True))
    return STOPPED if history.interrupted else DONE
