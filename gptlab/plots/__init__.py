"""Still pictures, by subject: data in, a `Picture` out. Nothing here trains, measures or moves."""

from gptlab.plots.attention import attention_grid, attention_map, attention_steps
from gptlab.plots.chapters import chapter_map
from gptlab.plots.configs import config_changes
from gptlab.plots.costs import memory_bars, operations_by_length
from gptlab.plots.diagram import gpt_diagram
from gptlab.plots.film import training_film
from gptlab.plots.heads import head_map, weight_and_effect
from gptlab.plots.in_context import examples_curve, shots_bars, sudden_fall
from gptlab.plots.labels import choice_bars, label_bars, label_by_word, label_learning
from gptlab.plots.lens import lens_grid, stream_by_depth, writer_bars
from gptlab.plots.losses import depth_curves, ladder_steps, loss_curves, losses_by_place
from gptlab.plots.masks import mask_map, reach_map
from gptlab.plots.model import gradient_norms, parameter_bars, stream_growth, weights_moved
from gptlab.plots.planted import bias_by_way, exposure_by_count
from gptlab.plots.predictions import next_token_bars
from gptlab.plots.profiling import operation_shares
from gptlab.plots.rates import rate_sweep
from gptlab.plots.reading import attention_text
from gptlab.plots.reliability import reliability_curve
from gptlab.plots.scaling import loss_by_compute
from gptlab.plots.schedule import learning_rates
from gptlab.plots.scores import arrows, score_variance, softmax_sharpness
from gptlab.plots.timeline import timeline
from gptlab.plots.timing import cost_by_length
from gptlab.plots.transfer import accuracy_bars, accuracy_curves
from gptlab.plots.translation import link_map, measure_bars
from gptlab.plots.zero_shot import zero_shot_ratios

__all__ = [
    "accuracy_bars",
    "accuracy_curves",
    "arrows",
    "attention_grid",
    "attention_map",
    "attention_steps",
    "attention_text",
    "bias_by_way",
    "chapter_map",
    "choice_bars",
    "config_changes",
    "cost_by_length",
    "depth_curves",
    "examples_curve",
    "exposure_by_count",
    "gpt_diagram",
    "gradient_norms",
    "head_map",
    "label_bars",
    "label_by_word",
    "label_learning",
    "ladder_steps",
    "learning_rates",
    "lens_grid",
    "link_map",
    "loss_by_compute",
    "loss_curves",
    "losses_by_place",
    "mask_map",
    "measure_bars",
    "memory_bars",
    "next_token_bars",
    "operation_shares",
    "operations_by_length",
    "parameter_bars",
    "rate_sweep",
    "reach_map",
    "reliability_curve",
    "score_variance",
    "shots_bars",
    "softmax_sharpness",
    "stream_by_depth",
    "stream_growth",
    "sudden_fall",
    "timeline",
    "training_film",
    "weight_and_effect",
    "weights_moved",
    "writer_bars",
    "zero_shot_ratios",
]
