"""Learning in the context: questions and answers by a rule that is new in every sequence.

A sequence is pairs, "B f H a B f …": upper-case questions, each followed by its lower-case answer.
Which answer belongs to which question is drawn anew for each sequence, so that no weight can know
it; an earlier example in the same sequence tells (compare Garg et al. 2022, Chan et al. 2022).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptlab.compare import as_run
from gptlab.config import preset
from gptlab.experiments.terms import replace_checkpoint
from gptlab.model import GPT
from gptlab.objective import Batch, NextToken
from gptlab.results import Results
from gptlab.runtime.device import Hardware, describe_machine
from gptlab.runtime.modes import evaluating
from gptlab.settings import TrainSettings
from gptlab.tokenizer import CharTokenizer
from gptlab.tracing import Head
from gptlab.training import train

QUESTIONS, ANSWERS = "ABCDEFGHIJKLMNOP", "abcdefghijklmnop"
#: What guessing achieves: the share of right answers, and the loss in nats.
CHANCE, CHANCE_LOSS = 1 / len(ANSWERS), math.log(len(ANSWERS))
#: Standard deviation of the initial embeddings, which must tell letters and places apart. In as
#: many updates 0.02 brought 19 % right after one example, and what the tiny presets draw, 37 %.
EMBEDDING_STD = 0.2
#: Accuracies are measured up to so many earlier examples of the same question.
MOST_EXAMPLES = 4

_HELD_OUT = 2**40  # beside the seeds of training: (seed, step) stay far below it


@dataclass(frozen=True)
class Pairs(NextToken):
    """An objective: answer each question from the examples that stand before it in the sequence.

    Attributes:
        n_pairs: pairs of question and answer in a sequence.
        asked: how many different questions stand in one, so that most are asked more than once.
    """

    n_pairs: int = 16
    asked: int = 8

    @property
    def tokenizer(self) -> CharTokenizer:
        """One id a letter: 0 to 15 are questions, 16 to 31 answers."""
        return CharTokenizer(QUESTIONS + ANSWERS)

    def draw(self, seed: int, rows: int) -> Tensor:
        """Draw sequences (rows, 2 · n_pairs), each with a rule of its own."""
        generator = torch.Generator().manual_seed(seed)
        n = len(QUESTIONS)
        rule = torch.randint(len(ANSWERS), (rows, n), generator=generator)
        pool = torch.rand(rows, n, generator=generator).argsort(1)[:, : self.asked]
        chosen = torch.randint(self.asked, (rows, self.n_pairs), generator=generator)
        x = pool.gather(1, chosen)  # (rows, n_pairs)
        y = n + rule.gather(1, x)  # (rows, n_pairs)
        return torch.stack([x, y], 2).flatten(1)

    def check(self, model: GPT) -> None:
        """Refuse a vocabulary too small, or a context shorter than a sequence."""
        self.tokenizer.check_fits(model.config.vocab_size)
        if model.config.n_ctx < 2 * self.n_pairs:
            raise ValueError(
                f"n_ctx is {model.config.n_ctx}, but {self.n_pairs} pairs are "
                f"{2 * self.n_pairs} tokens; use fewer pairs or a longer context."
            )

    def batch(self, step: int, settings: TrainSettings) -> Batch:
        """Return tokens and targets, (B, 2 · n_pairs) each; only answers are asked for."""
        tokens = self.draw(settings.seed * 1_000_003 + step, settings.batch_size)
        return tokens, _targets(tokens)

    def measure(
        self, model: GPT, hardware: Hardware, max_tokens: int | None = None
    ) -> dict[str, float]:
        """Return val_loss in nats per answer, and accuracy_0 … by number of earlier examples."""
        rows = 512 if max_tokens is None else max(64, max_tokens // (2 * self.n_pairs))
        tokens = self.held_out(rows)
        with evaluating(model), torch.no_grad(), hardware.autocast():
            logits, loss = model(tokens.to(model.device), _targets(tokens).to(model.device))
        accuracies = by_examples(tokens, _right(logits.cpu(), tokens))
        named = {f"accuracy_{n}": accuracy for n, accuracy in enumerate(accuracies)}
        return {"val_loss": loss.item(), **named}

    def fingerprint(self) -> dict[str, str]:
        """Tell sequences of other lengths apart."""
        return {name: str(value) for name, value in asdict(self).items()}

    def held_out(self, rows: int) -> Tensor:
        """Return sequences (rows, 2 · n_pairs) that no training draws, the same each time."""
        return self.draw(_HELD_OUT, rows)

    def best_loss(self, rows: int = 4096) -> float:
        """Return the loss in nats of whoever guesses where no example tells, and knows the rest."""
        return CHANCE_LOSS * (earlier_examples(self.held_out(rows)) == 0).float().mean().item()


def model_for(pairs: Pairs, seed: int = 1, **changes: Any) -> GPT:
    """Return a fresh GPT of two layers of two heads, 0.1M parameters, for these sequences.

    Args:
        pairs: decides vocabulary and context.
        seed: of the initial weights.
        changes: fields of `GPTConfig` to change.
    """
    vocabulary, n_ctx = len(QUESTIONS + ANSWERS), 2 * pairs.n_pairs
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 64, "n_ctx": n_ctx, "dropout": 0.0}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GPT(preset("gpt2-tiny", **({"vocab_size": vocabulary} | shape | changes)))
        with torch.no_grad():
            model.wte.weight.normal_(0.0, EMBEDDING_STD)
            model.wpe.weight.normal_(0.0, EMBEDDING_STD)
    return model


def how(steps: int = 700, seed: int = 1) -> TrainSettings:
    """Return how it is trained: about a quarter of a minute on one core."""
    return TrainSettings(
        steps,
        batch_size=32,
        optimizer="muon",
        learning_rate=3e-3,  # at Muon's usual 1e-2 three seeds of three stopped half-way
        warmup=min(100, steps // 3),
        weight_decay=0.0,
        eval_every=max(1, steps // 50),
        seed=seed,
    )


def earlier_examples(tokens: Tensor) -> Tensor:
    """Count, for each question, the earlier pairs with the same one: (rows, n_pairs)."""
    x = tokens[:, 0::2]  # (rows, n_pairs)
    return (x[:, :, None] == x[:, None, :]).tril(-1).sum(2)


def answers(model: GPT, tokens: Tensor, ablate: Collection[Head] = ()) -> Tensor:
    """Say which answers the model gets right: boolean (rows, n_pairs).

    Args:
        model: read in evaluation mode and left as it was.
        tokens: sequences of pairs (rows, 2 · n_pairs).
        ablate: heads to switch off, as (layer, head).
    """
    logits = torch.stack([model.trace(row, ablate).logits for row in tokens])
    return _right(logits, tokens)


def by_examples(tokens: Tensor, right: Tensor, most: int = MOST_EXAMPLES) -> list[float]:
    """Return the share of right answers after 0, 1, … ``most`` earlier examples of the question.

    Args:
        tokens: sequences of pairs (rows, 2 · n_pairs).
        right: which were answered right (rows, n_pairs).
        most: the largest number of examples to ask for; nan where none has so many.
    """
    earlier = earlier_examples(tokens)
    return [right[earlier == n].float().mean().item() for n in range(most + 1)]


def commonest_so_far(tokens: Tensor) -> Tensor:
    """Say where repeating the commonest answer so far is right, whatever is asked.

    Of several equally common ones the latest is taken; before the first pair there is none.

    Args:
        tokens: sequences of pairs (rows, 2 · n_pairs).

    Returns:
        boolean (rows, n_pairs).
    """
    y = tokens[:, 1::2]  # (rows, n_pairs)
    seen = (y[:, :, None] == y[:, None, :]).tril().sum(2)  # how often so far, this place included
    place = torch.arange(y.size(1))
    rank = seen * y.size(1) + place  # (rows, n_pairs): commoner first, then later
    before = rank[:, None, :].masked_fill(place[None, :] >= place[:, None], -1)  # (rows, n, n)
    guess = y.gather(1, before.argmax(-1))
    return (guess == y) & (place > 0)


def lookup_scores(model: GPT, tokens: Tensor) -> dict[str, Tensor]:
    """Measure which heads look an answer up: {name: (layer, head)}, mean weights from 0 to 1.

    "previous": from an answer to the question just before it. "induction": from a question to the
    answers that followed it earlier, where it stood before (Olsson et al. 2022).

    Args:
        model: read in evaluation mode and left as it was.
        tokens: sequences of pairs (rows, 2 · n_pairs).
    """
    previous, induction = [], []
    for row in tokens:
        attention = model.trace(row).attention  # (layer, head, query, key)
        previous.append(attention.diagonal(-1, -2, -1)[..., 0::2].mean(-1))
        x = row[0::2]
        same = (x[:, None] == x[None, :]).tril(-1)  # (n_pairs, n_pairs)
        found = (attention[:, :, 0::2, 1::2] * same).sum(-1)  # (layer, head, n_pairs)
        induction.append(found[..., same.any(-1)].mean(-1))
    # A sequence in which no question comes twice has no score.
    means = {"previous": torch.stack(previous), "induction": torch.stack(induction)}
    return {name: scores.nanmean(0) for name, scores in means.items()}


def record(path: Path, seeds: Sequence[int] = (1, 2, 3), steps: int = 700) -> Results:
    """Train with each seed and keep the whole curves."""
    pairs = Pairs()
    levels = {"guessing": CHANCE_LOSS, "the context used": pairs.best_loss()}
    config, settings = model_for(pairs).config, how(steps)
    results = Results(
        title="in-context",
        corpus=f"sequences of {pairs.n_pairs} pairs, {pairs.asked} different questions in each",
        machine=describe_machine(),
        variants={"pairs": {"config": config.to_dict(), "settings": asdict(settings)}},
        runs=[],
        # An answer is one letter, one byte.
        baselines={
            name: {"val_loss": loss, "val_bits_per_byte": loss / math.log(2)}
            for name, loss in levels.items()
        },
    )
    for seed in seeds:
        model = model_for(pairs, seed)
        history = train(model, pairs, how(steps, seed))
        if history.interrupted:
            break
        run = as_run("pairs", seed, model, history, extra={"measured": history.measured})
        # An answer is one letter, one byte.
        results.runs.append(replace(run, val_bits_per_byte=run.val_loss / math.log(2)))
        results.save(path)
    return results


def train_in_context(folder: Path, steps: int = 700) -> None:
    """Train the model that comes with the package, and keep what is needed to use it."""
    pairs = Pairs()
    model = model_for(pairs)
    history = train(model, pairs, how(steps))
    if history.interrupted:
        return
    state = {"measured": history.measured, "seconds": history.seconds, "curve": history.records}
    replace_checkpoint(folder, model, pairs.tokenizer, steps, state)


def _targets(tokens: Tensor) -> Tensor:
    """What should come next where it is an answer, -100 elsewhere: (rows, 2 · n_pairs)."""
    targets = torch.full_like(tokens, -100)
    targets[:, 0::2] = tokens[:, 1::2]
    return targets


def _right(logits: Tensor, tokens: Tensor) -> Tensor:
    """Whether the likeliest token after each question is its answer: boolean (rows, n_pairs)."""
    return logits[:, 0::2].argmax(-1) == tokens[:, 1::2]
