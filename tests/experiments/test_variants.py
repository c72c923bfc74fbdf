"""What experiments compare differs in what they say it does, and in nothing else."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from gptlab import experiments
from gptlab.config import preset
from gptlab.costs import training_operations
from gptlab.experiments import scaling
from gptlab.experiments.scaling import Point
from gptlab.settings import TrainSettings
from tests.plots.made import results

#: The fields in which a larger model differs.
SHAPE = {"n_layer", "n_embd", "n_head", "init_std"}


@pytest.mark.parametrize("experiment", [experiments.generations, experiments.ladder])
def test_equal_tokens_whatever_the_context(experiment) -> None:  # type: ignore[no-untyped-def]
    variants = experiment(65, 100_000)
    assert len({v.tokens for v in variants}) == 1
    assert len({v.settings.steps for v in variants}) == 1
    assert len({v.config.n_ctx for v in variants}) == 3


def test_an_update_that_does_not_divide_into_sequences_is_refused() -> None:
    for batch_size in (4, 8):
        settings = TrainSettings(batch_size=batch_size)
        variants = experiments.generations(65, 100_000, settings)
        assert len({v.tokens for v in variants}) == 1
    with pytest.raises(ValueError, match="sequences of 256; use a multiple of 4"):
        experiments.generations(65, 100_000, TrainSettings(batch_size=6))


def test_generations_are_rungs_of_the_ladder() -> None:
    rungs = {v.config: v.settings for v in experiments.ladder(65, 100_000)}
    for one in experiments.generations(65, 100_000):
        assert one.config == preset(f"{one.name.lower().replace('-', '')}-tiny", vocab_size=65)
        assert rungs[one.config] == one.settings


def test_the_ladder_changes_one_thing_at_a_time() -> None:
    variants = experiments.ladder(65, 100_000)
    assert variants[0].config == preset("gpt1-tiny", vocab_size=65)
    assert variants[4].config == preset("gpt2-tiny", vocab_size=65)
    assert variants[-1].config == preset("gpt3-tiny", vocab_size=65)
    for before, after in pairwise(variants):
        assert len(before.config.diff(after.config)) == 1, after.name


def test_depth_changes_only_norm_depth_and_warm_up() -> None:
    variants = experiments.depth(65, depths=(2, 24))
    assert len(variants) == 8
    for variant in variants[1:]:
        assert set(variants[0].config.diff(variant.config)) <= {"norm", "n_layer"}
        assert replace(variant.settings, warmup=0) == replace(variants[0].settings, warmup=0)


def test_the_grid_has_every_size_with_every_budget() -> None:
    shapes, budgets = [(1, 32), (2, 64)], [10_240, 102_400]
    settings = TrainSettings(batch_size=16, learning_rate=1e-3)
    variants = experiments.grid(65, budgets, shapes, settings)
    found = {(v.config.n_layer, v.config.n_embd, v.tokens) for v in variants}
    assert found == {(*shape, budget) for shape in shapes for budget in budgets}
    cost = [training_operations(v.config, v.tokens) for v in variants]
    assert cost[0] == min(cost) and cost[-1] == max(cost)
    for variant in variants:
        assert set(variants[0].config.diff(variant.config)) <= SHAPE
        assert replace(variant.settings, steps=1, warmup=0) == replace(settings, steps=1, warmup=0)


def test_points_are_means_and_their_compute_is_counted() -> None:
    name = "2 × 64, 100 tokens"
    made = results({name: [2.0, 3.0], "another": [4.0]})
    made.variants[name]["config"] = preset("gpt2-tiny", n_layer=2, n_embd=64).to_dict()
    made.variants["stopped"] = made.variants[name]
    another, point = scaling.points(made)[::-1]
    assert (point.shape, point.loss, point.tokens, point.parameters) == ("2 × 64", 2.5, 100, 8)
    assert point.operations == training_operations(preset("gpt2-tiny", n_layer=2, n_embd=64), 100)
    assert another.loss == 4.0


def test_the_frontier_by_brute_force() -> None:
    rng = np.random.default_rng(1)
    found = [Point("x", 1, 1, float(c), float(loss)) for c, loss in rng.random((40, 2))]
    best = {
        one
        for one in found
        if not any(o.operations <= one.operations and o.loss <= one.loss for o in found if o != one)
    }
    assert set(scaling.frontier(found)) == best and len(best) > 2


@pytest.mark.parametrize("x", ["parameters", "tokens", "operations"])
def test_an_exponent_that_was_put_in_comes_out(x: str) -> None:
    found = [replace(Point("x", 1, 1, 1.0, (7e4 / n) ** 0.3), **{x: n}) for n in (100, 10, 5000)]
    for one, other, exponent in scaling.exponents(found, x):
        assert getattr(one, x) < getattr(other, x) and exponent == pytest.approx(0.3)


def test_impossible_amounts() -> None:
    with pytest.raises(ValueError, match="less than one update"):
        experiments.generations(65, 10)
    with pytest.raises(ValueError, match="larger batch_size"):
        experiments.generations(65, 10_000, TrainSettings(batch_size=2))


def test_block_gradient_norms_by_hand() -> None:
    from gptlab.model import GPT

    model = GPT(preset("gpt2-tiny", vocab_size=5, n_embd=16, n_layer=2))
    for weight in model.h[1].parameters():
        weight.grad = torch.full_like(weight, 2.0)
    count = sum(weight.numel() for weight in model.h[1].parameters())
    assert experiments.block_gradient_norms(model) == pytest.approx([0.0, 2.0 * count**0.5])
