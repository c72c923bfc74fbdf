"""Writing text: one token after another, each drawn from the model's distribution.

`sample` and `sample_batch` are the engine and know ids only; `stream` and `generate` know text.
Beyond the context the window slides: once it is full, the oldest quarter is forgotten and the rest
is read again, so that the position of every token stays one the model knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import torch
from torch import Tensor

from gptlab.model import GPT
from gptlab.runtime.checks import real_number, whole_number
from gptlab.runtime.modes import evaluating
from gptlab.runtime.reading import Reading
from gptlab.tokenizer import Tokenizer


@dataclass(frozen=True)
class Sampling:
    """How to draw the next tokens, how many, and where to stop.

    Attributes:
        max_new_tokens: how many to draw at most.
        temperature: divides the logits; below 1 sharper, above 1 flatter, 0 puts everything on the
            likeliest token (greedy).
        top_k: keep only the k likeliest tokens; None or a k above V keeps all.
        top_p: keep the fewest likeliest tokens whose probabilities reach p (nucleus sampling,
            Holtzman et al. 2020, section 3.1); None or 1 keeps all. Applied after ``top_k``.
        seed: the same seed draws the same tokens; None draws anew each time.
        stop: texts before which writing ends; the name of a special token, such as
            ``<|endoftext|>``, means that token.

    Raises:
        ValueError: if a value cannot work.
    """

    max_new_tokens: int = 200
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        whole_number("max_new_tokens", self.max_new_tokens)
        real_number("temperature", self.temperature)
        if self.top_k is not None:
            whole_number("top_k", self.top_k, least=1)
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it must lie in 0 < top_p ≤ 1, or be None.")
        if self.seed is not None:
            whole_number("seed", self.seed, most=2**62)
        if isinstance(self.stop, str) or not all(self.stop):
            raise ValueError(f"stop is {self.stop!r}; give texts, none of them empty: ('\\n\\n',).")

    def probabilities(self, logits: Tensor) -> Tensor:
        """Turn logits (..., V) into the distribution drawn from (..., V); each row sums to 1."""
        if self.temperature == 0:
            likeliest = logits.argmax(dim=-1, keepdim=True)
            return torch.zeros_like(logits).scatter(-1, likeliest, 1.0)
        # First, for a huge temperature makes all logits equal.
        if self.top_k is not None and self.top_k < logits.size(-1):
            best = logits.topk(self.top_k, dim=-1)
            logits = torch.full_like(logits, float("-inf")).scatter(-1, best.indices, best.values)
        # The largest becomes 0, or a tiny temperature would divide beyond all numbers.
        logits = logits - logits.amax(dim=-1, keepdim=True)
        limits = torch.finfo(logits.dtype)
        logits = logits / min(max(self.temperature, limits.tiny), limits.max)
        probabilities = logits.softmax(dim=-1)
        if self.top_p is None or self.top_p == 1:
            return probabilities
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        # A token stays while those before it have not yet reached p.
        beyond = ordered.cumsum(dim=-1) - ordered >= self.top_p
        beyond[..., 0] = False  # the first stays, however small p
        ordered = ordered.masked_fill(beyond, 0.0)
        kept = torch.zeros_like(probabilities).scatter(-1, order, ordered)
        return kept / kept.sum(dim=-1, keepdim=True)


def sample(
    model: GPT,
    tokens: Tensor,
    sampling: Sampling | None = None,
    *,
    stop_ids: Collection[int] = (),
    vocab_size: int | None = None,
    cache: bool = True,
) -> Iterator[int]:
    """Yield new token ids one by one, until one of ``stop_ids`` would come.

    Takes one prompt (T,); the other arguments and the errors are those of `sample_batch`.
    """
    rows = sample_batch(model, [tokens], sampling, vocab_size=vocab_size, cache=cache)
    return takewhile(lambda token: token not in stop_ids, (row[0] for row in rows))


def sample_batch(
    model: GPT,
    prompts: Sequence[Tensor],
    sampling: Sampling | None = None,
    *,
    vocab_size: int | None = None,
    cache: bool = True,
) -> Iterator[list[int]]:
    """Yield the next token of several prompts at once, one list of B ids a step.

    The prompts may differ in length. Each row gets what it would get alone: row i draws as
    `sample` does with seed + i.

    Args:
        model: read without dropout, and left in the mode it is in.
        prompts: ids of each prompt (T,), at least one.
        sampling: how to draw, and how many; ``stop`` is for those who know text.
        vocab_size: draw only ids below this, where the model has more than its tokenizer.
        cache: keep keys and values instead of computing them again; the logits are the same.

    Raises:
        ValueError: for no prompt or an empty one, before the first token.
    """
    sampling = sampling or Sampling()
    if not prompts:
        raise ValueError("prompts is empty; give at least one.")
    for tokens in prompts:
        if tokens.dim() != 1 or len(tokens) == 0:
            raise ValueError(f"tokens has shape {tuple(tokens.shape)}; it must be (T,) with T ≥ 1.")
    generators = [torch.Generator() for _ in prompts]
    for i, generator in enumerate(generators):
        if sampling.seed is None:
            generator.seed()
        else:
            generator.manual_seed(sampling.seed + i)

    def pick(logits: Tensor) -> list[int]:  # (B, V)
        logits = logits if vocab_size is None else logits[:, :vocab_size]
        if sampling.temperature == 0:
            return logits.argmax(dim=-1).tolist()
        drawn = zip(sampling.probabilities(logits), generators, strict=True)
        return [int(torch.multinomial(row, 1, generator=one)) for row, one in drawn]

    windows = [tokens.tolist() for tokens in prompts]
    return _draw(model, windows, sampling.max_new_tokens, pick, cache)


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
    windows = [window[-n_ctx:] for window in windows]
    reading = None
    for _ in range(max_new_tokens):
        if any(len(window) > n_ctx for window in windows):
            windows = [w[-keep:] if len(w) > n_ctx else w for w in windows]
            reading = None
        if reading is None or not cache:
            width = max(map(len, windows))
            gaps = [width - len(window) for window in windows]
            padding = torch.tensor(gaps, device=model.device) if any(gaps) else None  # (B,)
            reading = Reading(model.new_cache(), padding)
            unread = [[0] * gap + window for gap, window in zip(gaps, windows, strict=True)]
        else:
            unread = [[window[-1]] for window in windows]
        tokens = torch.tensor(unread, device=model.device)  # (B, T), or (B, 1) after the first
        # Between two tokens the model belongs to the caller, who may be training it.
        with evaluating(model):
            logits = model(tokens, reading=reading)[:, -1].float().cpu()  # (B, V)
        drawn = pick(logits)
        for window, token in zip(windows, drawn, strict=True):
            window.append(token)
        yield drawn


def stream(
    model: GPT, tokenizer: Tokenizer, prompt: str, sampling: Sampling | None = None
) -> Iterator[str]:
    """Yield the continuation piece by piece, never half a character.

    An empty prompt means the beginning of a document: the model starts from the tokenizer's
    ``start_id``. A prompt longer than the context counts with its last ``n_ctx`` tokens.

    Raises:
        ValueError: for a tokenizer that is not the model's, or a character it does not know; raised
            here, before the first piece.
    """
    sampling = sampling or Sampling()
    tokenizer.check_fits(model.config.vocab_size)
    tokens = torch.tensor(tokenizer.encode(prompt) or [tokenizer.start_id])
    ids = sample(
        model,
        tokens,
        sampling,
        stop_ids=[tokenizer.special[text] for text in sampling.stop if text in tokenizer.special],
        vocab_size=tokenizer.vocab_size,
    )
    texts = [text for text in sampling.stop if text not in tokenizer.special]
    return _until(tokenizer.decode_stream(ids), texts) if texts else tokenizer.decode_stream(ids)


def generate(
    model: GPT, tokenizer: Tokenizer, prompt: str, sampling: Sampling | None = None
) -> str:
    """Return the prompt with its continuation: `stream`, all at once."""
    return prompt + "".join(stream(model, tokenizer, prompt, sampling))


def _until(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """Yield pieces up to the first of some texts, which may begin in one piece and end in another.

    What might be the beginning of one is held back until it is clear that it is not.
    """
    held = ""
    for piece in pieces:
        held += piece
        if found := [place for stop in stops if (place := held.find(stop)) >= 0]:
            yield held[: min(found)]
            return
        clear = next(
            place
            for place in range(len(held) + 1)
            if not any(stop.startswith(held[place:]) for stop in stops if held[place:])
        )
        if clear:
            yield held[:clear]
            held = held[clear:]
    yield held
