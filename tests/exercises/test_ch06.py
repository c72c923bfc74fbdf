"""Right answers pass; an empty one and each common mistake get a message of their own."""

import math
import random
from collections import Counter
from typing import Any

import pytest
import torch
from sacrebleu.metrics import BLEU
from transformers import GPT2LMHeadModel

from gptlab import huggingface
from gptlab.config import preset
from gptlab.exercises import ch06, ch06_measure
from gptlab.model import GPT

TURNED = ("c_attn.weight", "c_fc.weight", "c_proj.weight")


def theirs(name, weight):  # type: ignore[no-untyped-def]
    if name.endswith(TURNED):
        weight = weight.T
    return (name if name.startswith("lm_head") else f"transformer.{name}"), weight


def bleu(matches, totals, length, reference):  # type: ignore[no-untyped-def]
    if 0 in matches:
        return 0.0
    logs = [math.log(m / t) for m, t in zip(matches, totals, strict=True)]
    return math.exp(sum(logs) / len(logs)) * min(1, math.exp(1 - reference / length))


def plain(matches, totals):  # type: ignore[no-untyped-def]
    return [m / t for m, t in zip(matches, totals, strict=True)]


def times(events):  # type: ignore[no-untyped-def]
    """A stack, by hand: what begins takes the time over, what ends gives it back."""
    found = Counter({name: 0.0 for name, _, _ in events})
    stack: list[tuple[str, float]] = []
    for name, start, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= start:
            stack.pop()
        if stack:
            found[stack[-1][0]] -= end - start
        found[name] += end - start
        stack.append((name, end))
    return dict(found)


def totals(events):  # type: ignore[no-untyped-def]
    found = Counter()  # type: ignore[var-annotated]
    for name, start, end in events:
        found[name] += end - start
    return dict(found)


def twice_taken(events):  # type: ignore[no-untyped-def]
    found = totals(events)
    for i, (name, start, end) in enumerate(events):
        for j, (_, s, e) in enumerate(events):
            if i != j and start <= s and e <= end and ((s, e) != (start, end) or j > i):
                found[name] -= e - s
    return found


def last_only(events):  # type: ignore[no-untyped-def]
    """Right for each event, but the last of a name overwrites the others."""
    labelled = [(f"{i} {name}", start, end) for i, (name, start, end) in enumerate(events)]
    alone = times(labelled)
    return {name: alone[f"{i} {name}"] for i, (name, _, _) in enumerate(events)}


def measure(model, batches):  # type: ignore[no-untyped-def]
    was = model.training
    model.eval()
    with torch.no_grad():
        total = sum(model(x, y)[1].item() * y.numel() for x, y in batches)
    model.train(was)
    return total / sum(y.numel() for _, y in batches)


def losses(model, batches):  # type: ignore[no-untyped-def]
    was = model.training
    model.eval()
    with torch.inference_mode():
        found = [model(x, y)[1].item() for x, y in batches]
    model.train(was)
    return found


def forgetful(model, batches):  # type: ignore[no-untyped-def]
    with torch.no_grad():
        return sum(model(x, y)[1].item() for x, y in batches)


def keeping(model, batches):  # type: ignore[no-untyped-def]
    was = model.training
    model.eval()
    found = sum(model(x, y)[1] for x, y in batches).item()
    model.train(was)
    return found


def stuck(model, batches):  # type: ignore[no-untyped-def]
    model.eval()
    return measure(model, batches)


def waking(model, batches):  # type: ignore[no-untyped-def]
    found = measure(model, batches)
    model.train()
    return found


def learning(model, batches):  # type: ignore[no-untyped-def]
    found = measure(model, batches)
    with torch.no_grad():
        model.wte.weight.add_(1)
    return found


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch06.to_theirs, theirs),
        (ch06.to_theirs, lambda n, w: list(theirs(n, w.clone()))),
        (ch06.bleu, bleu),
        (ch06.bleu, lambda *counts: torch.tensor(bleu(*counts))),
        (ch06_measure.self_times, times),
        (ch06_measure.evaluate, measure),
        (ch06_measure.evaluate, lambda m, b: torch.tensor(measure(m, b))),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch06.to_theirs, lambda n, w: w, "Return two things"),
        (ch06.to_theirs, lambda n, w: theirs(n, w)[::-1], "The other way round"),
        (ch06.to_theirs, lambda n, w: (1, w), "not int and"),
        (ch06.to_theirs, lambda n, w: (n, w), "called otherwise there"),
        (ch06.to_theirs, lambda n, w: (f"transformer.{n}", theirs(n, w)[1]), "stands outside"),
        (ch06.to_theirs, lambda n, w: ("lm_head.weight", w), "not the place of wte.weight"),
        (ch06.to_theirs, lambda n, w: (f"gpt.{n}", w), "no such name"),
        (ch06.to_theirs, lambda n, w: (theirs(n, w)[0], w), "has to be turned."),
        (
            ch06.to_theirs,
            lambda n, w: (theirs(n, w)[0], theirs(n, w)[1] if w.shape != (8, 8) else w),
            "It is square",
        ),
        (ch06.to_theirs, lambda n, w: (theirs(n, w)[0], w.mT if w.dim() > 1 else w), "as it is"),
        (ch06.to_theirs, lambda n, w: (theirs(n, w)[0], w[:1]), "theirs is (11, 8)"),
        (ch06.to_theirs, lambda n, w: (theirs(n, w)[0], 2 * theirs(n, w)[1]), "other numbers"),
        (ch06.bleu, lambda *c: 100 * bleu(*c), "goes to 100"),
        (ch06.bleu, lambda m, t, a, r: bleu(m, t, 1, 1), "for short answers is missing"),
        (
            ch06.bleu,
            lambda m, t, a, r: bleu(m, t, 1, 1) * math.exp(1 - r / a),
            "never above 1",
        ),
        (ch06.bleu, lambda m, t, a, r: bleu(m, t, r, a), "upside down"),
        (ch06.bleu, lambda m, t, a, r: bleu(m, t, 1, 1) * min(1, a / r), "ratio of the lengths"),
        (
            ch06.bleu,
            lambda m, t, a, r: bleu([1], [1], a, r) * sum(plain(m, t)) / 4,
            "arithmetic mean",
        ),
        (ch06.bleu, lambda m, t, a, r: bleu([1], [1], a, r) * math.prod(plain(m, t)), "a root"),
        (ch06.bleu, lambda m, t, a, r: bleu([sum(m)], [sum(t)], a, r), "All matches over all"),
        (ch06.bleu, lambda m, t, a, r: bleu(m[:1], t[:1], a, r), "single words alone"),
        (ch06.bleu, lambda m, t, a, r: bleu([1], [1], a, r), "the penalty alone"),
        (ch06.bleu, lambda *_: 0.123, "First four precisions"),
        (
            ch06.bleu,
            lambda m, t, a, r: math.exp(sum(map(math.log, plain(m, t))) / 4) * bleu([1], [1], a, r),
            "0 has no logarithm",
        ),
        (ch06.bleu, lambda m, t, a, r: bleu([max(x, 1) for x in m], t, a, r), "with a 0 in it"),
        (ch06.bleu, lambda *_: "much", "number, not str"),
        (ch06_measure.self_times, lambda e: [], "Return a dict"),
        (ch06_measure.self_times, lambda e: {}, "is missing"),
        (ch06_measure.self_times, lambda e: times(e) | {"gap": 1}, "no event has"),
        (ch06_measure.self_times, lambda e: dict.fromkeys(times(e), 0), "all your times are 0"),
        (ch06_measure.self_times, totals, "those are total times"),
        (ch06_measure.self_times, twice_taken, "taken off twice"),
        (ch06_measure.self_times, last_only, "its last time only"),
        (
            ch06_measure.self_times,
            lambda e: {k: v + 1 for k, v in times(e).items()},
            "together should be",
        ),
        (ch06_measure.self_times, lambda e: {k: None for k in times(e)}, "number, not NoneType"),
        (ch06_measure.evaluate, lambda m, b: 3.0, "never called"),
        (ch06_measure.evaluate, forgetful, "Dropout is on"),
        (ch06_measure.evaluate, keeping, "what a backward pass would need"),
        (ch06_measure.evaluate, stuck, "rest of the training would run without"),
        (ch06_measure.evaluate, waking, "leave it in training mode"),
        (ch06_measure.evaluate, learning, "changed the weights"),
        (ch06_measure.evaluate, lambda m, b: sum(losses(m, b)) / len(b), "mean of means"),
        (ch06_measure.evaluate, lambda m, b: sum(losses(m, b)), "sum of the batches"),
        (
            ch06_measure.evaluate,
            lambda m, b: measure(m, b) * sum(y.numel() for _, y in b),
            "sum over all targets",
        ),
        (ch06_measure.evaluate, lambda m, b: losses(m, b)[-1], "last batch alone"),
        (ch06_measure.evaluate, lambda m, b: losses(m, b)[0], "first batch alone"),
        (ch06_measure.evaluate, lambda m, b: math.exp(measure(m, b)), "perplexity"),
        (ch06_measure.evaluate, lambda m, b: measure(m, b) / math.log(2), "Each target weighs"),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict


def test_the_answer_loads_a_whole_model() -> None:
    """What exercise 1 is for: an oracle of its own, the logits of `transformers`."""
    torch.manual_seed(0)
    model = GPT(preset("gpt2-tiny", vocab_size=40, n_layer=2, n_embd=16, n_head=2)).eval()
    other = GPT2LMHeadModel(huggingface.to_transformers(model).config).eval()
    weights = dict(theirs(name, weight) for name, weight in model.state_dict().items())
    other.load_state_dict(weights, strict=False)
    ids = torch.randint(40, (2, 9))
    with torch.no_grad():
        torch.testing.assert_close(other(ids).logits, model(ids), atol=1e-5, rtol=1e-4)


def test_the_reference_for_self_times_is_counted_moment_by_moment() -> None:
    """Two ways to the same numbers: a stack here, moments in the check."""
    for events in [*ch06_measure._EVENTS.values(), ch06_measure._many()]:
        assert ch06_measure._moments(events) == times(events)
    events = ch06_measure._many()
    assert len(events) >= 35 and times(events) != totals(events) != twice_taken(events)


def test_bleus_reference_is_sacrebleu() -> None:
    dice = random.Random(0)
    for _ in range(50):
        total = [dice.randint(4, 20) - n for n in range(4)]
        match = [dice.randint(1, max(1, t)) for t in total]
        length, reference = dice.randint(4, 30), dice.randint(4, 30)
        total = [max(1, t) for t in total]
        theirs = BLEU.compute_bleu(match, total, length, reference, "none").score / 100
        assert bleu(match, total, length, reference) == pytest.approx(theirs, rel=1e-6)
