"""Numbers that come from outside, checked: the value, the rule and no surprise later."""

from __future__ import annotations

import math
from typing import Any

#: Whole numbers beyond this overflow somewhere below, and no count here means anything near it.
LARGEST = 2**31 - 1


def whole_number(name: str, value: Any, least: int = 0, most: int = LARGEST) -> None:
    """Make sure of a whole number from ``least`` to ``most``.

    Raises:
        ValueError: for anything else; the message names the value and the limit.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of at least {least}.")
    if value > most:
        raise ValueError(f"{name} is {value!r}; it must be at most {most}.")


def real_number(name: str, value: Any, least: float = 0.0, most: float = math.inf) -> None:
    """Make sure of a finite number from ``least`` to ``most``.

    Raises:
        ValueError: for anything else; the message names the value and the limits.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not least <= value <= most:
        limit = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise ValueError(f"{name} is {value!r}; it must be a number, {limit}.")
