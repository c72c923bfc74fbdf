"""The checks of chapter 3.2: counting GPT-1's weights, inputs and targets, bits per byte."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from gptlab.config import preset
from gptlab.exercises.checks import Wrong, call, exercise, number

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
        if math.isclose(value, nats / ln2 * ratio, rel_tol=1e-4):
            continue
        for wrong, message in mistakes.items():
            if math.isclose(value, wrong, rel_tol=1e-4):
                raise Wrong(message)
        raise Wrong(
            f"For {nats} nats per token, {n_tokens} tokens and {n_bytes} bytes you return "
            f"{value:.4f}. First nats into bits, then tokens into bytes."
        )
    return "Now models with different tokenizers can be compared on the same text."
