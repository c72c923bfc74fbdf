"""The bertviz views, drawn by a browser in JupyterLab: they live, obey, and harm nobody."""

from __future__ import annotations

import os
import re

import pytest
import torch
from playwright.sync_api import expect

from gptlab.attention import causal_mask
from tests.browser.conftest import Lab, Notebook

pytestmark = pytest.mark.browser

TOKENS = ["Return", "the", "<b>set</b>", "</script><script>parent.hacked=1"]
CELL = f"""
from dataclasses import replace
import torch
from gptlab.attention import causal_mask
from gptlab.explorers.bertviz import VIEW

torch.manual_seed(0)
scores = torch.randn(2, 3, 4, 4).masked_fill(~causal_mask(4), -torch.inf)
view = VIEW(scores.softmax(-1), {TOKENS})
replace(view, page=view.page.replace("</style>", "svg text {{ RULE }}</style>"))
"""
# Labels are shortened by their measured width, and no two machines have the same fonts: every
# label fits in the one, none in the other.
FONTS = {"narrow": "font-size: 2px", "wide": "letter-spacing: 40px"}


def open_view(notebook: Notebook, lab: Lab, view: str, rule: str = "") -> None:
    code = CELL.replace("VIEW", view).replace("RULE", rule)
    notebook.open(lab.write(f"{view}.ipynb", code))
    notebook.run_all()


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("view", ["head_view", "model_view"])
def test_draws_offline_and_tokens_stay_text(
    notebook: Notebook, lab: Lab, view: str, font: str
) -> None:
    open_view(notebook, lab, view, FONTS[font])
    frame = notebook.frame
    if view == "model_view":  # tokens are written where a head is opened
        frame.get_by_role("button", name="Layer 1, head 2").click()
    # A token's title says all of it, however much of its label fits; both sides have every token.
    expect(frame.locator("#vis g:has(> text) > title")).to_have_text([*TOKENS, *TOKENS])
    labels = TOKENS if font == "narrow" else [re.compile("^.+…$")] * len(TOKENS)
    expect(frame.locator("#vis g:has(> title) > text")).to_have_text([*labels, *labels])
    expect(frame.locator("#vis b, #vis script")).to_have_count(0)
    assert notebook.page.evaluate("() => window.hacked") is None
    box = frame.locator("#vis svg").bounding_box()
    assert box["width"] > 100 and box["height"] > 50


def test_the_layer_menu_changes_the_picture(notebook: Notebook, lab: Lab) -> None:
    torch.manual_seed(0)
    scores = torch.randn(2, 3, 4, 4).masked_fill(~causal_mask(4), -torch.inf)
    weights = scores.softmax(-1)  # (layer, head, query, key)
    open_view(notebook, lab, "head_view")
    for layer in (0, 1):
        notebook.frame.get_by_label("Layer").select_option(str(layer))
        expect(notebook.frame.get_by_role("status")).to_have_text(f"Layer {layer}.")
        drawn = notebook.frame.locator("#attention line").evaluate_all(
            "lines => lines.map((line) => Number(line.getAttribute('stroke-opacity')))"
        )
        # Three heads lie over each other, so each line has a third of its weight.
        torch.testing.assert_close(
            torch.tensor(drawn), weights[layer].flatten() / 3, atol=1e-4, rtol=0
        )


NEURONS = f"""
from types import SimpleNamespace
import torch
from gptlab.attention import causal_mask
from gptlab.explorers.bertviz import neuron_view

torch.manual_seed(0)
queries, keys = torch.randn(2, 5, 3, 4, 8)  # (layer, head, token, D) each
scores = (queries @ keys.mT / 8**0.5).masked_fill(~causal_mask(4), -torch.inf)
trace = SimpleNamespace(attention=scores.softmax(-1), queries=queries, keys=keys)
neuron_view(trace, {TOKENS}, include_layers=[1, 3], include_heads=[0, 2])
"""


def test_the_neuron_view_says_what_it_draws(notebook: Notebook, lab: Lab) -> None:
    torch.manual_seed(0)
    queries, keys = torch.randn(2, 5, 3, 4, 8)
    notebook.open(lab.write("neurons.ipynb", NEURONS))
    notebook.run_all()
    frame = notebook.frame
    expect(frame.get_by_label("Layer").locator("option")).to_have_text(["1", "3"])
    frame.get_by_label("Layer").select_option(label="3")
    frame.get_by_label("Head").select_option(label="2")
    expect(frame.get_by_role("status")).to_have_text("Layer 3, head 2.")
    token = frame.get_by_role("button", name=TOKENS[2])
    token.focus()
    scores = queries[3, 2, 2] @ keys[3, 2].T / 8**0.5  # (4,)
    weights = scores[:3].softmax(-1)
    best = int(weights.argmax())
    told = f"looks most at “{TOKENS[best]}” {weights[best]:.2f} (score {scores[best]:.2f})"
    expect(frame.get_by_role("status")).to_contain_text(told)
    token.press("Enter")  # the inside of this token opens, by keyboard
    opened = frame.locator("#expanded #leftText > g").nth(2)
    expect(opened).to_have_attribute("aria-expanded", "true")
    expect(opened).to_be_focused()
    drawn = frame.locator("#dotproducts rect").evaluate_all(
        "all => all.map((one) => Number(one.getAttribute('data-value')))"
    )
    torch.testing.assert_close(torch.tensor(drawn), scores, atol=1e-3, rtol=0)
    expect(frame.locator("#vis b, #vis script")).to_have_count(0)
    assert notebook.page.evaluate("() => window.hacked") is None
    if shots := os.environ.get("GPTLAB_SHOTS"):
        notebook.page.screenshot(path=f"{shots}/neurons.png")
