"""bertviz's head view, model view and neuron view, with no network and in any JupyterLab.

bertviz (Vig 2019, *A Multiscale Visualization of Attention in the Transformer Model*) fetches d3,
jQuery and RequireJS from a CDN, and without one its cells stay blank. Here its page goes into a
frame that brings everything along and may fetch nothing.

    inputs.py             attention and tokens, checked
    views.py neurons.py   what is checked, to bertviz
    page.py .html .js     what bertviz returns, with d3 and what its drawings lack, as one page
    show/frame.py .js     that page in a sandboxed frame of the notebook

Layers, heads and tokens are counted from 0, as bertviz does.
"""

from gptlab.explorers.bertviz.neurons import neuron_view
from gptlab.explorers.bertviz.views import head_view, model_view

__all__ = ["head_view", "model_view", "neuron_view"]
