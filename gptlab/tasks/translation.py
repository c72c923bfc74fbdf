"""Translation from English into Chinese: what JupyterLab says, as people translated it.

The pairs are those of JupyterLab's own language pack, from a menu's word to a whole paragraph; the
reader sits in front of them. Nearly equal sentences stay on one side of the split.
"""

from __future__ import annotations

import gettext
import re
from functools import cache
from importlib.resources import files

import numpy as np

from gptlab.prompting import Layout, Shot
from gptlab.runtime.checks import whole_number
from gptlab.tasks.application import Application, Parts
from gptlab.tasks.metrics import chrf

#: One group of nearly equal sentences in so many is for validation, and one for the test.
_EVERY = 10
_LONGEST = 200  # characters of English


@cache
def _pairs() -> tuple[tuple[Shot, ...], ...]:
    """Return groups of (English, Chinese), by what they say but for names, numbers and signs."""
    found: dict[str, str] = {}
    folder = files("jupyterlab_language_pack_zh_CN") / "locale" / "zh_CN" / "LC_MESSAGES"
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if not path.name.endswith(".mo"):
            continue
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        for key, told in catalogue.items():
            # A plural's key is a pair; what stands before \x04 says where the text is shown.
            asked = key[0] if isinstance(key, tuple) else key
            asked = " ".join(asked.rpartition("\x04")[2].split())
            told = " ".join(told.split())
            if 1 < len(asked) <= _LONGEST and _is_chinese(told) and re.search("[a-zA-Z]{2}", asked):
                found.setdefault(asked, told)
    groups: dict[str, list[Shot]] = {}
    for asked, told in found.items():
        groups.setdefault(_core(asked), []).append((asked, told))
    return tuple(tuple(group) for _, group in sorted(groups.items()))


def _is_chinese(text: str) -> bool:
    return re.search("[\u4e00-\u9fff]", text) is not None


def _core(text: str) -> str:
    """What stays of a sentence without case, plural, placeholders and signs."""
    words = re.findall(r"[a-z]+", re.sub(r"%\d|\{[^}]*\}", " ", text.lower()))
    return " ".join(word.removesuffix("s") for word in words)


def parts(count: int = 10_000, seed: int = 1) -> Parts:
    """Return English and Chinese: to learn from, to validate and to test on.

    Args:
        count: pairs to learn from; where there are fewer, all.
        seed: decides which are for what.
    """
    whole_number("count", count, least=1)
    groups = _pairs()
    order = np.random.default_rng(seed).permutation(len(groups))
    of: dict[int, list[Shot]] = {0: [], 1: [], 2: []}
    for place, i in enumerate(order):
        of[min(place % _EVERY, 2)] += groups[i]
    return Parts(tuple(of[2][:count]), tuple(of[0]), tuple(of[1]))


def copied(parts: Parts) -> list[str]:
    """Leave the English as it is."""
    return [asked for asked, _ in parts.test]


def nearest_known(parts: Parts) -> list[str]:
    """Answer with the translation of the most similar sentence to learn from."""
    return [told for (_, told), _ in most_similar(parts)]


def most_similar(parts: Parts) -> list[tuple[Shot, float]]:
    """Return for each sentence of the test the most similar pair to learn from.

    Beside it stands how similar the English of the two is, from 0 to 1: the cosine of their pieces
    of two to four characters, the rare ones weighted most.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics.pairwise import linear_kernel

    table = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4))
    rows = table.fit_transform([asked for asked, _ in parts.train])
    alike = linear_kernel(table.transform([asked for asked, _ in parts.test]), rows)
    nearest = alike.argmax(1)
    return [(parts.train[i], float(of[i])) for i, of in zip(nearest, alike, strict=True)]


TRANSLATION = Application(
    name="translation",
    parts=parts,
    metric="chrF",
    score=chrf,
    baselines={"nearest known sentence": nearest_known, "copied": copied},
    layout=Layout("English: {}\nChinese:"),
    n_ctx=192,
    max_new_tokens=96,
)
