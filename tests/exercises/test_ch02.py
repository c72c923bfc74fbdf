"""Right answers pass; an empty one and each common mistake get a message of their own."""

from itertools import pairwise
from typing import Any

import pytest
import torch

from gptlab.config import preset
from gptlab.exercises import ch02
from gptlab.generation import Sampling, sample
from gptlab.lens import logit_lens
from gptlab.model import GPT


def shapes(T, C, H, V):  # type: ignore[no-untyped-def]
    return {
        "ids": (T,),
        "embedded": (T, C),
        "queries": (H, T, C // H),
        "attention": (H, T, T),
        "inside the MLP": (T, 4 * C),
        "after a block": (T, C),
        "logits": (T, V),
        "next token": (V,),
    }


def but(step: str, shape: Any):  # type: ignore[no-untyped-def]
    """Answer all of it right but one step, whose shape is a function of the letters."""
    return lambda T, C, H, V: {**shapes(T, C, H, V), step: shape(T, C, H, V)}


def embed(ids, tokens, positions, start):  # type: ignore[no-untyped-def]
    return tokens[ids] + positions[start : start + len(ids)]


def write(logits_of, ids, n, n_ctx):  # type: ignore[no-untyped-def]
    for _ in range(n):
        ids = [*ids, logits_of(torch.tensor(ids[-n_ctx:]))[-1].argmax().item()]
    return ids


def writing(window, choose=lambda z: z[-1].argmax().item()):  # type: ignore[no-untyped-def]
    """Write as `write`, but read another window of (ids, n_ctx) or choose otherwise."""

    def answer(logits_of, ids, n, n_ctx):  # type: ignore[no-untyped-def]
        for _ in range(n):
            ids = [*ids, choose(logits_of(torch.tensor(window(ids, n_ctx))))]
        return ids

    return answer


def last(ids, n_ctx):  # type: ignore[no-untyped-def]
    return ids[-n_ctx:]


def same_each_time(logits_of, ids, n, n_ctx):  # type: ignore[no-untyped-def]
    return ids + [int(logits_of(torch.tensor(ids[-n_ctx:]))[-1].argmax())] * n


def contributions(writes, gain, row):  # type: ignore[no-untyped-def]
    return ((writes - writes.mean(1, keepdim=True)) / scale(writes) * gain * row).sum(1)


def scale(writes):  # type: ignore[no-untyped-def]
    return (writes.sum(0).var(unbiased=False) + 1e-5).sqrt()


def norm(x):  # type: ignore[no-untyped-def]
    return torch.nn.functional.layer_norm(x, x.shape[-1:])


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch02.shapes, shapes),
        (ch02.shapes, lambda *a: {k: list(v) for k, v in shapes(*a).items()}),
        (ch02.shapes, lambda *a: {k: torch.Size(v) for k, v in shapes(*a).items()}),
        (ch02.embed, embed),
        (ch02.embed, lambda i, t, p, s: t[i] + p[torch.arange(s, s + len(i))]),
        (ch02.write, write),
        (ch02.write, lambda *a: torch.tensor(write(*a))),
        (ch02.contributions, contributions),
    ],
)  # fmt: skip
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


def test_a_list_that_grows_in_place_is_right_too() -> None:
    def answer(logits_of, ids, n, n_ctx):  # type: ignore[no-untyped-def]
        for _ in range(n):
            ids.append(logits_of(torch.tensor(ids[-n_ctx:]))[-1].argmax())
        return ids

    assert ch02.write(answer).passed, ch02.write(answer)


def test_a_dict_of_dots_is_no_answer_yet() -> None:
    verdict = ch02.shapes(lambda *a: dict.fromkeys(shapes(*a), ...))
    assert verdict.state == "empty"


def tiny() -> GPT:
    torch.manual_seed(0)
    model = GPT(preset("gpt2-tiny", vocab_size=50, n_ctx=24, n_layer=2, n_embd=32))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, 0.0, 0.3)
    return model.eval()


def test_the_right_answers_are_the_package_s_own() -> None:
    """The oracle: what is asked for gives a real model's embedding, tokens and logit."""
    model = tiny()
    ids = [3, 1, 4, 1, 5]
    trace = model.trace(torch.tensor(ids))
    stream = embed(torch.tensor(ids), model.wte.weight, model.wpe.weight, 0)
    torch.testing.assert_close(stream.detach(), trace.residual["embed"])
    written = write(lambda x: model.trace(x).logits, ids, 9, 24)
    greedy = Sampling(max_new_tokens=9, temperature=0)
    assert written == ids + list(sample(model, torch.tensor(ids), greedy))
    points = [x[-1] for name, x in trace.residual.items() if name != "final"]
    writes = torch.stack([points[0], *(b - a for a, b in pairwise(points))])
    row = model.wte.weight[7].detach()
    shift = (model.ln_f.bias @ row).item()
    told = contributions(writes, model.ln_f.weight.detach(), row).sum().item() + shift
    assert told == pytest.approx(trace.logits[-1, 7].item(), rel=1e-4)
    assert told == pytest.approx(logit_lens(model, trace)["1.out"][-1, 7].item(), rel=1e-4)


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch02.shapes, lambda *a: list(shapes(*a)), "a dict"),
        (ch02.shapes, lambda *a: {"ids": (a[0],)}, "nothing for “embedded”"),
        (ch02.shapes, but("logits", lambda *a: ...), "“logits” is still open"),
        (ch02.shapes, but("ids", lambda T, C, H, V: T), "with a comma"),
        (ch02.shapes, but("ids", lambda T, C, H, V: "T"), "a tuple of sizes"),
        (ch02.shapes, but("ids", lambda T, C, H, V: (T, V)), "An id is one number"),
        (ch02.shapes, but("embedded", lambda T, C, H, V: (1, T, C)), "no batch"),
        (ch02.shapes, but("embedded", lambda T, C, H, V: (T, V)), "How long is a row"),
        (ch02.shapes, but("queries", lambda T, C, H, V: (T, C)), "dealt out"),
        (ch02.shapes, but("queries", lambda T, C, H, V: (H, T, C)), "share the width"),
        (ch02.shapes, but("queries", lambda T, C, H, V: (T, C // H)), "one head's. All"),
        (ch02.shapes, but("queries", lambda T, C, H, V: (T, H, C // H)), "their order"),
        (ch02.shapes, but("attention", lambda T, C, H, V: (T, T)), "weights of its own"),
        (ch02.shapes, but("attention", lambda T, C, H, V: (H, T, C // H)), "not vectors"),
        (ch02.shapes, but("inside the MLP", lambda T, C, H, V: (T, C)), "wider than outside"),
        (ch02.shapes, but("after a block", lambda T, C, H, V: (T, 4 * C)), "comes back"),
        (ch02.shapes, but("logits", lambda T, C, H, V: (V,)), "after every token"),
        (ch02.shapes, but("logits", lambda T, C, H, V: (T, C)), "output layer reads"),
        (ch02.shapes, but("next token", lambda T, C, H, V: (T, V)), "Only one position"),
        (ch02.shapes, but("next token", lambda T, C, H, V: (1,)), "each of them"),
        (ch02.shapes, but("next token", lambda T, C, H, V: (V, V)), "Which letters"),
        (ch02.embed, lambda i, t, p, s: t[i], "positions are missing"),
        (ch02.embed, lambda i, t, p, s: p[s : s + len(i)], "tokens are missing"),
        (ch02.embed, lambda i, t, p, s: t[: len(i)] + p[s : s + len(i)], "first rows"),
        (ch02.embed, lambda i, t, p, s: t[i] + p[: len(i)], "start is not used"),
        (ch02.embed, lambda i, t, p, s: t[i] + p[i], "looked up by id"),
        (ch02.embed, lambda i, t, p, s: t[i] + p[s], "first one's position"),
        (ch02.embed, lambda i, t, p, s: t[i] + p[s : s + len(i)].flip(0), "backwards"),
        (ch02.embed, lambda i, t, p, s: t[i] * p[s : s + len(i)], "Multiplied"),
        (ch02.embed, lambda i, t, p, s: t[i] - p[s : s + len(i)], "Subtracted"),
        (ch02.embed, lambda *a: 2 * embed(*a), "a row of one table"),
        (ch02.embed, lambda i, t, p, s: torch.cat([t[i], t[i]], 1), "has shape (4, 12)"),
        (ch02.write, lambda f, i, n, c: i, "nothing is written"),
        (ch02.write, lambda f, i, n, c: write(f, i, n, c)[len(i) :], "new ids alone"),
        (ch02.write, lambda f, i, n, c: write(f, i, n, c)[-c:], "beginning is lost"),
        (ch02.write, lambda f, i, n, c: write(f, i, n + 1, c), "3 more are 6; you return 7"),
        (ch02.write, lambda f, i, n, c: write(f, i, n, c)[::-1], "at the front"),
        (ch02.write, writing(lambda i, c: i), "reads 5 at most"),
        (ch02.write, writing(last, lambda z: int(z[0].argmax())), "first row"),
        (ch02.write, writing(last, lambda z: int(z.argmax())), "a place in a table"),
        (ch02.write, writing(last, lambda z: int(z[-1].argmin())), "least likely"),
        (ch02.write, writing(lambda i, c: i[-1:]), "newest token alone"),
        (ch02.write, writing(lambda i, c: i[:c]), "stays at the beginning"),
        (ch02.write, writing(lambda i, c: i[-c + 1 :]), "one token shorter"),
        (ch02.write, same_each_time, "same token each time"),
        (ch02.write, lambda f, i, n, c: i + [0] * n, "one token at a time"),
        (ch02.write, lambda f, i, n, c: f(i), "not list"),
        (ch02.write, lambda f, i, n, c: f(torch.tensor([i])), "it was given (1, 3)"),
        (ch02.write, lambda f, i, n, c: [0.5], "whole numbers"),
        (ch02.write, lambda f, i, n, c: "ids", "a list of ids, not str"),
        (ch02.contributions, lambda w, g, u: contributions(w, g, u).sum(), "One number"),
        (ch02.contributions, lambda w, g, u: w * g * u, "dot product with row"),
        (ch02.contributions, lambda w, g, u: norm(w) * g @ u, "its own spread"),
        (
            ch02.contributions,
            lambda w, g, u: w / scale(w) * g @ u,
            "mean is still in",
        ),
        (ch02.contributions, lambda w, g, u: contributions(w, g / g, u), "gain is not"),
        (ch02.contributions, lambda w, g, u: (w - w.mean(1, keepdim=True)) * g @ u, "by s yet"),
        (ch02.contributions, lambda w, g, u: w @ u, "norm is missing"),
        (
            ch02.contributions,
            lambda w, g, u: (w - w.mean(1, keepdim=True)) / w.sum(0).std() * g @ u,
            "C − 1",
        ),
        (
            ch02.contributions,
            lambda w, g, u: (w - w.sum(0).mean()) / scale(w) * g @ u,
            "n times too often",
        ),
        (
            ch02.contributions,
            lambda w, g, u: (w - w.mean(0)) / scale(w) * g @ u,
            "over the parts",
        ),
        (
            ch02.contributions,
            lambda w, g, u: contributions(w, g, u) / scale(w),
            "s is its root",
        ),
        (ch02.contributions, lambda *a: contributions(*a) / contributions(*a).sum(), "shares of 1"),
        (ch02.contributions, lambda *a: contributions(*a).softmax(0), "No softmax"),
        (ch02.contributions, lambda *a: contributions(*a) + 1, "off its mean, over s"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict
