"""The checks of chapter 3.3: the pre-norm block, its scale, the warm-up, a merge, a whole block."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptlab.attention import attend, causal_mask
from gptlab.exercises.checks import Wrong, call, close, exercise, name_mistake, number, same, tensor
from gptlab.text.bpe import join


@exercise("Fill in pre_norm_block(x, ln_1, attn, ln_2, mlp) so that it returns a tensor (B, T, C).")
def pre_norm_block(answer: Any) -> str:
    """Check a function of x (B, T, C) and four layers, each (B, T, C) → (B, T, C)."""
    with torch.random.fork_rng(devices=[]):  # a check leaves the reader's random numbers alone
        torch.manual_seed(0)
        x = torch.randn(1, 3, 8)
        ln_1, ln_2 = torch.nn.LayerNorm(8), torch.nn.LayerNorm(8)
        attn, mlp = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)
        for norm in (ln_1, ln_2):  # fresh ones are alike, and could change places unseen
            torch.nn.init.normal_(norm.weight, 1.0, 0.5)
            torch.nn.init.normal_(norm.bias, 0.0, 0.5)
    with torch.no_grad():
        result = tensor(call(answer, x, ln_1, attn, ln_2, mlp), (1, 3, 8))
        middle = x + attn(ln_1(x))
        right = middle + mlp(ln_2(middle))
        post_middle = ln_1(x + attn(x))
        plain_middle = x + attn(x)
        in_the_stream = ln_1(x) + attn(ln_1(x))
        wrongs = [
            (
                ln_2(post_middle + mlp(post_middle)),
                "This is GPT-1's block: the norms come after the additions. In GPT-2 they stand at "
                "the input of each sub-block.",
            ),
            (
                mlp(ln_2(attn(ln_1(x)))),
                "Nothing is added to x: without the residual stream a layer overwrites the last.",
            ),
            (plain_middle + mlp(plain_middle), "The norms are missing."),
            (
                ln_2(in_the_stream) + mlp(ln_2(in_the_stream)),
                "The norm is applied to what is carried on as well. Only the sub-block's input is "
                "normalised; x itself passes by.",
            ),
            (
                x + attn(ln_1(x)) + mlp(ln_2(x)),
                "The MLP reads x as it was before attention. It should read the stream after it.",
            ),
            (
                x + attn(ln_2(x)) + mlp(ln_1(x + attn(ln_2(x)))),
                "The two norms have changed places. Each belongs to one sub-block.",
            ),
            (
                middle + mlp(ln_1(middle)),
                "Both sub-blocks read through the same norm; the MLP has one of its own.",
            ),
            (middle, "That is the attention half; the MLP half is missing."),
        ]
    name_mistake(result, wrongs, same)
    if not same(result, right):
        raise Wrong("The numbers differ. Take it in two lines: first attention, then the MLP.")
    return "Each sub-block reads a normalised copy and adds to the stream, which passes untouched."


@exercise("Fill in residual_scale(n_layer) so that it returns a number.")
def residual_scale(answer: Any) -> str:
    """Check a function n_layer → factor on the initial weights that write into the stream."""
    for n_layer in (12, 48, 3):
        value, n = number(call(answer, n_layer)), 2 * n_layer
        if math.isclose(value, 1 / math.sqrt(n_layer)):
            raise Wrong("Here N counts additions to the stream, not blocks. How many has a block?")
        if math.isclose(value, 1 / n):
            raise Wrong("Variances add up, and a variance is a square: something is missing.")
        if math.isclose(value, math.sqrt(n)):
            raise Wrong("With this factor the stream grows even faster. Which way round?")
        if not close(value, 1 / math.sqrt(n)):
            raise Wrong(f"For n_layer = {n_layer} you return {value:.4f}. What is N there?")
    return "N additions of variance 1/N each make a stream of variance 1, however deep."


@exercise("Fill in learning_rate(step, peak, warmup) so that it returns a number.")
def warmup(answer: Any) -> str:
    """Check a function (step from 0, peak, warmup) → rate: linear up to the peak, then constant."""
    values = [number(call(answer, step, 0.5, 10)) for step in range(12)]
    if values[0] == 0:
        raise Wrong("Step 0 learns nothing: its rate is 0. Count so that the first step moves.")
    if all(value == 0.5 for value in values):
        raise Wrong("There is no warm-up: the rate is at its peak from the first step.")
    if max(values) > 0.5 + 1e-9:
        raise Wrong(f"The rate goes on rising past its peak, to {max(values):.2f}.")
    right = [0.5 * min(1.0, (step + 1) / 10) for step in range(12)]
    rising = all(close(v, r) for v, r in zip(values[:10], right, strict=False))
    if rising and max(values[10:]) < 0.5:
        raise Wrong(
            f"It rises as it should, and then falls, to {values[11]:.3f} at step 11. Here the rate "
            f"stays at its peak after the warm-up."
        )
    if not all(close(v, r) for v, r in zip(values, right, strict=True)):
        raise Wrong(f"With warmup = 10 and peak = 0.5 your first rates are {values[:3]}.")
    return "Ten small steps, each a little larger, and then the peak."


#: Words as lists of tokens. No pair is as frequent as the one that is most so.
_WORDS = (
    (["l", "o"], ["l", "o"], ["l", "o"], ["n", "e", "w"], ["e", "w"], ["o", "w"]),
    (["a", "a", "a", "a", "b"], ["b", "a", "a"], ["c", "b"]),
    # Over the borders of words too, x t would stand there oftest.
    (["t", "a", "x"], ["t", "b", "x"], ["t", "c", "x"], ["t", "b", "a"]),
)


@exercise("Fill in merge_once(words) so that it returns (pair, words).")
def merge_once(answer: Any) -> str:
    """Check a function words (lists of tokens) → the commonest pair, the words with it joined."""
    for words in _WORDS:
        result = call(answer, [list(word) for word in words])
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Wrong(f"Return two things, (pair, words), not {type(result).__name__}.")
        pair, joined = result
        if not isinstance(pair, tuple | list) or not all(isinstance(part, str) for part in pair):
            raise Wrong("The first thing should be a pair of tokens, such as ('t', 'h').")
        _judge_pair(tuple(pair), words)
        if not isinstance(joined, list) or not all(isinstance(word, list) for word in joined):
            raise Wrong("The second thing should be a list of words, each a list of tokens.")
        _judge_joined(joined, words, (pair[0], pair[1]))
    return "Repeat it 50,000 times on enough text, and you have GPT-2's vocabulary."


def _judge_pair(pair: tuple[str, ...], words: tuple[list[str], ...]) -> None:
    counts = Counter(two for word in words for two in pairwise(word))
    right = max(counts, key=lambda two: counts[two])
    if pair == right:
        return
    if len(pair) != 2:
        raise Wrong(f"A pair has two tokens; yours has {len(pair)}.")
    if pair == right[::-1]:
        raise Wrong(f"{pair} is the wrong way round: left neighbour first.")
    once = Counter(two for word in {tuple(word) for word in words} for two in pairwise(word))
    across = Counter(pairwise(token for word in words for token in word))
    listed = " ".join("".join(word) for word in words)
    if pair in once and once[pair] == max(once.values()):
        raise Wrong(f"{pair}: a word that stands in the text twice counts twice.")
    if across[pair] == max(across.values()):
        raise Wrong(f"{pair}: that counts neighbours in two different words as well.")
    if pair not in counts:
        raise Wrong(f"In {listed!r}, {pair} never stand side by side within one word.")
    if counts[pair] == min(counts.values()):
        raise Wrong(f"{pair} stands there {counts[pair]} times; you took the rarest pair.")
    raise Wrong(f"{pair} stands there {counts[pair]} times, and another pair {counts[right]}.")


def _judge_joined(
    joined: list[list[str]], words: tuple[list[str], ...], pair: tuple[str, str]
) -> None:
    new = "".join(pair)
    right = [join(word, pair, new) for word in words]
    if joined == right:
        return
    if joined == list(words):
        raise Wrong(
            f"The pair {pair} is right, but the words are as they were: join it to {new!r}."
        )
    if joined == [_joined_once(word, pair, new) for word in words]:
        raise Wrong(f"In each word only the first {pair} is joined; every one should be.")
    if len(joined) != len(words):
        raise Wrong(f"{len(words)} words went in, {len(joined)} came out.")
    for before, after in zip(words, joined, strict=True):
        if "".join(map(str, after)) != "".join(before):
            raise Wrong(
                f"{before} became {after}: a merge changes where a word is cut, not its letters."
            )
    before, after = next((b, a) for b, a, r in zip(words, joined, right, strict=True) if a != r)
    raise Wrong(f"{before} became {after}. Go from left to right, past each pair that you join.")


def _joined_once(word: list[str], pair: tuple[str, str], new: str) -> list[str]:
    """Join the first of the pairs alone, which is a mistake."""
    place = next((i for i, two in enumerate(pairwise(word)) if two == pair), None)
    return word if place is None else [*word[:place], new, *word[place + 2 :]]


class _Parts:
    """The layers of a block, to be used one by one."""

    def __init__(self, **parts: Any) -> None:
        vars(self).update(parts)

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise Wrong(
            "Here the block is to be written out: use its layers, block.ln_1, block.attn.c_attn, "
            "block.attn.c_proj, block.ln_2, block.mlp.c_fc and block.mlp.c_proj."
        )


def _parts(width: int) -> _Parts:
    """Make a block's layers with weights, biases and gains that are all different and large."""
    layers = {
        "ln_1": nn.LayerNorm(width),
        "c_attn": nn.Linear(width, 3 * width),
        "attn_proj": nn.Linear(width, width),
        "ln_2": nn.LayerNorm(width),
        "c_fc": nn.Linear(width, 4 * width),
        "mlp_proj": nn.Linear(4 * width, width),
    }
    for layer in layers.values():
        for weight in layer.parameters():
            weight.requires_grad_(False).normal_(0.0, 0.5)
    return _Parts(
        ln_1=layers["ln_1"],
        attn=_Parts(c_attn=layers["c_attn"], c_proj=layers["attn_proj"]),
        ln_2=layers["ln_2"],
        mlp=_Parts(c_fc=layers["c_fc"], c_proj=layers["mlp_proj"]),
    )


#: What each mistake changes in `_block`, and what is said of it.
_BLOCK_MISTAKES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"norm": "post"}, "This is GPT-1's block: the norms come after the additions."),
    ({"norm": "none"}, "The norms are missing."),
    ({"norm": "swapped"}, "The two norms have changed places."),
    ({"causal": False}, "The mask is missing: tokens look at those after them."),
    ({"scale": 1.0}, "The scale 1/√D of the scores is missing."),
    ({"scale": "width"}, "The scale goes by the width of a head, D, not by that of the stream, C."),
    ({"heads": "rows"}, "The heads are dealt out wrongly: split the last axis, then reorder."),
    ({"heads": 1}, "That is a single head: split queries, keys and values into n_head parts."),
    (
        {"join": "rows"},
        "The heads come back in the wrong order: (B, H, T, D) → (B, T, H, D) first.",
    ),
    ({"proj": False}, "attn.c_proj is not used: it mixes what the heads found."),
    ({"gelu": "none"}, "Between the MLP's two layers the GELU is missing."),
    ({"gelu": "relu"}, "Between the MLP's two layers stands a ReLU; GPT-2 has a GELU."),
    ({"gelu": "erf"}, 'Nearly: GPT-2 uses the tanh form of the GELU (approximate="tanh").'),
    ({"mlp_reads": "x"}, "The MLP should read the stream after attention has added to it."),
    ({"order": "kqv"}, "c_attn gives queries first, then keys, then values."),
)


@exercise("Fill in gpt2_block(x, block, n_head) so that it returns a tensor (B, T, C).")
def gpt2_block(answer: Any) -> str:
    """Check a function x (B, T, C), a block's layers, n_head → (B, T, C), all written out."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(33)
        x, block = torch.randn(2, 5, 12), _parts(12)
        other, wider = torch.randn(1, 7, 16), _parts(16)
    with torch.no_grad():
        result = tensor(call(answer, x, block, 3), (2, 5, 12))
        if not same(result, _block(x, block, 3)):
            name_mistake(
                result,
                ((_block(x, block, 3, **changed), message) for changed, message in _BLOCK_MISTAKES),
                same,
            )
            raise Wrong(
                "The shape is right, the numbers are not. Take it apart: print the attention half "
                "alone, x + c_proj(heads of ln_1(x)), and compare with gptlab's Block."
            )
        if not same(call(answer, x, block, 2), _block(x, block, 2)):
            raise Wrong("Right for 3 heads, wrong for 2: use n_head.")
        # The chapter goes on to hand the answer a stream of other sizes.
        sizes = "Right for x (2, 5, 12), wrong for x (1, 7, 16): take the sizes from x.shape."
        try:
            right = same(call(answer, other, wider, 2), _block(other, wider, 2))
        except (RuntimeError, ValueError, IndexError) as error:
            raise Wrong(sizes) from error
        if not right:
            raise Wrong(sizes)
    return "A whole GPT-2 block, from the stream to the stream. Twelve of them are GPT-2 small."


def _block(
    x: Tensor,
    block: Any,
    n_head: int,
    *,
    norm: str = "pre",
    causal: bool = True,
    scale: Any = None,
    heads: Any = "columns",
    join: str = "columns",
    proj: bool = True,
    gelu: str = "tanh",
    mlp_reads: str = "middle",
    order: str = "qkv",
) -> Tensor:
    """Do what the block does, or one of the mistakes instead."""
    b, t, c = x.shape
    n_head = heads if isinstance(heads, int) else n_head
    first, second = (block.ln_2, block.ln_1) if norm == "swapped" else (block.ln_1, block.ln_2)
    before = norm in ("pre", "swapped")

    parts = dict(zip(order, block.attn.c_attn(first(x) if before else x).chunk(3, -1), strict=True))
    q, k, v = (
        parts[name].reshape(b, n_head, t, -1)
        if heads == "rows"
        else parts[name].unflatten(-1, (n_head, -1)).transpose(1, 2)
        for name in "qkv"
    )  # (B, H, T, D)
    mask = causal_mask(t) if causal else None
    found, _ = attend(q, k, v, mask, scale=c**-0.5 if scale == "width" else scale)
    found = found.reshape(b, t, c) if join == "rows" else found.transpose(1, 2).flatten(-2)
    middle = x + (block.attn.c_proj(found) if proj else found)  # (B, T, C)
    middle = first(middle) if norm == "post" else middle

    read = x if mlp_reads == "x" else middle
    inner = block.mlp.c_fc(second(read) if before else read)  # (B, T, 4C)
    bent = {
        "tanh": lambda: F.gelu(inner, approximate="tanh"),
        "erf": lambda: F.gelu(inner),
        "relu": lambda: F.relu(inner),
        "none": lambda: inner,
    }[gelu]()
    out = middle + block.mlp.c_proj(bent)
    return second(out) if norm == "post" else out
