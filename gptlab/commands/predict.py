"""`python -m gptlab predict`: what a fine-tuned model answers, a line for each line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from gptlab.commands.options import DONE, Commands, is_utf8

#: Lines read before they are answered together.
_AT_ONCE = 32


def add(commands: Commands) -> None:
    """Add the command's options."""
    parser = commands.add_parser(
        "predict",
        help="answer with a model that finetune wrote",
        description="Read one text a line from standard input and write one answer a line, in "
        "their order; an empty line is answered by an empty line. A question about a passage "
        r"stands behind it, after \n.",
    )
    parser.add_argument("--model", type=Path, required=True, help="folder that finetune wrote")
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON object a line: text, answer, and of labels their probabilities",
    )


def run(options: dict[str, Any]) -> int:
    """Answer every line of standard input."""
    from gptlab import tasks

    tuned = tasks.load(options["model"])
    lines = _lines(sys.stdin)
    at_once = 1 if sys.stdin.isatty() else _AT_ONCE
    while texts := list(islice(lines, at_once)):
        asked = [text for text in texts if text]
        found: list[dict[str, Any]] = [{"answer": answer} for answer in tuned.answer(asked)]
        if options["json"] and tuned.labels and asked:
            for one, row in zip(found, tuned.probabilities(asked).tolist(), strict=True):
                one["probabilities"] = dict(zip(tuned.labels, row, strict=True))
        answers = iter(found)
        for text in texts:
            one = next(answers) if text else {"answer": ""}
            if options["json"]:
                said = json.dumps({"text": text} | one, ensure_ascii=not is_utf8(sys.stdout))
            else:
                said = " ".join(one["answer"].splitlines())
            print(said, flush=True)
    return DONE


def _lines(stream: TextIO) -> Iterator[str]:
    for number, line in enumerate(_decoded(stream), start=1):
        if "\0" in line:
            raise ValueError(f"line {number} of the input holds a zero byte; is it text?")
        yield line.replace(r"\n", "\n").strip()


def _decoded(stream: TextIO) -> Iterator[str]:
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="strict")
    try:
        yield from stream
    except UnicodeDecodeError as error:
        raise ValueError(f"the input is not text in UTF-8: {error.reason}.") from None
