"""Writing text: one token after another, each drawn from the model's distribution.

Beyond the context the window slides: once it is full, the oldest quarter is forgotten and the rest
is read again, so that the position of every token stays one the model knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from gptlab.model import GPT
from gptlab.tokenizer import Tokenizer


def next_token_probabilities(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """Turn logits into the distribution that is sampled from.

    Args:
        logits: (..., V).
        temperature: divides the logits; below 1 sharper, above 1 flatter, 0 puts everything on the
            likeliest token (greedy).
        top_k: keep only the k likeliest tokens; None or a k above V keeps all.
        top_p: keep the fewest likeliest tokens whose probabilities reach p (nucleus sampling,
            Holtzman et al. 2020, section 3.1); None or 1 keeps all. Applied after ``top_k``.

    Returns:
        Probabilities (..., V); each row sums to 1.

    Raises:
        ValueError: for a negative temperature, top_k below 1, or top_p outside (0, 1].
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature is {temperature}; it must be 0 (greedy) or above.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}; keep at least 1 token, or use None for no limit.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}; it must lie in 0 < top_p ≤ 1, or be None.")
    if temperature == 0:
        likeliest = logits.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(logits).scatter(-1, likeliest, 1.0)
    logits = logits / temperature
    if top_k is not None and top_k < logits.size(-1):
        best = logits.topk(top_k, dim=-1)
        logits = torch.full_like(logits, float("-inf")).scatter(-1, best.indices, best.values)
    probabilities = logits.softmax(dim=-1)
    if top_p is None or top_p == 1:
        return probabilities
    ordered, order = probabilities.sort(dim=-1, descending=True)
    # A token stays while those before it have not yet reached p, so the first always stays.
    before = ordered.cumsum(dim=-1) - ordered
    ordered = ordered.masked_fill(before >= top_p, 0.0)
    kept = torch.zeros_like(probabilities).scatter(-1, order, ordered)
    return kept / kept.sum(dim=-1, keepdim=True)


def sample(
    model: GPT,
    tokens: Tensor,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    cache: bool = True,
) -> Iterator[int]:
    """Yield new token ids one by one: the engine, which knows nothing about text.

    Takes one prompt (T,); the other arguments and the errors are those of `sample_batch`.
    """
    rows = sample_batch(model, [tokens], max_new_tokens, temperature, top_k, top_p, seed, cache)
    return (row[0] for row in rows)


def sample_batch(
    model: GPT,
    prompts: Sequence[Tensor],
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    cache: bool = True,
) -> Iterator[list[int]]:
    """Yield the next token of several prompts at once, one list of B ids a step.

    The prompts may differ in length. Each row gets what it would get alone: row i draws as
    `sample` does with seed + i.

    Args:
        model: read in evaluation mode.
        prompts: ids of each prompt (T,), at least one.
        max_new_tokens: how many to draw for each.
        temperature: see `next_token_probabilities`.
        top_k: see there.
        top_p: see there.
        seed: the same seed draws the same tokens; None draws anew each time.
        cache: keep keys and values instead of computing them again; the logits are the same.

    Raises:
        ValueError: for no prompt, an empty one or a setting out of range, before the first token.
    """
    if not prompts:
        raise ValueError("prompts is empty; give at least one.")
    for tokens in prompts:
        if tokens.dim() != 1 or len(tokens) == 0:
            raise ValueError(f"tokens has shape {tuple(tokens.shape)}; it must be (T,) with T ≥ 1.")
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens is {max_new_tokens}; it must be 0 or above.")
    next_token_probabilities(torch.zeros(1), temperature, top_k, top_p)  # refuses bad settings now
    dice = [torch.Generator() for _ in prompts]
    for i, one in enumerate(dice):
        if seed is None:
            one.seed()
        else:
            one.manual_seed(seed + i)

    def pick(logits: Tensor) -> list[int]:  # (B, V)
        if temperature == 0:
            return logits.argmax(dim=-1).tolist()
        probabilities = next_token_probabilities(logits, temperature, top_k, top_p)
        drawn = zip(probabilities, dice, strict=True)
        return [int(torch.multinomial(row, 1, generator=one)) for row, one in drawn]

    return _draw(model, [tokens.tolist() for tokens in prompts], max_new_tokens, pick, cache)


@torch.inference_mode()
def _draw(
    model: GPT,
    windows: list[list[int]],
    max_new_tokens: int,
    pick: Callable[[Tensor], list[int]],
    cache: bool,
) -> Iterator[list[int]]:
    n_ctx = model.config.n_ctx
    keep = max(1, n_ctx - max(1, n_ctx // 4))
    model.eval()
    windows = [window[-n_ctx:] for window in windows]
    past = None
    for _ in range(max_new_tokens):
        if any(len(window) > n_ctx for window in windows):
            windows = [w[-keep:] if len(w) > n_ctx else w for w in windows]
            past = None
        if past is None or not cache:
            past = model.new_cache()
            width = max(map(len, windows))
            gaps = [width - len(window) for window in windows]
            padding = torch.tensor(gaps, device=model.device) if any(gaps) else None  # (B,)
            unread = [[0] * gap + window for gap, window in zip(gaps, windows, strict=True)]
        else:
            unread = [[window[-1]] for window in windows]
        tokens = torch.tensor(unread, device=model.device)  # (B, T), or (B, 1) after the first
        logits = model(tokens, past_key_values=past, padding=padding)[:, -1].float().cpu()  # (B, V)
        drawn = pick(logits)
        for window, token in zip(windows, drawn, strict=True):
            window.append(token)
        yield drawn


def stream(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
) -> Iterator[str]:
    """Yield the continuation piece by piece, never half a character.

    An empty prompt means the beginning of a document: the model starts from the tokenizer's
    ``start_id``. A prompt longer than the context counts with its last ``n_ctx`` tokens.

    Raises:
        ValueError: for a character the tokenizer does not know, or a setting out of range; raised
            here, before the first piece.
    """
    ids = tokenizer.encode(prompt) or [tokenizer.start_id]
    tokens = torch.tensor(ids)
    return tokenizer.decode_stream(
        sample(model, tokens, max_new_tokens, temperature, top_k, top_p, seed)
    )


def generate(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
) -> str:
    """Return the prompt with its continuation: `stream`, all at once."""
    pieces = stream(model, tokenizer, prompt, max_new_tokens, temperature, top_k, top_p, seed)
    return prompt + "".join(pieces)
