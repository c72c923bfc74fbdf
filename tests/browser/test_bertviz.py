"""The bertviz views, drawn by a browser in JupyterLab: they live, obey, and harm nobody."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Lab, Notebook

pytestmark = pytest.mark.browser

CELL = """
import torch
from gptlab.attention import causal_mask
from gptlab.explorers.bertviz import {view}

torch.manual_seed(0)
scores = torch.randn(2, 3, 4, 4).masked_fill(~causal_mask(4), -torch.inf)
{view}(scores.softmax(-1), ["Return", "the", "<b>set</b>", "</script><script>parent.hacked=1"])
"""


@pytest.mark.parametrize("view", ["head_view", "model_view"])
def test_draws_offline_and_tokens_stay_text(notebook: Notebook, lab: Lab, view: str) -> None:
    notebook.open(lab.write(f"{view}.ipynb", CELL.format(view=view)))
    notebook.run_all()
    (frame,) = notebook.frames()
    frame.wait_for_selector("svg line", state="attached")  # a level line has no height
    if view == "model_view":  # tokens are written where a head is opened
        frame.locator("svg .thumbnail").first.click()
        frame.wait_for_selector("svg text")
    assert frame.locator("svg text", has_text="<b>set</b>").count() >= 1
    assert frame.locator("svg b").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None
    box = frame.locator("svg").first.bounding_box()
    assert box["width"] > 100 and box["height"] > 50


def test_the_layer_menu_changes_the_picture(notebook: Notebook, lab: Lab) -> None:
    notebook.open(lab.write("layers.ipynb", CELL.format(view="head_view")))
    notebook.run_all()
    (frame,) = notebook.frames()
    frame.wait_for_selector("svg line", state="attached")

    def opacities() -> list[str]:
        return frame.eval_on_selector_all(
            "svg line", "lines => lines.map(l => getComputedStyle(l).strokeOpacity)"
        )

    before = opacities()
    frame.locator("select").first.select_option(index=1)
    frame.wait_for_function(
        "before => JSON.stringify([...document.querySelectorAll('svg line')]"
        ".map(l => getComputedStyle(l).strokeOpacity)) !== JSON.stringify(before)",
        arg=before,
    )
