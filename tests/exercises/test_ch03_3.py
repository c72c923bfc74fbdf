"""Right answers pass; an empty one and each common mistake get a message of their own."""

import math
from collections import Counter
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from gptlab.config import preset
from gptlab.exercises import ch03_3
from gptlab.model import Block


def block_right(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    x = x + attn(ln_1(x))
    return x + mlp(ln_2(x))


def block_post(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    x = ln_1(x + attn(x))
    return ln_2(x + mlp(x))


def block_bare(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    return mlp(ln_2(attn(ln_1(x))))


def block_no_norm(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    x = x + attn(x)
    return x + mlp(x)


def block_norm_in_stream(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    x = ln_1(x)
    x = x + attn(x)
    x = ln_2(x)
    return x + mlp(x)


def block_parallel(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    return x + attn(ln_1(x)) + mlp(ln_2(x))


def block_norms_swapped(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    return block_right(x, ln_2, attn, ln_1, mlp)


def block_one_norm(x, ln_1, attn, ln_2, mlp):  # type: ignore[no-untyped-def]
    return block_right(x, ln_1, attn, ln_1, mlp)


def rate_that_decays(step: int, peak: float, warmup: int) -> float:
    return rate(step, peak, warmup) if step < warmup else peak * 0.9 ** (step - warmup + 1)


def rate(step: int, peak: float, warmup: int) -> float:
    return peak * min(1.0, (step + 1) / warmup)


def join(word, pair):  # type: ignore[no-untyped-def]
    made = []
    for token in word:
        if made and (made[-1], token) == pair:
            made[-1] = "".join(pair)
        else:
            made.append(token)
    return made


def most(words, choose=max):  # type: ignore[no-untyped-def]
    counts = Counter(pair for word in words for pair in pairwise(word))
    return choose(counts, key=lambda pair: counts[pair])


def merge(words):  # type: ignore[no-untyped-def]
    return most(words), [join(word, most(words)) for word in words]


def overlapping(words):  # type: ignore[no-untyped-def]
    """Join each neighbour of a pair, one that was joined already too."""
    pair = most(words)
    return pair, [
        ["".join(two) if two == pair else two[0] for two in pairwise([*word, ""])] for word in words
    ]


def only_first(words):  # type: ignore[no-untyped-def]
    pair = most(words)
    joined = []
    for word in words:
        place = next((i for i, two in enumerate(pairwise(word)) if two == pair), None)
        end = [] if place is None else ["".join(pair), *word[place + 2 :]]
        joined.append(word if place is None else word[:place] + end)
    return pair, joined


def by_hand(x, block, n_head, causal=True, gelu=None):  # type: ignore[no-untyped-def]
    """A block with no help of the package's attention."""
    b, t, c = x.shape
    q, k, v = block.attn.c_attn(block.ln_1(x)).split(c, dim=2)
    q, k, v = (a.view(b, t, n_head, c // n_head).permute(0, 2, 1, 3) for a in (q, k, v))
    heads = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    x = x + block.attn.c_proj(heads.permute(0, 2, 1, 3).reshape(b, t, c))
    gelu = gelu or partial(F.gelu, approximate="tanh")
    return x + block.mlp.c_proj(gelu(block.mlp.c_fc(block.ln_2(x))))


def for_five_tokens(x, block, n_head):  # type: ignore[no-untyped-def]
    return by_hand(x, block, n_head).view(-1, 5, x.shape[2])


def for_two_texts(x, block, n_head):  # type: ignore[no-untyped-def]
    return by_hand(x, block, n_head) * (1 if len(x) == 2 else 2)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch03_3.pre_norm_block, block_right),
        (ch03_3.residual_scale, lambda n: (2 * n) ** -0.5),
        (ch03_3.warmup, rate),
        (ch03_3.merge_once, merge),
        (ch03_3.merge_once, lambda words: list(merge(words))),
        (ch03_3.gpt2_block, by_hand),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch03_3.pre_norm_block, block_post, "GPT-1's block"),
        (ch03_3.pre_norm_block, block_bare, "Nothing is added"),
        (ch03_3.pre_norm_block, block_no_norm, "norms are missing"),
        (ch03_3.pre_norm_block, block_norm_in_stream, "carried on as well"),
        (ch03_3.pre_norm_block, block_parallel, "before attention"),
        (ch03_3.pre_norm_block, lambda x, n, a, m, f: x + a(n(x)), "MLP half is missing"),
        (ch03_3.pre_norm_block, lambda x, n, a, m, f: x[0], "shape"),
        (ch03_3.pre_norm_block, block_norms_swapped, "changed places"),
        (ch03_3.pre_norm_block, block_one_norm, "same norm"),
        (ch03_3.warmup, rate_that_decays, "then falls"),
        (ch03_3.residual_scale, lambda n: n**-0.5, "not blocks"),
        (ch03_3.residual_scale, lambda n: 1 / (2 * n), "square"),
        (ch03_3.residual_scale, lambda n: math.sqrt(2 * n), "Which way round"),
        (ch03_3.residual_scale, lambda n: 0.02, "What is N"),
        (ch03_3.warmup, lambda s, p, w: p * min(1, s / w), "Step 0"),
        (ch03_3.warmup, lambda s, p, w: p, "no warm-up"),
        (ch03_3.warmup, lambda s, p, w: p * (s + 1) / w, "past its peak"),
        (ch03_3.warmup, lambda s, p, w: p * min(1, (s + 2) / w), "first rates"),
        (ch03_3.merge_once, lambda w: ("t", "h", "e"), "not tuple"),
        (ch03_3.merge_once, lambda w: w, "two things"),
        (ch03_3.merge_once, lambda w: (3, w), "pair of tokens"),
        (ch03_3.merge_once, lambda w: (most(w)[::-1], w), "wrong way round"),
        (ch03_3.merge_once, lambda w: (most(w, min), w), "the rarest"),
        (ch03_3.merge_once, lambda w: ((*most(w), "z"), w), "two tokens"),
        (ch03_3.merge_once, lambda w: (("q", "z"), w), "never stand"),
        (ch03_3.merge_once, lambda w: (most({tuple(x) for x in w}), w), "counts twice"),
        (
            ch03_3.merge_once,
            lambda w: (most([[t for x in w for t in x]]), merge(w)[1]),
            "two different",
        ),
        (ch03_3.merge_once, lambda w: (most(w), w), "as they were"),
        (ch03_3.merge_once, only_first, "only the first"),
        (ch03_3.merge_once, overlapping, "not its letters"),
        (ch03_3.merge_once, lambda w: (most(w), merge(w)[1][:2]), "came out"),
        (ch03_3.merge_once, lambda w: (most(w), [["".join(x)] for x in w]), "left to right"),
        (ch03_3.merge_once, lambda w: (most(w), "".join(map(str, w))), "list of words"),
        (ch03_3.gpt2_block, lambda x, b, n: b(x), "written out"),
        (ch03_3.gpt2_block, lambda x, b, n: x + b.attn(b.ln_1(x)), "written out"),
        (ch03_3.gpt2_block, lambda x, b, n: by_hand(x, b, n, causal=False), "mask is missing"),
        (ch03_3.gpt2_block, lambda x, b, n: by_hand(x, b, n, gelu=F.gelu), "tanh form"),
        (ch03_3.gpt2_block, lambda x, b, n: by_hand(x, b, n, gelu=F.relu), "ReLU"),
        (ch03_3.gpt2_block, lambda x, b, n: by_hand(x, b, n, gelu=lambda y: y), "GELU is missing"),
        (ch03_3.gpt2_block, lambda x, b, n: by_hand(x, b, 1), "single head"),
        (ch03_3.gpt2_block, lambda x, b, n: by_hand(x, b, 3), "wrong for 2"),
        (ch03_3.gpt2_block, for_five_tokens, "take the sizes from x.shape"),
        (ch03_3.gpt2_block, for_two_texts, "take the sizes from x.shape"),
        (ch03_3.gpt2_block, lambda x, b, n: 2 * by_hand(x, b, n), "numbers are not"),
        (ch03_3.gpt2_block, lambda x, b, n: by_hand(x, b, n)[0], "should be (2, 5, 12)"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict


@pytest.mark.parametrize(("changed", "message"), ch03_3._BLOCK_MISTAKES)
def test_each_mistake_in_a_block_is_told_from_the_others(changed: Any, message: str) -> None:
    answer = partial(ch03_3._block, **changed)
    assert ch03_3.gpt2_block(answer).message == message


def test_the_block_that_is_asked_for_is_the_model_s_own() -> None:
    torch.manual_seed(0)
    config = preset("gpt2-tiny", n_embd=12, n_head=3)
    block = Block(config, 0).eval()
    for weight in block.parameters():
        torch.nn.init.normal_(weight, 0.0, 0.5)
    x = torch.randn(2, 5, 12)
    assert torch.allclose(ch03_3._block(x, block, 3), block(x), atol=1e-5)
