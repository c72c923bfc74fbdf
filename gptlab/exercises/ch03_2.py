"""The checks of chapter 3.2: GPT-1's weights, targets, bits per byte, cross-entropy, sampling."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from gptlab.config import preset
from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number, same, tensor
from gptlab.generation import Sampling

_DEPTH = 24


@exercise("Work out the number of parameters and hand it to parameters(…).")
def parameters(answer: Any) -> str:
    """Check the number of weights of a GPT-1 with 24 blocks instead of 12."""
    value = number(answer)
    gpt1 = preset("gpt1")
    d, tokens, positions = gpt1.n_embd, gpt1.vocab_size * gpt1.n_embd, gpt1.n_ctx * gpt1.n_embd
    block = 12 * d * d + 13 * d
    right = tokens + positions + _DEPTH * block
    mistakes: dict[float, str] = {
        right - positions: "The positions are missing: GPT-1 learns one vector for each of them.",
        right
        + tokens: "The output layer is the token embedding used again (tied): it counts once.",
        right - positions + tokens: (
            "Two things: the positions are missing, and the tied output layer is counted twice."
        ),
        right - tokens: "The token embedding is missing.",
        _DEPTH * block: "Those are the blocks alone. What turns ids into vectors?",
        right + 2 * d: "One LayerNorm too many: GPT-1 has none after the last block (GPT-2 does).",
        right
        - _DEPTH * 13 * d: "The matrices are right; biases and LayerNorms are missing (13·d).",
        right - _DEPTH * 4 * d: "The LayerNorms are missing: two a block, a gain and a bias each.",
        right - _DEPTH * 9 * d: "The biases of the linear layers are missing: 9·d in each block.",
        tokens + positions + 12 * block: "That is GPT-1 as it was, with 12 blocks.",
        2 * (tokens + positions + 12 * block): (
            "You doubled everything. Does a deeper model need a second set of embeddings?"
        ),
        tokens + positions + block: "That counts a single block.",
    }
    if value in mistakes:
        raise Wrong(mistakes[value])
    if value != right:
        near = math.isfinite(value) and abs(value - right) < 1e6
        raise Wrong(
            "Close, but not exact: count every weight, down to the last bias."
            if near
            else "Take it in three parts: token embedding, position embedding, blocks."
        )
    return "Twice the depth adds 12 blocks, and leaves the embeddings as they were."


@exercise("Fill in make_targets(tokens) so that it returns the pair (x, y).")
def make_targets(answer: Any) -> str:
    """Check a function tokens (T + 1,) → x (T,), y (T,): y[t] is the token that follows x[t]."""
    for tokens in (torch.tensor([5, 3, 8, 2, 9, 4, 7]), torch.tensor([6, 1])):
        result = call(answer, tokens)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Wrong(f"Return two tensors, (x, y), not {type(result).__name__}.")
        x, y = result
        for name, part in (("x", x), ("y", y)):
            if not isinstance(part, Tensor):
                raise Wrong(f"{name} should be a tensor, not {type(part).__name__}.")
        _judge_targets(x, y, tokens)
    return "T + 1 tokens make T questions, each with the next token as its answer."


def _judge_targets(x: Tensor, y: Tensor, tokens: Tensor) -> None:
    def are(first: Tensor, second: Tensor) -> bool:
        return torch.equal(x, first) and torch.equal(y, second)

    if are(tokens[:-1], tokens[1:]):
        return
    if torch.equal(x, y):
        raise Wrong("x and y are the same: nothing is shifted, and the model would learn to copy.")
    if are(tokens[1:], tokens[:-1]):
        raise Wrong("The shift goes the wrong way: each target is the token before, not after.")
    if are(tokens, tokens.roll(-1)):
        raise Wrong(
            "The end wraps around: the last token's target is the first token. What follows the "
            "last token is not known, so it cannot be an input."
        )
    if are(tokens, tokens.roll(1)):
        raise Wrong("That rolls the wrong way, and it wraps around at the end.")
    if x.shape != y.shape:
        raise Wrong(
            f"x has shape {tuple(x.shape)} and y {tuple(y.shape)}: each input needs one target."
        )
    if are(tokens[:-2], tokens[2:]):
        raise Wrong("The targets are two tokens ahead; it should be one.")
    if x.shape != tokens[1:].shape:
        raise Wrong(
            f"{len(tokens)} tokens should make {len(tokens) - 1} pairs; x has shape "
            f"{tuple(x.shape)}."
        )
    raise Wrong(f"For {tokens.tolist()} you return x = {x.tolist()} and y = {y.tolist()}.")


@exercise("Fill in bits_per_byte(nats_per_token, n_tokens, n_bytes) so that it returns a number.")
def bits_per_byte(answer: Any) -> str:
    """Check a function (nats per token, tokens, bytes) → bits per byte."""
    for nats, n_tokens, n_bytes in ((3.0, 1000, 2600), (2.2, 700, 2100)):
        value = number(call(answer, nats, n_tokens, n_bytes))
        ln2, ratio = math.log(2), n_tokens / n_bytes
        mistakes = {
            nats * ratio: "These are nats per byte: a bit is ln 2 nats, and that is not used yet.",
            nats * ln2 * ratio: "ln 2 goes the other way: a nat is more than a bit, not less.",
            nats / ln2 / ratio: (
                "The ratio is upside down: a token is several bytes long, so a byte costs less "
                "than a token."
            ),
            nats / ln2: "These are bits per token: tokens and bytes are not used yet.",
            nats / ratio: "The ratio is upside down, and ln 2 is missing.",
            nats / ln2 * n_tokens: "These are the bits of the whole text. How many for one byte?",
        }
        if close(value, nats / ln2 * ratio):
            continue
        name_mistake(value, mistakes)
        raise Wrong(
            f"For {nats} nats per token, {n_tokens} tokens and {n_bytes} bytes you return "
            f"{value:.4f}. First nats into bits, then tokens into bytes."
        )
    return "Now models with different tokenizers can be compared on the same text."


@exercise("Fill in cross_entropy(logits, targets) so that it returns the mean loss in nats.")
def cross_entropy(answer: Any) -> str:
    """Check a function logits (T, V), targets (T,) → mean of -ln p(target), in nats."""
    generator = torch.Generator().manual_seed(32)
    logits = 2 * torch.randn(5, 7, generator=generator)  # (T, V)
    targets = torch.tensor([6, 2, 0, 2, 4])  # (T,)
    value = number(call(answer, logits, targets))
    told = logits.log_softmax(-1)  # (T, V)
    picked = told.gather(-1, targets[:, None])[:, 0]  # (T,)
    right = -picked.mean().item()
    mistakes = {
        -right: "The sign: a probability is below 1, so its logarithm is negative, and a loss is "
        "not.",
        -picked.sum().item(): "That is the sum over the tokens. The loss is their mean.",
        -picked.mean().item() / math.log(2): "These are bits. A nat has the natural logarithm.",
        -picked.exp().mean().log().item(): (
            "The mean comes too early: take the logarithm of each probability, then the mean."
        ),
        picked.exp().mean().item(): "That is the mean probability; its logarithm is still missing.",
        -told.mean().item(): "That is the mean over all tokens there are. Which one came, each "
        "time?",
        -told.max(-1).values.mean().item(): (
            "That looks at the token the model likes best. The loss asks for the one that came."
        ),
        -logits.gather(-1, targets[:, None]).mean().item(): (
            "Those are the logits of the right tokens. A softmax has to make probabilities first."
        ),
        -logits.log_softmax(0).gather(-1, targets[:, None]).mean().item(): (
            "The softmax runs down the columns. Each row, one position, has to sum to 1."
        ),
    }
    name_mistake(value, mistakes)
    if not close(value, right):
        raise Wrong(
            f"For 5 rows of 7 logits you return {value:.4f}. Row by row: softmax, the target's "
            f"probability, its logarithm; then the mean, with a minus."
        )
    large = number(call(answer, 100 * logits, targets))
    right = torch.nn.functional.cross_entropy(100 * logits, targets).item()
    if not close(large, right):
        raise Wrong(
            f"Right for small logits. For large ones, up to {100 * logits.max().item():.0f}, you "
            f"return {large}: e to that power is no number a computer has. A softmax stays the "
            f"same when the same number is taken from all logits of a row."
        )
    return "The loss of every GPT: minus the logarithm of what the right token was given."


@exercise("Fill in next_token(logits, temperature, top_k) so that it returns a tensor (V,).")
def next_token(answer: Any) -> str:
    """Check a function logits (V,), temperature, top_k → probabilities (V,) to draw from."""
    logits = torch.tensor([1.0, -0.5, 2.0, 0.3, -1.2, 1.7])  # (V,)
    for temperature, k in ((0.5, 3), (2.0, 4), (1.0, 6), (0.7, 1), (0.5, 9)):
        result = call(answer, logits, temperature, k)
        if isinstance(result, Tensor) and result.shape == (k,) and k < len(logits):
            raise Wrong(
                f"You return {k} numbers. The others keep their places too: with probability 0."
            )
        drawn = tensor(result, (len(logits),))
        right = Sampling(temperature=temperature, top_k=k).probabilities(logits)
        if not same(drawn, right):
            _judge_drawn(drawn, logits, temperature, k)
    return "First the k likeliest, divided by the temperature; then a softmax over what is left."


def _judge_drawn(drawn: Tensor, logits: Tensor, temperature: float, k: int) -> None:
    """Compare with what the common mistakes would give."""
    cold, plain = logits / temperature, logits.softmax(-1)
    best = torch.zeros(len(logits), dtype=torch.bool)
    k = min(k, len(logits))
    best[logits.topk(k).indices] = True
    worst = torch.zeros(len(logits), dtype=torch.bool)
    worst[(-logits).topk(k).indices] = True
    hidden = cold.masked_fill(~best, float("-inf"))
    mistakes = [
        (hidden, "Those are logits still. A softmax makes probabilities of them."),
        (
            (logits * temperature).masked_fill(~best, float("-inf")).softmax(-1),
            "The temperature goes the wrong way: below 1 the likely tokens should gain.",
        ),
        (plain, "Neither the temperature nor top-k changes anything yet."),
        (plain / temperature, "Dividing probabilities changes their sum, not their proportions."),
        (
            logits.masked_fill(~best, float("-inf")).softmax(-1),
            "The temperature is not used.",
        ),
        (
            cold.softmax(-1),
            "Top-k is not used: tokens beyond the k likeliest can still be drawn.",
        ),
        (
            cold.masked_fill(~best, 0.0).softmax(-1),
            "A logit of 0 still gets weight, for e⁰ = 1. What must it be so that nothing is left?",
        ),
        (
            cold.softmax(-1) * best,
            "What is left no longer sums to 1: the softmax was taken before the others were cut.",
        ),
        (
            cold.masked_fill(~worst, float("-inf")).softmax(-1),
            "Those are the k least likely tokens.",
        ),
    ]
    name_mistake(drawn, mistakes, same)
    total = drawn.sum().item()
    if not close(total, 1.0):
        raise Wrong(f"At temperature {temperature} and top_k {k} they sum to {total:.4f}, not 1.")
    kept = int((drawn > 0).sum())
    if kept != k:
        raise Wrong(f"With top_k {k}, {kept} tokens can be drawn.")
    raise Wrong(
        f"At temperature {temperature} and top_k {k} the proportions are not right: the likeliest "
        f"gets {drawn.max().item():.3f}."
    )
