"""A live view is fenced in, says its sentence where it is dead, and can be saved as a page."""

from pathlib import Path

import pytest

from gptlab.show.frame import View

VIEW = View("a <title>", 'Says "this" & <that>.', '<p class="page">drawn</p>', 120)


def test_the_frame_may_run_scripts_and_nothing_else() -> None:
    html = VIEW._repr_mimebundle_()[0]["text/html"]
    assert 'sandbox="allow-scripts"' in html and "allow-same-origin" not in html
    assert 'srcdoc="&lt;p class=&quot;page&quot;&gt;drawn' in html
    assert 'title="a &lt;title&gt;"' in html


def test_the_caption_stays_where_frames_are_taken_out() -> None:
    html = VIEW._repr_mimebundle_()[0]["text/html"]
    assert "<figcaption>Says &quot;this&quot; &amp; &lt;that&gt;.</figcaption>" in html


def test_saved_as_a_page(tmp_path: Path) -> None:
    assert VIEW.save(tmp_path / "view.html").read_text(encoding="utf-8") == VIEW.page
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        VIEW.save(tmp_path)
    with pytest.raises(FileNotFoundError, match="make it first"):
        VIEW.save(tmp_path / "missing" / "view.html")
