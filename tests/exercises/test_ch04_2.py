"""Chapter 4.2's checks: right answers pass, and each common mistake gets a message of its own."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from gptlab.config import GPTConfig
from gptlab.exercises import ch04_2, ch04_2_loop
from gptlab.finetuning import Example, FineTuning, Task
from gptlab.model import GPT
from gptlab.tokenizer import CharTokenizer


def labels(ids, mask):  # type: ignore[no-untyped-def]
    return ids.masked_fill(mask == 0, -100)


def two_losses(z, rows, ends, y, known, text="rows", at=None):  # type: ignore[no-untyped-def]
    """Return the label's and the text's loss, written as a reader might."""
    scores = z[range(len(z)), ends if at is None else at][:, known + 2 :]
    targets = rows[:, 1:].masked_fill(rows[:, 1:] >= known, -100)
    each = F.cross_entropy(z[:, :-1, :known].transpose(1, 2), targets, reduction="none")
    sums, counts = each.sum(1), (targets != -100).sum(1)
    text_loss = {
        "rows": (sums / counts).mean(),
        "tokens": sums.sum() / counts.sum(),
        "sums": sums.mean(),
    }[text]
    return F.cross_entropy(scores, y), text_loss


def tuning_loss(z, rows, ends, y, known, weight):  # type: ignore[no-untyped-def]
    label, text = two_losses(z, rows, ends, y, known)
    return label + weight * text


def by_loop(z, rows, ends, y, known, weight):  # type: ignore[no-untyped-def]
    total = 0.0
    for i, row in enumerate(rows.tolist()):
        told = z[i, :, :known].log_softmax(-1)
        text = [-told[t, row[t + 1]].item() for t in range(len(row) - 1) if row[t + 1] < known]
        scores = z[i, ends[i], known + 2 :].log_softmax(-1)
        total += -scores[y[i]].item() + weight * sum(text) / len(text)
    return total / len(rows)


def text_of(z, rows, known, shift=1, softmax=None, only_text=True):  # type: ignore[no-untyped-def]
    """The text's loss with a mistake in it: no shift, all ids in the softmax, or all targets."""
    targets = rows[:, shift:]
    told = z[:, : targets.size(1), :softmax].log_softmax(-1)
    each = -told.gather(-1, targets.clamp(max=told.size(-1) - 1)[..., None])[..., 0]
    counts = targets < known if only_text else torch.ones_like(targets)
    return ((each * counts).sum(1) / counts.sum(1)).mean()


def take_over(new, old, layers):  # type: ignore[no-untyped-def]
    return chosen(lambda name: below(name, layers))(new, old, layers)


def below(name: str, layers: int) -> bool:
    return name.startswith(("wte", "wpe")) or (block(name) is not None and block(name) < layers)  # type: ignore[operator]


def block(name: str) -> int | None:
    return int(name.split(".")[1]) if name.startswith("h.") else None


def chosen(rule, rows=True):  # type: ignore[no-untyped-def]
    def answer(new, old, layers):  # type: ignore[no-untyped-def]
        made = dict(new)
        for name, weight in old.items():
            if rule(name):
                made[name] = new[name].clone()
                made[name][: len(weight)] = weight
                if not rows:
                    made[name][len(weight) :] = 0
        return made

    return answer


def blocks(rule):  # type: ignore[no-untyped-def]
    """An answer whose rule looks at a block's number and `layers`; embeddings always come along."""

    def answer(new, old, layers):  # type: ignore[no-untyped-def]
        def comes(name: str) -> bool:
            number = block(name)
            return not name.startswith("ln_f") if number is None else rule(number, layers)

        return chosen(comes)(new, old, layers)

    return answer


def mean_loss(model, batches, loss_of):  # type: ignore[no-untyped-def]
    with torch.no_grad():
        return sum(loss_of(model, batch).item() for batch in batches) / len(batches)


def loop(
    model,
    seen,
    held_out,
    optimizer,
    loss_of,
    epochs,
    *,
    back=True,
    clears=True,
    learns=True,
    measures=mean_loss,
    quiet=True,
):  # type: ignore[no-untyped-def]
    told = []
    for _ in range(epochs):
        if back:
            model.train()
        for batch in seen if learns else ():
            if clears:
                optimizer.zero_grad()
            loss_of(model, batch).backward()
            optimizer.step()
        if quiet:
            model.eval()
        told.append(measures(model, held_out, loss_of))
    return told


def looped(**faults: Any) -> Any:
    def answer(model, seen, held_out, optimizer, loss_of, epochs):  # type: ignore[no-untyped-def]
        return loop(model, seen, held_out, optimizer, loss_of, epochs, **faults)

    return answer


def on_seen(model, seen, held_out, optimizer, loss_of, epochs):  # type: ignore[no-untyped-def]
    return loop(model, seen, seen, optimizer, loss_of, epochs)


def in_eval(model, seen, held_out, optimizer, loss_of, epochs):  # type: ignore[no-untyped-def]
    model.eval()
    return loop(model, seen, held_out, optimizer, loss_of, epochs, back=False)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (ch04_2.labels_for, labels),
        (ch04_2.labels_for, lambda i, m: torch.where(m.bool(), i, -100)),
        (ch04_2.labels_for, lambda i, m: i * m - 100 * (1 - m)),
        (ch04_2.tuning_loss, tuning_loss),
        (ch04_2.tuning_loss, by_loop),
        (ch04_2.take_over, take_over),
        (ch04_2_loop.loop, loop),
    ],
)
def test_right(check: Any, answer: Any) -> None:
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (ch04_2.labels_for, lambda i, m: i, "how well padding is predicted"),
        (ch04_2.labels_for, lambda i, m: i.masked_fill(i == 9, -100), "learn to stop"),
        (ch04_2.labels_for, lambda i, m: i.masked_fill(m == 1, -100), "wrong way round"),
        (ch04_2.labels_for, lambda i, m: labels(i, m).roll(-1, 1), "moved the labels on"),
        (ch04_2.labels_for, lambda i, m: i * m, "id 0"),
        (ch04_2.labels_for, lambda i, m: i.masked_fill(m == 0, -1), "one number only"),
        (ch04_2.labels_for, lambda i, m: labels(i, m).float(), "torch.float32"),
        (ch04_2.labels_for, lambda i, m: i + 1, "you return"),
        (ch04_2.labels_for, lambda i, m: labels(i, m)[:, 1:], "should be (2, 5)"),
        (ch04_2.tuning_loss, lambda *a: two_losses(*a[:5])[0], "label's loss alone"),
        (ch04_2.tuning_loss, lambda *a: two_losses(*a[:5])[1], "text's loss alone"),
        (ch04_2.tuning_loss, lambda *a: a[5] * two_losses(*a[:5])[1], "λ times the text's"),
        (ch04_2.tuning_loss, lambda *a: sum(two_losses(*a[:5])), "counts in full."),
        (
            ch04_2.tuning_loss,
            lambda *a: a[5] * two_losses(*a[:5])[0] + two_losses(*a[:5])[1],
            "before the wrong one",
        ),
        (ch04_2.tuning_loss, lambda *a: a[5] * sum(two_losses(*a[:5])), "weighs both"),
        (
            ch04_2.tuning_loss,
            lambda z, r, e, y, k, w: (
                two_losses(z, r, e, y, k)[0] + w * text_of(z, r, k, shift=0, softmax=k)
            ),
            "not moved on",
        ),
        (
            ch04_2.tuning_loss,
            lambda z, r, e, y, k, w: (
                two_losses(z, r, e, y, k)[0] + w * text_of(z, r, k, only_text=False)
            ),
            "counted as text",
        ),
        (
            ch04_2.tuning_loss,
            lambda z, r, e, y, k, w: two_losses(z, r, e, y, k)[0] + w * text_of(z, r, k),
            "softmax goes over the task's own",
        ),
        (
            ch04_2.tuning_loss,
            lambda *a: two_losses(*a[:5])[0] + a[5] * two_losses(*a[:5], text="tokens")[1],
            "over all tokens",
        ),
        (
            ch04_2.tuning_loss,
            lambda *a: two_losses(*a[:5])[0] + a[5] * two_losses(*a[:5], text="sums")[1],
            "is a sum in each row",
        ),
        (
            ch04_2.tuning_loss,
            lambda *a: two_losses(*a[:5], at=-1)[0] + a[5] * two_losses(*a[:5])[1],
            "last place of every row",
        ),
        (ch04_2.tuning_loss, lambda *a: 7.0, "Two parts"),
        (ch04_2.tuning_loss, lambda *a: a[0], "number, not Tensor"),
        (ch04_2.take_over, lambda n, o, k: n, "Nothing is taken over"),
        (ch04_2.take_over, chosen(lambda name: True), "whatever `layers` says"),
        (ch04_2.take_over, lambda n, o, k: o, "should be (9, 2)"),
        (ch04_2.take_over, lambda n, o, k: [n], "not list"),
        (ch04_2.take_over, lambda n, o, k: {}, "is missing"),
        (ch04_2.take_over, lambda n, o, k: {**n, "x": 1}, "no weight of the new"),
        (ch04_2.take_over, lambda n, o, k: {m: w + 1 for m, w in n.items()}, "neither"),
        (ch04_2.take_over, chosen(lambda name: True, rows=False), "rows of ids"),
        (
            ch04_2.take_over,
            blocks(lambda n, k: str(n).startswith(tuple(map(str, range(k))))),
            "begins like one",
        ),
        (ch04_2.take_over, blocks(lambda n, k: 1 <= n <= k), "count from 1"),
        (ch04_2.take_over, blocks(lambda n, k: n <= k), "one too many"),
        (ch04_2.take_over, blocks(lambda n, k: n >= 11 - k), "last blocks"),
        (ch04_2.take_over, blocks(lambda n, k: n == 7), "blocks [7]"),
        (
            ch04_2.take_over,
            lambda n, o, k: chosen(lambda m: below(m, k) and "ln_2" not in m)(n, o, k),
            "only some weights",
        ),
        (
            ch04_2.take_over,
            lambda n, o, k: chosen(lambda m: below(m, k) and m != "wpe.weight")(n, o, k),
            "wpe.weight stays new",
        ),
        (
            ch04_2.take_over,
            lambda n, o, k: chosen(lambda m: below(m, k) or m == "ln_f.bias")(n, o, k),
            "above all blocks",
        ),
        (ch04_2_loop.loop, looped(back=False), "nobody set it back"),
        (ch04_2_loop.loop, in_eval, "learns in evaluation mode"),
        (ch04_2_loop.loop, looped(clears=False), "still holds the gradients"),
        (ch04_2_loop.loop, looped(learns=False), "No weight has moved"),
        (ch04_2_loop.loop, on_seen, "that was learned from"),
        (ch04_2_loop.loop, looped(quiet=False), "measured in training mode"),
        (
            ch04_2_loop.loop,
            looped(measures=lambda m, b, f: mean_loss(m, b[:1], f)),
            "Only one of the batches",
        ),
        (
            ch04_2_loop.loop,
            looped(measures=lambda m, b, f: 2 * mean_loss(m, b, f)),
            "the sum over",
        ),
        (
            ch04_2_loop.loop,
            looped(measures=lambda m, b, f: f(m, b[0])),
            "each with the graph",
        ),
        (
            ch04_2_loop.loop,
            looped(measures=lambda m, b, f: torch.tensor(1.0)),
            "are tensors. Return plain",
        ),
        (ch04_2_loop.loop, looped(measures=lambda m, b, f: "1"), "not str"),
        (ch04_2_loop.loop, looped(measures=lambda m, b, f: 1.5), "after the epoch, on what"),
        (ch04_2_loop.loop, lambda *a: loop(*a)[-1:] * 2, "a list of 1"),
        (ch04_2_loop.loop, lambda *a: loop(*a)[-1], "You return float"),
        (
            ch04_2_loop.loop,
            lambda m, s, h, o, f, e: loop(m, s[:1], h, o, f, e),
            "was asked for 1 times",
        ),
        (
            ch04_2_loop.loop,
            lambda m, s, h, o, f, e: loop(m, s[::-1], h, o, f, e),
            "in the order given",
        ),
    ],
)
def test_each_mistake_has_its_message(check: Any, answer: Any, message: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and message in verdict.message, verdict


def test_the_loss_asked_for_is_the_packages() -> None:
    task = Task(CharTokenizer("\nabc"), ("x", "y"), n_ctx=8)
    seen = [Example(("abcab",), 1), Example(("c",), 0)]
    batch, _ = task.encode(seen)
    tokens, ends, y = batch
    logits = torch.randn(2, tokens.size(-1), task.scored.stop)
    expected = FineTuning(task, seen, [Example(("a",), 0)], 0.5).loss(lambda _: logits, batch)
    found = tuning_loss(logits, tokens[:, 0], ends[:, 0], y, 4, 0.5)
    torch.testing.assert_close(found, expected)


def test_what_is_taken_over_is_the_packages() -> None:
    task = Task(CharTokenizer("\nabc"), ("x", "y"), n_ctx=4)
    old = GPT(GPTConfig(vocab_size=4, n_ctx=4, n_layer=3, n_head=1, n_embd=2))
    untrained = GPT(old.config)
    torch.manual_seed(0)
    new = task.model(untrained, layers=0)
    torch.manual_seed(0)
    theirs = dict(task.model(old, layers=2).named_parameters())
    mine = take_over(
        {n: w.detach() for n, w in new.named_parameters()},
        {n: w.detach() for n, w in old.named_parameters()},
        2,
    )
    drawn = [name for name in mine if not below(name, 2)]
    assert all(torch.equal(mine[name], theirs[name]) for name in mine if name not in drawn)
