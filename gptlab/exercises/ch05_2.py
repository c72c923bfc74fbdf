"""The checks of chapter 5.2 on measures: matches of BLEU, and chrF by hand."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number

#: Answers, the references of each, and a length of pieces.
_TOLD = (
    ("内核保存打开保存保存内核内核", ("保存保存", "保存内核打开", "保存关闭"), 2),
    ("打开打开打开文件", ("打开文件", "打开打开文件夹"), 1),
    ("文件文件文件已保存", ("文件文件已保存到", "保存文件文件"), 3),
    ("件", ("文件", "件"), 3),
)


@exercise("Fill in matches(answer, references, n) so that it returns two whole numbers.")
def matches(answer: Any) -> str:
    """Check a function answer, references, n → (clipped matches, pieces of the answer)."""
    for told, references, n in _TOLD:
        result = call(answer, told, list(references), n)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Wrong(
                f"Return two numbers, matches and pieces in all, not {type(result).__name__}."
            )
        found, total = (number(one) for one in result)
        right, pieces = _clipped(told, references, n), _pieces(told, n).total()
        if (found, total) == (right, pieces):
            continue
        if pieces == 0:
            raise Wrong(
                f"{told!r} is shorter than {n} characters and has no piece of that length: 0 of 0."
            )
        if (total, found) == (right, pieces):
            raise Wrong("The other way round: the matches first.")
        _judge_matches(found, total, told, references, n)
    return "However often a good piece is repeated, it counts as often as a reference has it."


def _judge_matches(
    found: float, total: float, told: str, references: Sequence[str], n: int
) -> None:
    of = _pieces(told, n)
    each = [_pieces(reference, n) for reference in references]
    if found == _clipped(told, references, n):
        if total == len(of):
            raise Wrong("The number in all counts a piece that comes twice only once.")
        raise Wrong(
            f"The matches are right. Of {told!r} there are {of.total()} pieces of {n} characters, "
            f"not {total:g}."
        )
    summed = sum(each, Counter[str]())
    mistakes = (
        (
            sum(count for piece, count in of.items() if piece in summed),
            "A piece that the answer repeats counts each time. It counts at most as often as a "
            "reference has it.",
        ),
        (
            len(set(of) & set(summed)),
            "You count kinds of pieces: one that comes twice counts once.",
        ),
        (
            (of & summed).total(),
            "The counts of the references are added up. The limit is the most that any one of "
            "them has.",
        ),
        ((of & each[0]).total(), "Only the first reference is used."),
        ((of & each[-1]).total(), "Only the last reference is used."),
        (
            max((of & one).total() for one in each),
            "You take the reference that fits best. Each piece has its own limit: the most that "
            "any reference has of it.",
        ),
    )
    name_mistake(found, mistakes, operator.eq)
    raise Wrong(
        f"For the answer {told!r} and the references {list(references)}, with n = {n}, you return "
        f"{found:g} matches. Pieces are {n} characters in a row, and they overlap."
    )


def _pieces(text: str, n: int) -> Counter[str]:
    return Counter(text[i : i + n] for i in range(len(text) - n + 1))


def _clipped(told: str, references: Sequence[str], n: int) -> int:
    most: Counter[str] = Counter()
    for reference in references:
        most |= _pieces(reference, n)
    return (_pieces(told, n) & most).total()


#: Answers and what is right.
_ANSWERED = (
    ("您确定要删除这个文件吗", "您确定要永久删除该文件吗？"),
    ("重启 内核 内核", "重启内核 并 清除输出"),
    ("在在新标签页打开", "在新标签页中打开笔记本"),
    ("文件", "文件浏览器"),
)


@exercise("Fill in chrf(answer, right) so that it returns a number from 0 to 1.")
def chrf(answer: Any) -> str:
    """Check a function answer, right → chrF of one answer, from 0 to 1 (Popović 2015)."""
    for told, right in _ANSWERED:
        value = number(call(answer, told, right))
        expected = _chrf(told, right)
        if close(value, expected):
            continue
        if close(value, 100 * expected):
            raise Wrong("That goes to 100; here chrF goes from 0 to 1.")
        name_mistake(
            value, ((_chrf(told, right, **changed), message) for changed, message in _CHRF_MISTAKES)
        )
        raise Wrong(
            f"For the answer {told!r}, where {right!r} is right, you return {value:.4f}. Take one "
            f"length at a time and print precision and recall."
        )
    try:
        nothing = number(call(answer, "开", "关"))
    except ZeroDivisionError:
        raise Wrong(
            "Right, except where nothing matches: precision and recall are both 0."
        ) from None
    if nothing != 0:
        raise Wrong(f"Where nothing matches you return {nothing}; it should be 0.")
    return "Pieces of six lengths, no words needed, and what is missed weighs more."


def _chrf(
    told: str,
    right: str,
    *,
    longest: int = 6,
    beta: float = 2.0,
    spaces: bool = False,
    counted: str = "clipped",
    empty: str = "left out",
    mean: str = "before",
) -> float:
    """Return chrF of one answer, or what comes of a mistake.

    Args:
        told: the answer.
        right: what it should be.
        longest: pieces have 1 to so many characters.
        beta: how much more recall weighs than precision; 0 and infinity leave one of them alone.
        spaces: whether they count as characters.
        counted: matches "clipped", "kinds" of pieces, or "each" piece of the answer.
        empty: lengths of which one side has no piece are "left out", or count as "zero".
        mean: taken of precision and recall "before" they are joined, or of what is joined "after".
    """
    if not spaces:
        told, right = ("".join(text.split()) for text in (told, right))
    shares = []
    for n in range(1, longest + 1):
        mine, theirs = _pieces(told, n), _pieces(right, n)
        if not (mine and theirs):
            if empty == "zero":
                shares.append((0.0, 0.0))
            continue
        above = {
            "clipped": (mine & theirs).total(),
            "kinds": len(set(mine) & set(theirs)),
            "each": sum(count for piece, count in mine.items() if piece in theirs),
        }[counted]
        below = (len(mine), len(theirs)) if counted == "kinds" else (mine.total(), theirs.total())
        shares.append((above / below[0], above / below[1]))
    if mean == "after":
        return sum(_joined(*pair, beta) for pair in shares) / len(shares)
    precision, recall = (sum(side) / len(shares) for side in zip(*shares, strict=True))
    return _joined(precision, recall, beta)


def _joined(precision: float, recall: float, beta: float) -> float:
    if math.isinf(beta):
        return recall
    below = beta**2 * precision + recall
    return (1 + beta**2) * precision * recall / below if below else 0.0


_CHRF_MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"beta": 0.0}, "That is the precision alone: what is missing does not count yet."),
    ({"beta": math.inf}, "That is the recall alone: what is too much does not count yet."),
    ({"beta": 1.0}, "Precision and recall weigh the same in your answer. β is 2."),
    ({"beta": 0.5}, "Precision weighs more in your answer. It is the recall that should."),
    ({"beta": math.sqrt(2)}, "β stands in the formula squared."),
    ({"spaces": True}, "Spaces count as characters in your answer. They are left out first."),
    ({"counted": "kinds"}, "You count kinds of pieces; one that comes twice counts once."),
    (
        {"counted": "each"},
        "A piece that the answer repeats counts each time, however often the right one has it.",
    ),
    (
        {"empty": "zero"},
        "A length of which one side has no piece counts as 0 in your answer. It is left out.",
    ),
    (
        {"mean": "after"},
        "You join precision and recall length by length. First the mean of each over the lengths, "
        "then join the two.",
    ),
    *(
        ({"longest": n}, f"Your pieces have up to {n} characters. It should be up to 6.")
        for n in (1, 2, 3, 4, 5, 7)
    ),
]
