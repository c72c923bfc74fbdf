"""What heads do, measured: the previous token, the first one, what came after this one before.

Scores are mean attention weights on random tokens that repeat themselves, where no word helps and
only the pattern counts (Olsson et al. 2022, "In-context learning and induction heads").
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from gptlab.corpora import Corpus
from gptlab.model import GPT
from gptlab.runtime.modes import evaluating
from gptlab.runtime.reading import Reading
from gptlab.tracing import Ablation, Head


def repeated_tokens(vocab_size: int, length: int, rows: int = 1, seed: int = 0) -> Tensor:
    """Draw ``length`` random tokens and say them twice: (rows, 2 · length)."""
    generator = torch.Generator().manual_seed(seed)
    once = torch.randint(vocab_size, (rows, length), generator=generator)  # (rows, length)
    return torch.cat([once, once], dim=1)


def head_scores(model: GPT, rows: int = 8, seed: int = 0) -> dict[str, Tensor]:
    """Measure what each head looks at on random tokens said twice.

    Args:
        model: read in evaluation mode and left as it was.
        rows: sequences to take the mean over; each is half the context, said twice.
        seed: of the random tokens.

    Returns:
        {name: (layer, head)}, mean attention weights from 0 to 1: "previous" on the token before,
        "first" on the first token of all, "induction" on the token after the same token's earlier
        place, over the second half.
    """
    length = model.config.n_ctx // 2
    if length < 2:
        raise ValueError(f"n_ctx is {model.config.n_ctx}; saying two tokens twice needs 4.")
    sums: dict[str, Tensor] = {}
    for tokens in repeated_tokens(model.config.vocab_size, length, rows, seed):
        attention = model.trace(tokens).attention  # (layer, head, query, key)
        found = {
            "previous": attention.diagonal(-1, -2, -1),
            "first": attention[:, :, 1:, 0],
            "induction": attention.diagonal(1 - length, -2, -1)[..., 1:],
        }
        for name, weights in found.items():
            sums[name] = sums.get(name, 0) + weights.mean(-1)
    return {name: total / rows for name, total in sums.items()}


def strongest(scores: Tensor) -> Head:
    """Return (layer, head) of the largest score (layer, head)."""
    layer, head = divmod(int(scores.argmax()), scores.size(1))
    return layer, head


def loss_without(
    model: GPT, corpus: Corpus, heads: Collection[Head] = (), max_tokens: int = 4096
) -> float:
    """Return the mean validation loss, in nats per token, with some heads' output set to zero.

    Raises:
        ValueError: for a head that does not exist.
    """
    reading = Reading(tap=Ablation(model.config, heads))
    x, y = corpus.val_windows(model.config.n_ctx, max_tokens)  # (N, n_ctx) each
    with evaluating(model), torch.no_grad():
        losses = [
            model(tokens[None].to(model.device), target[None].to(model.device), reading)[1].item()
            for tokens, target in zip(x, y, strict=True)
        ]
    return sum(losses) / len(losses)
