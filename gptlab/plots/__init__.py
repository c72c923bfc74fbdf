"""Still pictures of everything: each function returns a `Picture` with its alternative text."""

from gptlab.plots.attention import (
    attention_grid,
    attention_map,
    mask_map,
    next_token_bars,
    reach_map,
)
from gptlab.plots.experiments import (
    depth_curves,
    gradient_norms,
    ladder_steps,
    loss_curves,
    scaling_law,
)
from gptlab.show.picture import COLOURS, LINES, MARKERS, Picture, new_figure

__all__ = [
    "COLOURS",
    "LINES",
    "MARKERS",
    "Picture",
    "attention_grid",
    "attention_map",
    "depth_curves",
    "gradient_norms",
    "ladder_steps",
    "loss_curves",
    "mask_map",
    "new_figure",
    "next_token_bars",
    "reach_map",
    "scaling_law",
]
