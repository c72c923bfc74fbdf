"""One module an experiment: what it trains, what it records, and what was recorded.

`results(NAME)` reads what comes with the package; `python -m gptlab.experiments NAME` measures it
again. Pictures of the results are in `gptlab.plots`.
"""

from __future__ import annotations

from gptlab.experiments import (
    applications,
    cloze,
    copying,
    fairness,
    far_words,
    in_context,
    memorisation,
    named_tasks,
    recurrent,
    successors,
    transfer,
    which_package,
)
from gptlab.experiments.depth import (
    DEEPER,
    DEPTH,
    block_gradient_norms,
    deeper,
    depth,
    watch_gradients,
)
from gptlab.experiments.generations import (
    GENERATION_RATES,
    GENERATIONS,
    LADDER,
    generations,
    ladder,
)
from gptlab.experiments.kept import come_along
from gptlab.experiments.rates import RATES, RATES_WIDE, rates
from gptlab.experiments.scaling import GRID, grid
from gptlab.experiments.successors import SUCCESSORS
from gptlab.experiments.terms import SHARED_RATE, Experiment, at_equal_tokens
from gptlab.results import Results

__all__ = [
    "EXPERIMENTS",
    "RECORDED",
    "SHARED_RATE",
    "Experiment",
    "applications",
    "at_equal_tokens",
    "block_gradient_norms",
    "cloze",
    "copying",
    "deeper",
    "depth",
    "fairness",
    "far_words",
    "generations",
    "grid",
    "in_context",
    "ladder",
    "memorisation",
    "named_tasks",
    "rates",
    "recurrent",
    "results",
    "successors",
    "transfer",
    "watch_gradients",
    "which_package",
]

#: Those that compare variants on a text, by name.
EXPERIMENTS: dict[str, Experiment] = {
    one.name: one
    for one in (
        GENERATIONS,
        GENERATION_RATES,
        LADDER,
        DEPTH,
        DEEPER,
        GRID,
        RATES,
        RATES_WIDE,
        SUCCESSORS,
    )
}

#: All whose measurements come with the package.
RECORDED = (*EXPERIMENTS, "in-context", "recurrent", "copying")


def results(name: str) -> Results:
    """Return the recorded measurements of one experiment.

    Raises:
        ValueError: for a name that is not in `RECORDED`.
    """
    if name not in RECORDED:
        raise ValueError(f"no results named {name!r} come along; choose {', '.join(RECORDED)}.")
    return come_along(name, Results.load)
