"""What a summary takes from its text, by hand."""

import pytest

from gptlab.tasks.extraction import best_sentence, coverage, density, fragments, not_in_text
from gptlab.tasks.metrics import rouge_l

TEXT = "The parser reads a file. It returns the tree, or None if the file is empty."


def test_fragments_are_the_longest_stretches_from_left_to_right() -> None:
    told = "Returns the tree of a file if the file is short."
    assert [" ".join(one) for one in fragments(TEXT, told)] == [
        "returns the tree",
        "a file",
        "if the file is",
    ]
    assert coverage(TEXT, told) == pytest.approx(9 / 11)
    assert density(TEXT, told) == pytest.approx((9 + 4 + 16) / 11)


def test_a_sentence_of_the_text_is_wholly_taken_and_new_words_are_not() -> None:
    assert coverage(TEXT, "It returns the tree") == 1.0
    assert density(TEXT, "It returns the tree") == 4.0
    assert coverage(TEXT, "Nothing alike!") == density(TEXT, "") == coverage(TEXT, "") == 0.0
    # In the text's order a stretch is longer than in another.
    assert density(TEXT, "reads a file") > density(TEXT, "file a reads")


def test_names_and_numbers_that_are_new() -> None:
    told = "Return a ValueError, the os.path of n_embd or 42, as TEXT says in Paris."
    text = "It may raise `ValueError` for n_embd. Paris."
    assert not_in_text(text, told) == ["os.path", "42", "TEXT"]
    assert not_in_text("nothing", "Return it") == []


def test_no_sentence_is_better_than_the_best_one() -> None:
    told = "Return the tree of a file."
    best = best_sentence(TEXT, told)
    assert best == "The parser reads a file."
    others = ["It returns the tree, or None if the file is empty."]
    assert all(rouge_l([best], [told]) >= rouge_l([one], [told]) for one in others)
    assert best_sentence("…", told) == ""
