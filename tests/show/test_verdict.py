"""A verdict says how an answer stands without colour, too."""

import pytest

from gptlab.show.verdict import Verdict


@pytest.mark.parametrize(
    ("state", "begins"), [("right", "✓ Right."), ("wrong", "✗ Not yet."), ("empty", "○ Your turn.")]
)
def test_state_in_words(state, begins: str) -> None:  # type: ignore[no-untyped-def]
    verdict = Verdict(state, "message")
    assert repr(verdict) == f"{begins} message"
    assert verdict.passed == (state == "right")
    assert begins in verdict._repr_mimebundle_()[0]["text/html"]


def test_a_message_of_several_lines_stays_on_one() -> None:
    assert repr(Verdict("wrong", "two\nlines")) == "✗ Not yet. two\\nlines"
