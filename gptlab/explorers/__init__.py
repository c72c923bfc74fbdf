"""Live views: sliders above a picture, bertviz with no network. Nothing here trains or measures."""

from gptlab.explorers.bertviz import head_view, model_view, neuron_view
from gptlab.explorers.sliders import Sliders, explore

__all__ = ["Sliders", "explore", "head_view", "model_view", "neuron_view"]
