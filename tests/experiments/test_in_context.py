"""Sequences whose rule only the context tells, and the small model that reads it there."""

import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from gptlab import experiments
from gptlab.checkpoints import load, load_bundled
from gptlab.data import DATA
from gptlab.experiments import in_context
from gptlab.experiments.__main__ import main
from gptlab.experiments.in_context import (
    CHANCE,
    CHANCE_LOSS,
    Pairs,
    answers,
    by_examples,
    commonest_so_far,
    earlier_examples,
    how,
    lookup_scores,
    model_for,
)
from gptlab.heads import strongest
from gptlab.objective import Objective
from gptlab.training import train

PAIRS = Pairs()
TOKENS = PAIRS.held_out(100)


def test_an_answer_holds_within_its_sequence_and_no_further() -> None:
    rules = []
    for row in TOKENS.tolist():
        rule: dict[int, int] = {}
        for x, y in zip(row[0::2], row[1::2], strict=True):
            assert 0 <= x < 16 <= y < 32
            assert rule.setdefault(x, y) == y
        assert len(rule) <= PAIRS.asked
        rules.append(rule)
    assert len({rule.get(3) for rule in rules}) > 10


def test_only_answers_count() -> None:
    tokens, targets = PAIRS.batch(0, how())
    assert (targets[:, 1::2] == -100).all() and torch.equal(targets[:, 0::2], tokens[:, 1::2])
    assert PAIRS.count((tokens, targets)) == 32 * 16


def test_a_batch_is_decided_by_seed_and_step() -> None:
    (first, _), (again, _) = PAIRS.batch(3, how()), PAIRS.batch(3, how())
    assert torch.equal(first, again)
    assert not torch.equal(first, PAIRS.batch(4, how())[0])
    assert not torch.equal(first, PAIRS.batch(3, how(seed=2))[0])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="24 pairs are 48 tokens"):
        Pairs(24).check(model_for(PAIRS))
    with pytest.raises(ValueError, match="vocab_size"):
        PAIRS.check(model_for(PAIRS, vocab_size=31))


def test_examples_are_counted_as_one_would_by_hand() -> None:
    counted = earlier_examples(TOKENS).tolist()
    guessed = commonest_so_far(TOKENS).tolist()
    for row, counts, marks in zip(TOKENS.tolist(), counted, guessed, strict=True):
        xs, ys = row[0::2], row[1::2]
        assert counts == [xs[:i].count(x) for i, x in enumerate(xs)]
        for i, y in enumerate(ys):
            often = Counter(ys[:i])
            latest = {seen: place for place, seen in enumerate(ys[:i])}
            best = max(often, key=lambda seen: (often[seen], latest[seen]), default=None)
            assert marks[i] == (y == best)


def test_accuracy_by_examples_is_a_share_of_those_questions() -> None:
    tokens = torch.tensor([[0, 16, 0, 16, 1, 20, 0, 16]])
    right = torch.tensor([[False, True, True, False]])
    found = by_examples(tokens, right)
    assert found[:3] == [0.5, 1.0, 0.0] and all(math.isnan(share) for share in found[3:])


def test_a_fresh_model_guesses_and_the_least_loss_lies_below() -> None:
    accuracies = by_examples(TOKENS, answers(model_for(PAIRS), TOKENS))
    assert max(accuracies) < 0.2
    assert 0.3 * CHANCE_LOSS < PAIRS.best_loss() < 0.6 * CHANCE_LOSS


def test_scores_are_those_of_a_head_that_does_nothing_else() -> None:
    """With no weights all attention is spread evenly over what may be seen."""
    model = model_for(PAIRS)
    with torch.no_grad():
        for block in model.h:
            block.attn.c_attn.weight.zero_()  # type: ignore[operator,union-attr]
    tokens = PAIRS.held_out(4)
    scores = lookup_scores(model, tokens)
    even = [1 / (i + 1) for i in range(1, 32, 2)]  # an answer at place i sees i + 1 tokens
    expected = sum(even) / len(even)
    assert scores["previous"].flatten().tolist() == pytest.approx([expected] * 4)
    rows = []
    for counts in earlier_examples(tokens):
        shares = [n / (2 * i + 1) for i, n in enumerate(counts.tolist()) if n]
        rows.append(sum(shares) / len(shares))
    expected = sum(rows) / len(rows)
    assert scores["induction"].flatten().tolist() == pytest.approx([expected] * 4)


def test_the_bundled_one_learns_in_its_context() -> None:
    model, tokenizer = load_bundled("in-context")
    assert model.num_parameters() == 104_192 and tokenizer.vocab_size == 32
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    none, one, *_ = by_examples(TOKENS, answers(model, TOKENS))
    assert none < 2 * CHANCE and one > 0.98
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    measured = load(str(DATA / "in-context")).state["measured"]
    assert measured["accuracy_1"] > 0.99
    size = sum(file.stat().st_size for file in Path(str(DATA / "in-context")).rglob("*.*"))
    assert size <= 2**20


def test_switched_off_its_two_layers_of_heads_no_longer_look_up() -> None:
    model, _ = load_bundled("in-context")
    scores = lookup_scores(model, TOKENS)
    assert scores["induction"].max() > 0.9 and scores["previous"].max() > 0.7
    previous = strongest(scores["previous"])
    assert previous[0] == 0 and strongest(scores["induction"])[0] == 1
    assert by_examples(TOKENS, answers(model, TOKENS, [previous]))[1] < 0.5
    assert by_examples(TOKENS, answers(model, TOKENS, [(1, 0), (1, 1)]))[1] < 0.5


def test_what_is_recorded_is_three_of_three() -> None:
    results = experiments.results("in-context")
    assert len(results.runs) == 3
    for run in results.runs:
        assert run.extra["measured"]["accuracy_1"] > 0.98
        assert run.extra["measured"]["accuracy_0"] < 2 * CHANCE
        assert len(run.curve) >= 40
        assert results.levels()["the context used"] < run.val_loss < 1.3


def test_the_one_loop_trains_it_and_the_command_records_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective: Objective = PAIRS
    history = train(model_for(PAIRS), objective, how(steps=5), progress=False)
    assert history.records[0].keys() >= {"step", "val_loss", "accuracy_0", "accuracy_4"}
    monkeypatch.setattr(in_context.how, "__defaults__", (2, 1))
    monkeypatch.setattr(in_context.record, "__defaults__", ((1, 2, 3), 2))
    monkeypatch.setattr(in_context.train_in_context, "__defaults__", (2,))
    assert main(["in-context", "--seeds", "2", "--out", str(tmp_path)]) == 0
    assert load(tmp_path / "in-context").step == 2
    assert (tmp_path / "results" / "in-context.json").is_file()
