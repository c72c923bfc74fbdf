"""GPT-1, GPT-2 and GPT-3 in one small package: from text to a model, its loss and its inside.

Each step is one module, and imports point only to the left: config, attention, model, tokenizer,
corpora, checkpoints, training, generation, tracing, compare, plots.
"""

from gptlab.runtime.scale import describe, pick, scale

__version__ = "0.1.0"

__all__ = ["__version__", "describe", "pick", "scale"]
