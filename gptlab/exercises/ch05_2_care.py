"""The checks of chapter 5.2 on care: placeholders that survive, alignment read off attention."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number

_PLACEHOLDER = re.compile(r"%\d+|\{\w*\}")
_MARK = re.compile(r"⟦\d+⟧")


def _reversed(text: str) -> str:
    return " ".join(reversed(text.split(" ")))


def _without_second(text: str) -> str:
    """Lose the second mark."""
    marks = _MARK.findall(text)
    return text.replace(marks[1], "") if len(marks) > 1 else text


#: Texts, and what a translator does with them.
_PROTECTED: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("Open %1 in tab", str.upper),
    ("Move %1 to %2", _reversed),
    ("Line %10 of %1", _reversed),
    ("Show {name} and {} in %3", _reversed),
    ("Copy %1 over %1 and %2", _reversed),
    ("Keep %1 and {count} here", _without_second),
    ("Nothing to fill in", _reversed),
    (" ".join(f"%{i}" for i in range(1, 13)), _reversed),
)


@exercise("Fill in protect(text, translate) so that it returns the pair (translation, lost).")
def protect(answer: Any) -> str:
    """Check a function text, translate → (translation with its placeholders, those lost)."""
    for text, change in _PROTECTED:
        seen: list[str] = []

        def translate(
            given: str, seen: list[str] = seen, change: Callable[[str], str] = change
        ) -> str:
            if not isinstance(given, str):
                raise Wrong(
                    f"translate takes one text, and was called with {type(given).__name__}."
                )
            seen.append(given)
            return change(given)

        result = call(answer, text, translate)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Wrong(f"Return two things, (translation, lost), not {type(result).__name__}.")
        told, lost = result
        if not isinstance(told, str) or not isinstance(lost, list | tuple):
            raise Wrong(
                f"Return a text and a list, not {type(told).__name__} and {type(lost).__name__}."
            )
        if not seen:
            raise Wrong("translate was never called: it translates the text with marks in it.")
        _judge_given(text, seen[0])
        _judge_told(text, change, told, list(lost))
    return "Each mark knows what it stands for, wherever the translation puts it."


def _judge_given(text: str, given: str) -> None:
    """Look at what the translator was handed."""
    right = _marked(text)
    if given == right:
        return
    if _MARK.sub("", given) == given and _PLACEHOLDER.search(text):
        raise Wrong(f"Of {text!r} the translator got {given!r}: nothing in it is protected.")
    if "{" in given and "{" in text:
        raise Wrong(f"Of {text!r} the translator got {given!r}: names in braces are not protected.")
    if re.search(r"⟧\d", given):
        raise Wrong(
            f"Of {text!r} the translator got {given!r}: a digit of a placeholder is left over."
        )
    raise Wrong(
        f"Of {text!r} the translator got {given!r}; it should get {right!r}, a mark with a number "
        f"of its own for each placeholder, counted from 0."
    )


def _marked(text: str) -> str:
    numbers = iter(range(len(text)))
    return _PLACEHOLDER.sub(lambda _: f"⟦{next(numbers)}⟧", text)


def _judge_told(text: str, change: Callable[[str], str], told: str, lost: list[Any]) -> None:
    """Look at what comes back."""
    held = _PLACEHOLDER.findall(text)
    between = change(_marked(text))
    right = _MARK.sub(lambda mark: held[int(mark[0][1:-1])], between)
    in_order = iter(held)
    if told != right:
        if told == _MARK.sub(lambda _: next(in_order, ""), between):
            raise Wrong(
                f"{between!r} became {told!r}: the placeholders come back in their old order, and "
                f"the translation has another one."
            )
        if _MARK.search(told):
            raise Wrong(f"{between!r} became {told!r}: a mark is left in it.")
        raise Wrong(f"{between!r} became {told!r}; it should be {right!r}.")
    gone = [one for i, one in enumerate(held) if f"⟦{i}⟧" not in between]
    if lost != gone:
        if not lost:
            raise Wrong(f"The mark of {gone[0]} did not come back, and your list says nothing.")
        raise Wrong(f"Of {between!r} you say that {lost} is lost; it is {gone or 'nothing'}.")


Fields = Mapping[str, tuple[tuple[int, int], tuple[int, int]]]
#: Lengths of the English and of the Chinese, the fields, and a seed for the weights.
_ALIGNED: tuple[tuple[int, int, Fields, int], ...] = (
    (40, 30, {"a": ((0, 14), (18, 29)), "b": ((15, 27), (0, 8)), "c": ((28, 39), (9, 17))}, 53),
    (33, 34, {"a": ((13, 32), (0, 15)), "b": ((0, 11), (17, 24)), "c": ((11, 13), (25, 33))}, 172),
)


@exercise("Fill in alignment(weights, english, chinese, fields) so that it returns a number.")
def alignment(answer: Any) -> str:
    """Check a function weights (T, T), two lengths, fields → share of right strongest links."""
    for english, chinese, fields, seed in _ALIGNED:
        weights = _weights(2 + english + chinese, seed)
        value = number(call(answer, weights, english, chinese, dict(fields)))
        if close(value, _share(weights, english, chinese, fields)):
            continue
        name_mistake(
            value,
            (
                (_share(weights, english, chinese, fields, **changed), message)
                for changed, message in _ALIGNMENT_MISTAKES
            ),
        )
        raise Wrong(
            f"For {english} and {chinese} characters with the fields {dict(fields)} you return "
            f"{value:.4f}. For one character at a time: at which place of the row is it decided, "
            f"which English character has most weight there, and does the field hold it?"
        )
    return "One row of weights a character, and what it may look at is asked of the English alone."


def _weights(size: int, seed: int) -> Tensor:
    """Return a causal attention map (T, T) that looks back at one place more than at others."""
    generator = torch.Generator().manual_seed(seed)
    scores = 2 * torch.randn(size, size, generator=generator)
    return scores.masked_fill(torch.ones(size, size).triu(1).bool(), -torch.inf).softmax(-1)


def _share(
    weights: Tensor,
    english: int,
    chinese: int,
    fields: Fields,
    *,
    late: int = 0,
    start: int = 1,
    keys: str = "english",
    by: str = "strongest",
    over: str = "characters",
    turned: bool = False,
) -> float:
    """Return the share of right strongest links, or what comes of a mistake.

    Args:
        weights: (T, T), a row a query.
        english: how many characters stand in the row after the start token.
        chinese: how many stand after these and one sign.
        fields: as `gptlab.tasks.cldr_pairs.Dated` has them.
        late: places after the right one at which a character is taken to be decided.
        start: where the English is taken to begin.
        keys: whether the strongest is looked for in the "english" or in "all" there is.
        by: the "strongest" link, or the "mean" of the weight on the field.
        over: a mean over all "characters", or over "fields" of their means, or their number.
        turned: whether rows and columns are confused.
    """
    weights = weights.T if turned else weights
    hits: dict[str, list[float]] = {name: [] for name in fields}
    for name, ((first, end), (begin, stop)) in fields.items():
        for place in range(begin, stop):
            query = weights[min(1 + english + place + late, len(weights) - 1)]  # (T,)
            seen = query[start : start + english] if keys == "english" else query
            offset = 0 if keys == "english" else start
            if by == "mean":
                hits[name].append(float(seen[first + offset : end + offset].sum()))
            else:
                hits[name].append(float(first + offset <= int(seen.argmax()) < end + offset))
    of_fields = [sum(of) / len(of) for of in hits.values()]
    total = sum(map(sum, hits.values()))
    counted = sum(map(len, hits.values()))
    return {
        "characters": total / counted,
        "fields": sum(of_fields) / len(of_fields),
        "sum": total,
        "chinese": total / chinese,
    }[over]


_ALIGNMENT_MISTAKES: list[tuple[dict[str, Any], str]] = [
    (
        {"late": 1},
        "You ask the character's own place. There it has been read already; it was decided one "
        "place earlier.",
    ),
    ({"late": -1}, "You ask one place too early. The sign between the two decides the first one."),
    (
        {"keys": "all"},
        "You look for the strongest link in the whole row. Ask among the English characters alone.",
    ),
    ({"start": 0}, "The English is taken to begin at place 0. There stands the start token."),
    ({"start": 2}, "The English is taken to begin one place too late."),
    ({"by": "mean"}, "That is the weight on the field, on average. Count strongest links."),
    (
        {"over": "fields"},
        "That is the mean of the fields' shares. Each character counts the same, so a long field "
        "counts more.",
    ),
    ({"over": "sum"}, "That is how many are right. Divide by the number of field characters."),
    (
        {"over": "chinese"},
        "You divide by all characters of the Chinese. Those outside the fields do not count.",
    ),
    ({"turned": True}, "Rows and columns are confused: a row of weights is one query."),
]
