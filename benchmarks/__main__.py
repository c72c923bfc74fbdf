"""`python -m benchmarks [NAME …]`: measure, print the table; with --write, put it in README.md.

Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from gptlab.runtime.device import describe_machine

NAMES = ("training", "quality", "generation", "attention", "text", "imports")
README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
HEAD = (
    "| what | gptlab | peer | ratio | target | |",
    "|---|---|---|---|---|---|",
)


def main() -> int:
    """Run the benchmarks asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="all, if none is given")
    parser.add_argument("--write", action="store_true", help=f"put the table into {README.name}")
    options = parser.parse_args()
    lines = list(HEAD)
    print(*HEAD, sep="\n", flush=True)
    for name in options.names or NAMES:
        for row in importlib.import_module(f"benchmarks.{name}").rows():
            lines.append(row.line())
            print(lines[-1], flush=True)
    machine = ", ".join(f"{key} {value}" for key, value in describe_machine().items() if value)
    print(f"\n{machine}")
    if options.write:
        text = README.read_text(encoding="utf-8")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        table = "\n".join(lines)
        README.write_text(
            f"{before}{BEGIN}{table}\n\nMeasured on: {machine}.\n{END}{after}", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
