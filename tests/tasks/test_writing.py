"""Measures of written text, by hand and by brute force."""

import random

import pytest

from gptlab.tasks.writing import Copies, distinct, ends_in_a_loop, repeated, words


def brute_force(documents: list[str], text: str) -> int:
    """The longest run of words of the text that is one of a document."""
    found = words(text)
    sources = [words(document) for document in documents]
    best = 0
    for i in range(len(found)):
        for j in range(i + 1, len(found) + 1):
            run = found[i:j]
            inside = any(run == s[k : k + len(run)] for s in sources for k in range(len(s)))
            best = max(best, len(run) if inside else 0)
    return best


@pytest.mark.parametrize("seed", range(8))
def test_the_longest_copy_is_that_of_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    alphabet = "abcd"[: 2 + seed % 3]
    documents = [" ".join(rng.choices(alphabet, k=rng.randint(1, 25))) for _ in range(4)]
    texts = [" ".join(rng.choices(alphabet + "x", k=rng.randint(1, 15))) for _ in range(12)]
    assert Copies(documents).longest(texts) == [brute_force(documents, text) for text in texts]


def test_a_copy_ends_where_a_document_or_a_text_does() -> None:
    copies = Copies(["a b c", "d e f", "a b"])
    assert copies.longest(["c d", "a b c d e f", "b c", "", "z"]) == [1, 3, 2, 0, 0]
    assert copies.longest(["a b", "c"]) == [2, 1]  # not "a b c" over two texts
    assert copies.longest(["f a"]) == [1]
    assert copies.longest([]) == []


def test_a_text_is_a_copy_of_itself() -> None:
    text = "Return the name of the file. If it has none, raise ValueError."
    assert Copies(["Something else.", text]).longest([text]) == [len(words(text))]
    assert words("a.b  c\n") == ["a", ".", "b", "c"]


def test_distinct_by_hand() -> None:
    assert distinct(["a b a b", "a b"], 1) == 2 / 6
    assert distinct(["a b a b", "a b"], 2) == 2 / 4  # ab, ba, ab; ab
    with pytest.raises(ValueError, match="no text has 3 words"):
        distinct(["a b", ""], 3)
    with pytest.raises(ValueError, match="n is 0"):
        distinct(["a"], 0)


def test_repeated_by_hand() -> None:
    assert repeated("a b c d e") == 0.0
    assert repeated("a b c d a b c d a b c d") == pytest.approx(1 - 4 / 9)
    assert repeated("a b") == 0.0


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("x y z a b a b a b", True),
        ("x no no no", True),
        ("x no no", False),
        ("a b a b a b x", False),
        ("a b c d e f g h i j k l m " * 3, False),  # thirteen words
        ("", False),
    ],
)
def test_a_loop_is_one_run_said_three_times_at_the_end(text: str, right: bool) -> None:
    assert ends_in_a_loop(text) == right
