"""What comes with the package: one trained model, and the measurements the chapters show.

Both are made by `python -m gptlab.experiments`, and can be made again with it.
"""

from __future__ import annotations

from importlib.resources import as_file

from gptlab.checkpoints import load_model
from gptlab.compare import Results
from gptlab.data import DATA
from gptlab.model import GPT
from gptlab.tokenizer import Tokenizer

#: The experiments whose measurements are bundled; `gptlab.experiments` makes them again.
EXPERIMENTS = ("generations", "ladder", "depth", "sizes", "amounts", "rates", "rates-wide")


def load() -> tuple[GPT, Tokenizer]:
    """Return the bundled model and its tokenizer.

    It is a tiny GPT-2 trained on Python's own documentation; its card is `data/model/README.md`.
    """
    with as_file(DATA / "model") as folder:
        return load_model(folder)


def results(name: str) -> Results:
    """Return the recorded measurements of one experiment.

    Raises:
        ValueError: for a name that is not in `EXPERIMENTS`.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"no results named {name!r} are bundled; there is {EXPERIMENTS}.")
    with as_file(DATA / "results" / f"{name}.json") as path:
        return Results.load(path)
