"""Attention read as alignment: which letters of the English a character of the Chinese came from.

A GPT has no attention from one sentence to another. Both stand in one row, and a link from the
second to the first is one entry of an ordinary attention map. Written for tokens that are single
characters, and for dates, of which the right links are known.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gptlab.answering import Answers
from gptlab.model import GPT
from gptlab.tasks.cldr_pairs import Dated


def row(how: Answers, english: str, chinese: str) -> tuple[Tensor, slice, slice]:
    """Return a sentence with its translation as ids (T,), and two parts of them.

    Args:
        how: with a tokenizer that has one id for each character.
        english: what is asked.
        chinese: what is answered.

    Returns:
        the ids; the slice of them that is the English; and the slice of the places at which the
        characters of the Chinese are decided, each one place before the character itself.

    Raises:
        ValueError: if the tokens are no single characters.
    """
    asked, told = how.layout.ask(english), how.layout.tell(chinese)
    ids = [how.tokenizer.start_id, *how.tokenizer.encode(asked + told)]
    if len(ids) != 1 + len(asked + told):
        raise ValueError(
            f"{asked + told!r} has {len(asked + told)} characters and {len(ids) - 1} tokens; use "
            f"a model whose tokens are single characters."
        )
    source = 1 + asked.index(english)
    first = len(asked) + told.index(chinese)
    return torch.tensor(ids), slice(source, source + len(english)), slice(first, len(ids) - 1)


def links(model: GPT, how: Answers, english: str, chinese: str) -> Tensor:
    """Return how much each character of the Chinese, when decided, looks at each of the English.

    Returns:
        attention weights (layer, head, characters of the Chinese, characters of the English). A
        row sums to less than 1: the rest goes to the start, to the sign between, to the Chinese.
    """
    ids, source, deciding = row(how, english, chinese)
    return model.trace(ids).attention[:, :, deciding, source]


def right_links(dated: Dated) -> dict[str, Tensor]:
    """Return for each field of a date which links would be right: (Chinese, English), True there.

    Rows of characters outside the field are False throughout.
    """
    found = {}
    for name, (english, chinese) in dated.fields.items():
        right = torch.zeros(len(dated.chinese), len(dated.english), dtype=torch.bool)
        right[slice(*chinese), slice(*english)] = True
        found[name] = right
    return found


def alignment(model: GPT, how: Answers, dates: Sequence[Dated]) -> dict[str, tuple[Tensor, float]]:
    """Measure how often the strongest link of each head is a right one.

    Args:
        model: read in evaluation mode and left as it was.
        how: how date and translation are written.
        dates: whose characters count: those of the fields, and not the signs between them.

    Returns:
        {field: (share of its characters (layer, head), share that a link drawn at random among the
        letters of the English would get)}, and the same for all fields together, as "all".
    """
    hits: dict[str, list[Tensor]] = {}
    drawn: dict[str, list[float]] = {}
    for dated in dates:
        strongest = links(model, how, dated.english, dated.chinese).argmax(-1)  # (layer, head, n)
        for name, right in right_links(dated).items():
            for place in right.any(1).nonzero()[:, 0].tolist():
                hit = right[place][strongest[..., place]].float()  # (layer, head)
                for key in (name, "all"):
                    hits.setdefault(key, []).append(hit)
                    drawn.setdefault(key, []).append(right[place].float().mean().item())
    return {
        name: (torch.stack(of_field).mean(0), sum(drawn[name]) / len(drawn[name]))
        for name, of_field in hits.items()
    }
