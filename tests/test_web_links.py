"""The chapters' links to the web have the form of one; none is opened."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest

CHAPTERS = sorted((Path(__file__).parents[1] / "notebooks").glob("[0-9]*.ipynb"))
#: What stands in the round brackets of a Markdown link and is no file beside the chapter.
WEB = re.compile(r"\]\(((?:\w+:|//)[^)]*)\)")


def links(text: str) -> list[str]:
    return WEB.findall(text)


def faults(link: str) -> list[str]:
    """Say what is wrong with the form of a link."""
    parts = urlsplit(link)
    found = []
    if parts.scheme != "https":
        found.append("not https")
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc):
        found.append("no host")
    if re.search(r"\s", link):
        found.append("a space")
    return found


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_links_have_the_form_of_one_and_none_stands_twice(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    found = links("\n".join(cell.source for cell in cells if cell.cell_type == "markdown"))
    assert {link: faults(link) for link in found if faults(link)} == {}
    assert [link for link, count in Counter(found).items() if count > 1] == []


def test_the_chapter_on_resources_has_links() -> None:
    (path,) = (path for path in CHAPTERS if path.stem.startswith("06"))
    assert len(links(path.read_text(encoding="utf-8"))) >= 20


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("http://pytorch.org/docs", "not https"),
        ("https:///docs", "no host"),
        ("https://localhost/docs", "no host"),
        ("//pytorch.org", "not https"),
        ("https://pytorch.org/a b", "a space"),
    ],
)
def test_a_bad_link_is_found(link: str, fault: str) -> None:
    assert links(f"see [it]({link}), and [a chapter](03_2_gpt1.ipynb)") == [link]
    assert fault in faults(link)
