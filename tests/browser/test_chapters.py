"""Every chapter, opened in JupyterLab, run top to bottom and turned, with the network off."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import ROOT, Lab, Notebook

pytestmark = pytest.mark.browser

CHAPTERS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_runs_and_its_sliders_move_the_picture(notebook: Notebook, lab: Lab, chapter: str) -> None:
    notebook.open(chapter)
    notebook.run_all(timeout=240)
    page = notebook.page
    explorers = page.locator(".jp-OutputArea-output .widget-vbox:has(.widget-image)")
    assert explorers.count() >= 1, "a chapter has something to turn"
    for i in range(explorers.count()):
        _turn(page, explorers.nth(i))
    broken = page.eval_on_selector_all(
        ".jp-OutputArea-output img", "all => all.filter(i => i.complete && !i.naturalWidth).length"
    )
    assert broken == 0, f"{broken} pictures did not load"
    warnings = page.evaluate(
        "() => [...jupyterapp.shell.currentWidget.content.model.cells]"
        ".filter((cell) => cell.type === 'code')"
        ".flatMap((cell) => cell.sharedModel.getOutputs())"
        ".filter((output) => output.name === 'stderr').map((output) => output.text)"
    )
    assert not warnings, f"readers would see warnings: {warnings}"


def _turn(page: Any, explorer: Any) -> None:
    """Move the first slider by one step; the picture and its sentence must follow."""
    explorer.scroll_into_view_if_needed()
    picture = explorer.locator("img").first
    before = picture.get_attribute("src")
    handle = explorer.locator(".noUi-handle").first
    handle.focus()
    at = (handle.get_attribute("aria-valuenow"), handle.get_attribute("aria-valuemax"))
    handle.press("ArrowLeft" if float(at[0] or 0) == float(at[1] or 1) else "ArrowRight")
    page.wait_for_function(
        "([picture, before]) => picture.src !== before",
        arg=[picture.element_handle(), before],
        timeout=20_000,
    )
    assert explorer.locator("[aria-live=polite]").inner_text().strip()
