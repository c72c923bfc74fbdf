"""What a check says of an answer: right, not yet, or nothing there so far."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any, Literal

from gptlab.show.shown import Shown, one_line

#: By state: the sign and the words before the message, and the colour beside them.
_STYLES = {
    "right": ("✓ Right.", "#009E73"),
    "wrong": ("✗ Not yet.", "#D55E00"),
    "empty": ("○ Your turn.", "#0072B2"),
}


@dataclass(frozen=True, repr=False)
class Verdict(Shown):
    """What a check says; a coloured line in a notebook, the same words elsewhere.

    Attributes:
        state: how the answer stands; "empty" where there is none yet.
        message: praise, a hint, or what to do.
    """

    state: Literal["right", "wrong", "empty"]
    message: str

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.state == "right"

    def __repr__(self) -> str:
        return one_line(f"{_STYLES[self.state][0]} {self.message}")

    def _forms(self) -> dict[str, Any]:
        colour = _STYLES[self.state][1]
        return {
            "text/html": (
                f'<div role="status" style="border-left:4px solid {colour};padding:.3em .8em">'
                f"{html.escape(repr(self))}</div>"
            )
        }
