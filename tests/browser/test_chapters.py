"""Every chapter, opened in JupyterLab, run top to bottom and turned, with the network off."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, Lab, Notebook

pytestmark = pytest.mark.browser

CHAPTERS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_runs_and_its_sliders_move_the_picture(notebook: Notebook, lab: Lab, chapter: str) -> None:
    notebook.open(chapter)
    notebook.run_all()
    page, outputs = notebook.page, notebook.outputs()
    warnings = [output["text"] for output in outputs if output.get("name") == "stderr"]
    assert not warnings, f"readers would see warnings: {warnings}"
    count = sum(WIDGET in output.get("data", {}) for output in outputs)
    assert count, "a chapter has something to turn"
    explorers = page.locator(".jp-OutputArea-output > .widget-vbox:has(.widget-image)")
    expect(explorers).to_have_count(count)
    for i in range(count):
        _turn(explorers.nth(i))
    pictures = page.locator(".jp-OutputArea-output img")
    # A slider's output carries a still picture too, shown where no widget can be.
    shown = [output.get("data", {}) for output in outputs]
    expect(pictures).to_have_count(sum(WIDGET in one or "image/png" in one for one in shown))
    page.wait_for_function(
        "() => [...document.querySelectorAll('.jp-OutputArea-output img')].every(i => i.complete)"
    )
    sizes = pictures.evaluate_all("all => all.map((picture) => picture.naturalWidth)")
    told = page.locator("[aria-live=polite]").all_inner_texts()
    assert all(sizes), f"pictures that did not load have no width: {sizes}; said: {told}"
    said = [line for line in lab.log.read_text().splitlines() if "[IPKernelApp]" in line]
    assert not said, f"whoever starts JupyterLab would see: {said}"


def _turn(explorer: Any) -> None:
    """Move the first slider by one step; the picture and its sentence must follow."""
    picture = explorer.locator("img")
    expect(picture).to_have_attribute("src", re.compile("^blob:"))
    before = picture.get_attribute("src")
    handle = explorer.locator(".noUi-handle").first
    handle.focus()
    at, most = (float(handle.get_attribute(f"aria-value{name}")) for name in ("now", "max"))
    handle.press("ArrowLeft" if at == most else "ArrowRight")
    expect(picture).not_to_have_attribute("src", before)
    expect(explorer.locator("[aria-live=polite]")).to_have_text(re.compile(r"\w"))
