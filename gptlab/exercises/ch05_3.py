"""The checks of chapter 5.3: ROUGE-L by hand, what is taken from a text, a split by module."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from gptlab.exercises.checks import Wrong, call, exercise, name_mistake, number, train_and_test
from gptlab.exercises.word_lists import longest_run, longest_subsequence
from gptlab.tasks.extraction import coverage as _right_coverage

#: Summaries, the right ones; words alone, so that how one splits a text does not matter.
_PAIRS = (
    ("return the name of the file", "the name of a file"),
    ("the file is read", "read the whole file again and close it"),
    ("a b c d e f", "f e d c b a"),
    ("close the file", "close the file"),
    ("one two", "three four five"),
)


@exercise("Fill in rouge_l(summary, right) so that it returns a number from 0 to 1.")
def rouge_l(answer: Any) -> str:
    """Check a function of two lists of words → F of their longest common subsequence."""
    for pair in _PAIRS:
        told, right = (text.split() for text in pair)
        value = number(call(answer, list(told), list(right)))
        common = longest_subsequence(told, right)
        precision, recall = common / len(told), common / len(right)
        expected = 2 * common / (len(told) + len(right))
        if math.isclose(value, expected, abs_tol=1e-6):
            continue
        shared = (Counter(told) & Counter(right)).total()
        mistakes = (
            (2 * shared / (len(told) + len(right)), "Order does not count in yours: that is "
             "ROUGE-1. The words in common must stand in the same order."),
            (2 * longest_run(told, right) / (len(told) + len(right)), "Yours allows no gaps. A "
             "subsequence may leave words out."),
            (precision, "That is the precision alone: what was left out costs nothing."),
            (recall, "That is the recall alone: a longer summary never loses by it."),
            ((precision + recall) / 2, "That is the plain mean of precision and recall. F is the "
             "harmonic one."),
            (common, "That is the length of the common subsequence; it is not yet a share."),
        )  # fmt: skip
        name_mistake(value, mistakes)
        raise Wrong(
            f"For {told} and {right} you return {value:.4f}. Their longest common subsequence has "
            f"{common} words; precision is its share of the first, recall of the second."
        )
    return "It sees order and forgives gaps. It does not see meaning."


_TAKEN = (
    ("the parser reads a file and returns the tree", "returns the tree of a file"),
    ("a b c d e", "e d c x y"),
    ("one two three", "four five"),
    ("the file", "the file the file the file again"),
    ("open a file and close the file", "open the file"),
)


@exercise("Fill in copied(text, summary) so that it returns a list of two numbers.")
def copied(answer: Any) -> str:
    """Check a function of two lists of words → [coverage, longest stretch taken]."""
    for pair in _TAKEN:
        text, told = (one.split() for one in pair)
        found = call(answer, list(text), list(told))
        if not isinstance(found, list | tuple) or len(found) != 2:
            raise Wrong("Return two numbers: the coverage, and the words of the longest stretch.")
        share, longest = (number(one) for one in found)
        right = _right_coverage(*pair), longest_run(text, told)
        different = set(told)
        mistakes = (
            (len(different & set(text)) / len(different), "Count each word of the summary as often "
             "as it stands there, not once."),
            (sum(word in told for word in text) / len(text), "That is the share of the text's "
             "words. Asked for is that of the summary's."),
            (1 - right[0], "Those are the words that are new."),
        )  # fmt: skip
        if not math.isclose(share, right[0], abs_tol=1e-6):
            name_mistake(share, mistakes)
            raise Wrong(
                f"For the text {text} and the summary {told} the coverage should be "
                f"{right[0]:.3f}, not {share:.3f}: the share of its words that the text has."
            )
        if longest != right[1]:
            if longest == longest_subsequence(text, told):
                raise Wrong("A stretch has no gaps; yours may leave words out.")
            raise Wrong(
                f"For the text {text} and the summary {told} the longest stretch that both have "
                f"is {right[1]} words long, not {longest:g}."
            )
    return "Short stretches: a summary in the text's own words. Long ones: a copy."


#: (module, body, line) of documents: modules of one, two and more documents, mixed.
_DOCUMENTS = [(f"m{i * i % 11}", f"body {i}", f"line {i}") for i in range(40)]


@exercise("Fill in split(documents, share, seed) so that it returns the pair (train, test).")
def split(answer: Any) -> str:
    """Check a function documents (module, body, line), share, seed → (train, test)."""
    modules = sorted({module for module, *_ in _DOCUMENTS})
    for share, seed in ((0.3, 1), (0.3, 2), (0.5, 1)):
        train, test = _drawn(answer, share, seed)
        both = {one[0] for one in train} & {one[0] for one in test}
        if both:
            raise Wrong(
                f"Documents of {', '.join(sorted(both)[:3])} stand on both sides: the modules "
                f"must be drawn, not the documents."
            )
        if sorted(train + test) != sorted(_DOCUMENTS):
            lost = len(_DOCUMENTS) - len(set(train + test))
            raise Wrong(
                f"{lost} documents are on neither side."
                if lost
                else "A document stands there twice."
            )
        wanted = round(share * len(modules))
        if (found := len({one[0] for one in test})) != wanted:
            raise Wrong(
                f"There are {len(modules)} modules, and with share = {share:g} you test on {found} "
                f"of them; it should be {wanted}."
            )
        if _drawn(answer, share, seed) != (train, test):
            raise Wrong("The same seed gives two different splits.")
    first, second, third = (sorted(_drawn(answer, 0.3, seed)[1]) for seed in (1, 5, 9))
    if first == second == third:
        raise Wrong("Three seeds give the same test; is the seed used?")
    return "What is tested comes from a place that was never read."


def _drawn(answer: Any, share: float, seed: int) -> tuple[list[Any], list[Any]]:
    split_up = call(answer, list(_DOCUMENTS), share, seed)
    return train_and_test(split_up, _DOCUMENTS, "documents")
