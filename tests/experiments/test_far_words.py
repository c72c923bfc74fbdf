"""Minimal pairs: alike but for the cue, at the distance asked for, measured as they should be."""

import math
import re

import pytest
from scipy.stats import binomtest

from gptlab.checkpoints import load_bundled
from gptlab.experiments import far_words
from gptlab.experiments.far_words import LEAST, MADE_UP, Measured, Pair, measure, pairs
from gptlab.text import documentation

kinds = pytest.mark.parametrize("kind", LEAST)


@kinds
@pytest.mark.parametrize("more", range(17))
def test_texts_differ_in_one_word_so_many_words_before_the_end(kind: str, more: int) -> None:
    distance = LEAST[kind] + more
    for pair in pairs(kind, distance, 5):
        first, second = (re.findall(r"[a-z]+", text) for text in pair.texts)
        assert len(first) == len(second)
        (place,) = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
        assert len(first) - 1 - place == distance
        assert not any(text.endswith(" ") for text in pair.texts) and len(set(pair.ends)) == 2


@kinds
def test_a_seed_decides_the_pairs(kind: str) -> None:
    assert pairs(kind, 9, 6) == pairs(kind, 9, 6) != pairs(kind, 9, 6, seed=2)


def test_between_there_are_nouns_of_either_number() -> None:
    last = {pair.texts[0].endswith("s") for pair in pairs("singular or plural", 9, 20)}
    assert last == {True, False}


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of singular or plural"):
        pairs("tense", 3, 1)
    with pytest.raises(ValueError, match="distance is 1; for a name again it must be 2 or more"):
        pairs("a name again", 1, 1)


def test_made_up_nouns_stand_nowhere() -> None:
    words = set(re.findall("[a-z]+", " ".join(documentation.documents(("python",))[0]).lower()))
    assert not words & {form for noun in MADE_UP for form in (noun, f"{noun}s")}


def test_a_judge_that_sees_the_cue_is_right_and_a_blind_one_once_of_twice() -> None:
    asked = [Pair(("The cat", "The cats"), ("is", "are")), Pair(("A", "B"), ("x", "y"))]
    seeing = measure(lambda gap: [0.8, 0.2] if gap.answer == 0 else [0.2, 0.8], asked)
    assert seeing.accuracy == 1 and seeing.shift == pytest.approx(2 * math.log(4)) and seeing.n == 2
    blind = measure(lambda gap: [0.8, 0.2], asked)
    assert (blind.accuracy, blind.shift) == (0.5, 0)
    assert measure(lambda gap: [0.5, 0.5], asked).accuracy == 0.5
    contrary = measure(lambda gap: [0.8, 0.2] if gap.answer else [0.2, 0.8], asked)
    assert contrary.accuracy == 0 and contrary.shift < 0


@pytest.mark.parametrize(("right", "n"), [(0, 7), (5, 40), (20, 40), (40, 40)])
def test_the_interval_is_wilsons(right: int, n: int) -> None:
    expected = binomtest(right, n).proportion_ci(method="wilson")
    found = Measured(right / n, 0.0, n).interval()
    assert found == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_the_bundled_model_sees_a_noun_beside_the_verb_and_says_a_name_again() -> None:
    judge = far_words.by_model(*load_bundled())
    near = measure(judge, pairs("singular or plural", 0, 10))
    far = measure(judge, pairs("singular or plural", 16, 10))
    assert near.accuracy > 0.9 and near.shift > 3 > abs(far.shift)
    assert measure(judge, pairs("a name again", 16, 5)).accuracy > 0.8
