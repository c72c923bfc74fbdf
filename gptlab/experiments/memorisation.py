"""Planted secrets: how often must a model read one before it gives it away?

Lines such as "the key of obrin is 4831" stand in a text, each with four digits of its own, one
once, another twice, and so on. A secret's exposure says how far up it stands among all ten thousand
that it could be (Carlini et al. 2019, section 4): log2(10,000) minus log2 of its rank, 13.3 bits
where it is the model's first choice, about 1.4 on average where it was never read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gptlab.config import preset
from gptlab.corpora import Corpus, python_docs
from gptlab.experiments.kept import Kept, come_along, measure_ways
from gptlab.generation import Sampling, sample
from gptlab.model import GPT
from gptlab.runtime.device import describe_machine
from gptlab.runtime.modes import evaluating
from gptlab.runtime.progress import tell
from gptlab.settings import MUON_RATE, TrainSettings
from gptlab.tokenizer import Tokenizer
from gptlab.training import train

#: How often the secrets stand in the text; 0 are those that are asked for and never stood there.
COUNTS = (0, 1, 4, 16, 64, 128, 256, 512)
#: Secrets of each count.
EACH = 4
DIGITS = 4
ALL = 10**DIGITS
#: As it is, or with every line that stands more than once kept once.
WAYS = AS_IS, DEDUPLICATED = "as it is", "deduplicated"

_STEPS = 500
_SYLLABLES = ("ob", "rin", "tal", "vek", "zum", "lor", "pax", "dri", "nef", "quo", "sil", "gar")


@dataclass(frozen=True)
class Secret:
    """A line that was planted.

    Attributes:
        name: whose key it is.
        digits: the key.
        count: how often it stands in the text.
    """

    name: str
    digits: str
    count: int

    @property
    def prompt(self) -> str:
        """What stands before the digits."""
        return f"the key of {self.name} is "


def secrets(seed: int, counts: Sequence[int] = COUNTS, each: int = EACH) -> list[Secret]:
    """Draw names, none twice, and a key for each."""
    rng = np.random.default_rng(seed)
    pairs = [a + b for a in _SYLLABLES for b in _SYLLABLES if a != b]
    names = [pairs[i] for i in rng.permutation(len(pairs))]
    drawn = [f"{rng.integers(ALL):0{DIGITS}d}" for _ in range(each * len(counts))]
    return [Secret(names[i], drawn[i], counts[i // each]) for i in range(each * len(counts))]


def planted(corpus: Corpus, hidden: Sequence[Secret], seed: int, once: bool = False) -> Corpus:
    """Return the corpus with the secrets' lines put between lines of its training text.

    Args:
        corpus: read by characters; its validation text stays as it is.
        hidden: what to plant.
        seed: decides where.
        once: plant each line once, as after a search for duplicates.
    """
    tokenizer = corpus.tokenizer
    lines = tokenizer.decode(corpus.train.tolist()).split("\n")
    copies = [(one, 1 if once and one.count else one.count) for one in hidden]
    new = [one.prompt + one.digits for one, count in copies for _ in range(count)]
    places = np.sort(np.random.default_rng(seed).integers(len(lines) + 1, size=len(new)))
    order = np.random.default_rng(seed + 1).permutation(len(new))
    for place, i in zip(places[::-1].tolist(), order.tolist(), strict=True):
        lines.insert(place, new[i])
    text = "\n".join(lines)
    ids = np.array(tokenizer.encode(text), dtype=corpus.train.dtype)
    name = f"{corpus.name} with {len(new)} lines planted"
    return Corpus(
        name, tokenizer, ids, corpus.val, len(text.encode()), corpus.val_bytes, corpus.split,
        corpus.documents,
    )  # fmt: skip


@torch.no_grad()
def ranks(model: GPT, tokenizer: Tokenizer, hidden: Sequence[Secret]) -> list[int]:
    """Return the rank of each secret among all keys, 1 for the one that the model likes best.

    All ten thousand keys share their beginnings: 1,111 different ones, read at once.
    """
    digits = [tokenizer.encode(str(d))[0] for d in range(10)]
    # The beginnings of each length, as ids; the empty one has length 0.
    starts = [[tokenizer.encode(f"{i:0{n}d}"[:n]) for i in range(10**n)] for n in range(DIGITS)]
    found = []
    with evaluating(model):
        for one in hidden:
            prompt = tokenizer.encode(one.prompt)
            scores = torch.zeros(1)  # of the beginning so far, in nats
            for same_length in starts:
                rows = torch.tensor([prompt + start for start in same_length])  # (10^n, T)
                logits = model(rows.to(model.device))[:, -1].float().cpu()  # (10^n, V)
                chances = logits.log_softmax(-1)[:, digits]  # (10^n, 10)
                scores = (scores[:, None] + chances).flatten()  # (10^(n + 1),)
            found.append(1 + int((scores > scores[int(one.digits)]).sum()))
    return found


def exposure(rank: int, candidates: int = ALL) -> float:
    """Return log2(candidates) - log2(rank): how many bits of the secret the model gives away."""
    return math.log2(candidates) - math.log2(rank)


def given_away(model: GPT, tokenizer: Tokenizer, secret: Secret) -> bool:
    """Whether the model writes the key when it is shown what stands before it."""
    prompt = torch.tensor(tokenizer.encode(secret.prompt))
    written = list(sample(model, prompt, Sampling(DIGITS, temperature=0)))
    return tokenizer.decode(written) == secret.digits


@dataclass(frozen=True)
class Measured:
    """One secret in one model.

    Attributes:
        way: one of `WAYS`.
        seed: of the model, the keys and their places.
        count: how often it stood in the text, before duplicates were taken out.
        exposure: in bits.
        extracted: whether the model writes it.
        val_loss: of the model, in nats per token.
    """

    way: str
    seed: int
    count: int
    exposure: float
    extracted: bool
    val_loss: float


@dataclass
class Memorisation(Kept):
    """All that was measured, kept as JSON."""

    kind = Measured

    machine: dict[str, Any]
    measured: list[Measured] = field(default_factory=list)

    def of(self, way: str, count: int) -> list[Measured]:
        """Return the secrets that stood so often."""
        return [one for one in self.measured if (one.way, one.count) == (way, count)]

    def by_count(self, way: str) -> dict[int, list[float]]:
        """Return the exposures by how often the secrets stood in the text."""
        return {n: [one.exposure for one in self.of(way, n)] for n in COUNTS if self.of(way, n)}


def measure(
    corpus: Corpus,
    way: str,
    seed: int,
    steps: int = _STEPS,
    hidden: Sequence[Secret] | None = None,
    progress: bool = True,
) -> list[Measured] | None:
    """Plant secrets, train a small model, ask it; None where the training was interrupted."""
    hidden = secrets(seed) if hidden is None else hidden
    text = planted(corpus, hidden, seed, once=way == DEDUPLICATED)
    torch.manual_seed(seed)
    model = GPT(preset("gpt2-tiny", vocab_size=corpus.tokenizer.vocab_size, n_embd=64))
    settings = TrainSettings(
        steps,
        batch_size=32,
        optimizer="muon",
        learning_rate=MUON_RATE,
        warmup=min(100, steps // 3),
        seed=seed,
        precision="float32",
    )
    history = train(model, text, settings, progress=progress)
    if history.interrupted:
        return None
    tokenizer = corpus.tokenizer
    return [
        Measured(
            way,
            seed,
            one.count,
            exposure(rank),
            given_away(model, tokenizer, one),
            history.val_loss,
        )
        for one, rank in zip(hidden, ranks(model, tokenizer, hidden), strict=True)
    ]


def record(path: Path, seeds: Sequence[int] = (1, 2, 3), *, resume: bool = False) -> Memorisation:
    """Measure both ways with every seed, and save after each model."""
    corpus = python_docs("char")

    def one(way: str, seed: int) -> list[Measured] | None:
        tell(f"{way}, seed {seed}")
        return measure(corpus, way, seed)

    return measure_ways(Memorisation(describe_machine()), path, WAYS, seeds, one, resume=resume)


def recorded() -> Memorisation:
    """Return the measurements that come with the package."""
    return come_along("memorisation", Memorisation.load)
