"""GPT-1, GPT-2 and GPT-3 in one small package: from text to a model, its loss and its inside.

Each step is one module at the root, and imports point only to the left: config, tokenizer, corpora,
attention, tracing, model, freezing, heads, lens, settings, checkpoints, objective, training,
generation, labelled, finetuning, prompting, answering, results, compare. What they stand on, and
the families of files of one shape, have rooms of their own: text, runtime, show; tasks,
experiments, plots, explorers, exercises, commands. `papers` holds tables as they are printed.

This is the face: what a chapter uses can be had from here by name, and is loaded when it is asked
for, so that `import gptlab` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gptlab import (
        attention,
        compare,
        costs,
        experiments,
        explorers,
        heads,
        huggingface,
        plots,
        tasks,
    )
    from gptlab.attention import attend, causal_mask
    from gptlab.checkpoints import load_bundled, load_model
    from gptlab.config import GPTConfig, preset
    from gptlab.corpora import from_file, from_text, python_docs
    from gptlab.counting import baselines
    from gptlab.generation import Sampling, generate, sample, stream
    from gptlab.lens import logit_lens
    from gptlab.model import GPT, Block, CausalSelfAttention
    from gptlab.objective import evaluate, position_losses
    from gptlab.papers import GPT2_ZERO_SHOT, GPT3_TABLE, PAPER_TRAINING, TIMELINE
    from gptlab.results import History
    from gptlab.runtime.fast_attention import fast_attend
    from gptlab.runtime.scale import describe, pick, scale
    from gptlab.settings import TrainSettings
    from gptlab.show.table import Table
    from gptlab.text.columns import read_columns
    from gptlab.tokenizer import BPETokenizer, CharTokenizer
    from gptlab.training import train

#: Where each name lives.
_HOME = {
    "attend": "attention",
    "causal_mask": "attention",
    "load_bundled": "checkpoints",
    "load_model": "checkpoints",
    "GPTConfig": "config",
    "preset": "config",
    "baselines": "counting",
    "from_file": "corpora",
    "from_text": "corpora",
    "python_docs": "corpora",
    "Sampling": "generation",
    "generate": "generation",
    "sample": "generation",
    "stream": "generation",
    "logit_lens": "lens",
    "Block": "model",
    "CausalSelfAttention": "model",
    "GPT": "model",
    "evaluate": "objective",
    "position_losses": "objective",
    "GPT2_ZERO_SHOT": "papers",
    "GPT3_TABLE": "papers",
    "PAPER_TRAINING": "papers",
    "TIMELINE": "papers",
    "fast_attend": "runtime.fast_attention",
    "describe": "runtime.scale",
    "pick": "runtime.scale",
    "scale": "runtime.scale",
    "TrainSettings": "settings",
    "Table": "show.table",
    "read_columns": "text.columns",
    "BPETokenizer": "tokenizer",
    "CharTokenizer": "tokenizer",
    "History": "results",
    "train": "training",
}
#: Rooms and modules that are used by their own name, as in `gptlab.plots.attention_map`.
_ROOMS = (
    "attention",
    "compare",
    "costs",
    "experiments",
    "explorers",
    "heads",
    "huggingface",
    "plots",
    "tasks",
)

__all__ = [
    "GPT",
    "GPT2_ZERO_SHOT",
    "GPT3_TABLE",
    "PAPER_TRAINING",
    "TIMELINE",
    "BPETokenizer",
    "Block",
    "CausalSelfAttention",
    "CharTokenizer",
    "GPTConfig",
    "History",
    "Sampling",
    "Table",
    "TrainSettings",
    "__version__",
    "attend",
    "attention",
    "baselines",
    "causal_mask",
    "compare",
    "costs",
    "describe",
    "evaluate",
    "experiments",
    "explorers",
    "fast_attend",
    "from_file",
    "from_text",
    "generate",
    "heads",
    "huggingface",
    "load_bundled",
    "load_model",
    "logit_lens",
    "pick",
    "plots",
    "position_losses",
    "preset",
    "python_docs",
    "read_columns",
    "sample",
    "scale",
    "stream",
    "tasks",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"gptlab.{name}")
    if name not in _HOME:
        raise AttributeError(f"gptlab has no {name!r}; it has {', '.join(__all__)}.")
    value = getattr(import_module(f"gptlab.{_HOME[name]}"), name)
    globals()[name] = value  # the next look-up finds it without coming here
    return value


def __dir__() -> list[str]:
    return __all__
