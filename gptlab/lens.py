"""What a model would say if it ended here: its output layer, read early at every point.

The logit lens is an idea of nostalgebraist's, "interpreting GPT: the logit lens" (2020), a blog
post. It shows what the last layer can read from the stream, not what the next block does read.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gptlab.model import GPT
from gptlab.tracing import Trace


def logit_lens(model: GPT, trace: Trace) -> dict[str, Tensor]:
    """Send the residual stream of every point through the final norm and the output layer.

    Args:
        model: the one that was traced.
        trace: of T tokens.

    Returns:
        {point: next-token scores (T, V)}, from "embed" to the "out" of the last block, whose scores
        are the model's own.
    """
    stream = {point: x for point, x in trace.residual.items() if point != "final"}
    with torch.no_grad():
        return {
            point: model.lm_head(model.ln_f(x.to(model.device))).float().cpu()  # (T, V)
            for point, x in stream.items()
        }
