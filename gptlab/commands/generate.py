"""`python -m gptlab generate`: text with a trained model."""

from __future__ import annotations

import json
import sys
from typing import Any

from gptlab.commands.options import DONE, Commands, given, is_utf8


def add(commands: Commands) -> None:
    """Add the command's options."""
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


def run(options: dict[str, Any]) -> int:
    """Write the continuation of a prompt."""
    from gptlab.checkpoints import load_bundled, load_model
    from gptlab.generation import Sampling, stream
    from gptlab.runtime.device import find_device

    sampling = Sampling(
        **given(options, ("max_new_tokens", "temperature", "top_k", "top_p", "seed")),
        stop=tuple(text.replace(r"\n", "\n") for text in options["stop"]),
    )
    device, _ = find_device(options["device"])
    where = options["model"]
    model, tokenizer = load_bundled() if where == "bundled" else load_model(where)
    pieces = stream(model.to(device), tokenizer, options["prompt"], sampling)
    if options["json"]:
        report = {"prompt": options["prompt"], "text": "".join(pieces)}
        print(json.dumps(report, ensure_ascii=not is_utf8(sys.stdout)))
        return DONE
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    if sys.stdout.isatty():  # or the shell's prompt would stand on the same line
        sys.stdout.write("\n")
    return DONE
