"""A live picture in a frame that can reach neither the notebook around it nor the network."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gptlab.show.shown import Shown


@dataclass(frozen=True, repr=False)
class View(Shown):
    """A live picture that a notebook shows in a frame, with the sentence that says what it shows.

    Attributes:
        title: what kind of picture it is and of how much.
        sentence: what can be seen; the text form for terminals, screen readers and GitHub.
        page: the whole HTML page inside the frame.
        height: of the frame in pixels, until the picture has measured itself.
    """

    title: str
    sentence: str
    page: str
    height: int

    def __repr__(self) -> str:
        return self.sentence

    def _forms(self) -> dict[str, Any]:
        # Without allow-same-origin the frame's scripts cannot reach the notebook, its kernel or its
        # files. The caption stays where frames are removed (untrusted notebooks) and hides where
        # the frame is alive.
        title, page, sentence = map(html.escape, (self.title, self.page, repr(self)))
        script = beside(__file__, "frame.js")
        frame = (
            f'<figure style="margin:0"><iframe class="gptlab-frame" title="{title}"'
            ' sandbox="allow-scripts" data-lm-suppress-shortcuts="true"'
            f' style="width:100%;height:{self.height}px;border:0" srcdoc="{page}"></iframe>'
            f"<figcaption>{sentence}</figcaption><script>{script}</script></figure>"
        )
        return {"text/html": frame}

    def save(self, path: Path | str) -> Path:
        """Write the picture as one HTML page that any browser opens, without a network.

        Returns:
            The path written.

        Raises:
            IsADirectoryError: if the path is a folder.
            FileNotFoundError: if its folder does not exist.
        """
        path = Path(path)
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder; name a file in it: {path / 'view.html'}.")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {path.parent}; make it first.")
        path.write_text(self.page, encoding="utf-8")
        return path


@cache
def beside(module: str, name: str) -> str:
    """Read one of the files beside a module, given by its ``__file__``."""
    return Path(module).with_name(name).read_text(encoding="utf-8")
