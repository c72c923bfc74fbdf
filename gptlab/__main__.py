"""`python -m gptlab train | compare | generate`: a contract for scripts.

Progress goes to standard error. The last line of standard output of `train` and `compare` is one
JSON object. Exit codes: 0 done, 1 the run failed, 2 wrong arguments or input, 130 stopped by Ctrl-C
(what was learned is kept).
"""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

PRESETS = ("gpt1", "gpt2", "gpt3")
_DONE, _FAILED, _WRONG, _STOPPED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    _write_any_character()
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    from gptlab.runtime.compiling import CompilingFailed
    from gptlab.runtime.locks import FolderInUse
    from gptlab.runtime.processes import WorkerLost, leave
    from gptlab.training import TrainingDiverged

    try:
        return {"train": _train, "compare": _compare, "generate": _generate}[command](options)
    except BrokenPipeError:  # whoever reads the output has had enough, as in `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _DONE
    except (TrainingDiverged, FolderInUse, WorkerLost, CompilingFailed) as error:
        return _say(error, _FAILED)
    except (ValueError, OSError) as error:
        return _say(error, _WRONG)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "alloc" not in str(error):
            raise
        return _say("there is not enough memory; use a smaller model or batch.", _FAILED)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return _STOPPED
    finally:
        leave()


def _write_any_character() -> None:
    """Let a terminal that cannot write a character show its escape, instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _is_utf8(stream):
            stream.reconfigure(errors="backslashreplace")


def _is_utf8(stream: TextIO) -> bool:
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"


def _say(error: Exception | str, code: int) -> int:
    print(f"gptlab: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    from gptlab.settings import TrainSettings

    defaults = TrainSettings()
    parser = argparse.ArgumentParser(
        prog="python -m gptlab", description="Train, compare and sample small GPTs."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train one model on a text file",
        description="Train one model. The last line of standard output is a JSON object with "
        "val_loss (nats per token), val_bits_per_byte, steps, tokens_per_second, seconds and "
        "parameters.",
    )
    _text_options(train)
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
    _training_options(train, defaults.batch_size)
    train.add_argument("--out", type=Path, required=True, help="folder for the run's checkpoints")

    compare = commands.add_parser(
        "compare",
        help="train tiny GPT-1, GPT-2 and GPT-3 on a text file and compare them",
        description="Train three generations at equal depth, width and tokens. Prints the table, "
        "writes compare.png, compare.svg and results.json into --out; the last line of standard "
        "output is a JSON object.",
    )
    _text_options(compare)
    compare.add_argument("--seeds", type=int, default=3, help="runs a generation (%(default)s)")
    compare.add_argument(
        "--tokens", type=int, default=1_500_000, help="read by each run (%(default)s)"
    )
    for field in ("n-layer", "n-head", "n-embd"):
        compare.add_argument(f"--{field}", type=int, help="default: the tiny presets'")
    _training_options(compare, 64)
    compare.add_argument("--out", type=Path, required=True, help="folder for table and figures")

    generate = commands.add_parser(
        "generate",
        help="write text with a trained model",
        description="Stream the continuation of a prompt to standard output, and nothing else.",
    )
    generate.add_argument(
        "--model", required=True, help='folder that train wrote, or "bundled": what comes along'
    )
    generate.add_argument("--prompt", default="", help="empty: the beginning of a document")
    generate.add_argument("--max-new-tokens", type=int, default=200, help="(%(default)s)")
    generate.add_argument("--temperature", type=float, default=0.8, help="0: greedy (%(default)s)")
    generate.add_argument("--top-k", type=int, help="keep the k likeliest tokens")
    generate.add_argument("--top-p", type=float, help="keep the likeliest tokens up to p")
    generate.add_argument("--seed", type=int, help="the same seed writes the same text")
    generate.add_argument(
        "--stop",
        action="append",
        default=[],
        metavar="TEXT",
        help=r"end before this text; may be given again; \n is a line end, <|endoftext|> the end "
        "of a document",
    )
    generate.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps (%(default)s)")
    generate.add_argument("--json", action="store_true", help="print one JSON object instead")
    return parser


def _text_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text", type=Path, required=True, help="a UTF-8 text file")
    parser.add_argument(
        "--tokenizer", choices=("char", "bpe"), default="bpe", help="what a token is (%(default)s)"
    )
    parser.add_argument(
        "--vocab-size", type=int, default=1024, help="of the bpe tokenizer (%(default)s)"
    )


def _training_options(parser: argparse.ArgumentParser, batch_size: int) -> None:
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


def _train(options: dict[str, Any]) -> int:
    import torch

    from gptlab import checkpoints
    from gptlab.config import GPTConfig, preset
    from gptlab.corpora import from_file
    from gptlab.model import GPT
    from gptlab.runtime.processes import join
    from gptlab.training import train

    changes = _given(options, [field.name for field in fields(GPTConfig)], leave=("vocab_size",))
    # Refuse a wrong shape before reading a large text.
    config = preset(f"{options['preset']}-tiny", **changes)
    settings = _settings(
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
        return _DONE
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
    return _STOPPED if history.interrupted else _DONE


def _compare(options: dict[str, Any]) -> int:
    from gptlab import compare, experiments, plots
    from gptlab.corpora import from_file
    from gptlab.runtime.checks import whole_number

    if options["seeds"] < 3:
        raise ValueError(
            f"--seeds is {options['seeds']}; without at least 3 a spread means nothing."
        )
    whole_number("--seeds", options["seeds"], most=1000)
    whole_number("--tokens", options["tokens"], most=10**12)
    changes = _given(options, ["n_layer", "n_head", "n_embd"])
    settings = _settings(options, ())
    corpus = from_file(options["text"], options["tokenizer"], vocab_size=options["vocab_size"])
    variants = experiments.generations(
        corpus.tokenizer.vocab_size, options["tokens"], settings, **changes
    )
    out: Path = options["out"]
    results = compare.run(
        variants,
        corpus,
        seeds=range(1, options["seeds"] + 1),
        title=f"Three generations on {options['text'].name}",
        after=lambda so_far: so_far.save(out / "results.json"),
    )
    planned = len(variants) * options["seeds"]
    if not results.runs:
        return _STOPPED
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
    return _DONE if len(results.runs) == planned else _STOPPED


def _generate(options: dict[str, Any]) -> int:
    from gptlab.checkpoints import load_bundled, load_model
    from gptlab.generation import Sampling, stream
    from gptlab.runtime.device import find_device

    sampling = Sampling(
        **_given(options, ("max_new_tokens", "temperature", "top_k", "top_p", "seed")),
        stop=tuple(text.replace(r"\n", "\n") for text in options["stop"]),
    )
    device, _ = find_device(options["device"])
    where = options["model"]
    model, tokenizer = load_bundled() if where == "bundled" else load_model(where)
    pieces = stream(model.to(device), tokenizer, options["prompt"], sampling)
    if options["json"]:
        report = {"prompt": options["prompt"], "text": "".join(pieces)}
        print(json.dumps(report, ensure_ascii=not _is_utf8(sys.stdout)))
        return _DONE
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    if sys.stdout.isatty():  # or the shell's prompt would stand on the same line
        sys.stdout.write("\n")
    return _DONE


def _settings(options: dict[str, Any], extra: Sequence[str]) -> Any:
    from gptlab.settings import TrainSettings

    always = ("batch_size", "learning_rate", "warmup", "device", "precision", "compile")
    return TrainSettings(**_given(options, [*always, *extra]))


def _given(
    options: dict[str, Any], names: Sequence[str], leave: Sequence[str] = ()
) -> dict[str, Any]:
    """Keep the options that were given a value and are among the names."""
    return {
        name: options[name] for name in names if name not in leave and options.get(name) is not None
    }


if __name__ == "__main__":
    code = main()
    if "WORLD_SIZE" in os.environ:  # under torchrun
        # torch's threads of several processes can abort as the interpreter ends, after all is
        # done and saved, and torchrun would call that a failure.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
