"""The contract of everything displayed: a rich form, a still one where it has one, one sentence.

Where a notebook is alive it shows the rich form (HTML, a widget); where scripts and widgets are
taken out, as on GitHub or in nbconvert, the still one (a PNG, HTML without its script); a terminal,
a screen reader and a test get the sentence, which is the same whenever the data are the same. It is
one line of plain text; only a table's has a line for each row.

    Picture   PNG                                    show/picture.py
    Table     HTML                                   show/table.py
    Verdict   HTML                                   show/verdict.py
    View      HTML that lives in a frame, caption    show/frame.py
    Sliders   a widget, and its picture as PNG       explorers/sliders.py
"""

from __future__ import annotations

import base64
import unicodedata
from typing import Any


class Shown:
    """What all of them share. Each says its sentence in ``__repr__`` and lists its other forms."""

    def _forms(self) -> dict[str, Any]:
        """Return the forms other than the sentence by MIME type; a PNG as bytes."""
        raise NotImplementedError

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        sentence, forms = repr(self), self._forms()
        about = {}
        if png := forms.get("image/png"):
            forms["image/png"] = base64.b64encode(png).decode("ascii")
            about["image/png"] = {"alt": sentence}
        return {**forms, "text/plain": sentence}, about


def one_line(text: str) -> str:
    r"""Write what would break a line or cannot be encoded as Python does: ``\n``, ``\ud800``."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        else character
        for character in text
    )


def in_words(error: BaseException) -> str:
    """Return an exception's kind and message on one line."""
    try:
        message = one_line(str(error))
    except Exception:  # an exception of a reader's own may not even be able to say itself
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
