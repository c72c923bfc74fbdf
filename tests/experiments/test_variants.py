"""What experiments compare differs in what they say it does, and in nothing else."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from gptlab import experiments
from gptlab.config import preset
from gptlab.settings import TrainSettings


@pytest.mark.parametrize("experiment", [experiments.generations, experiments.ladder])
def test_equal_tokens_whatever_the_context(experiment) -> None:  # type: ignore[no-untyped-def]
    variants = experiment(65, 100_000)
    assert len({v.tokens for v in variants}) == 1
    assert len({v.settings.steps for v in variants}) == 1
    assert len({v.config.n_ctx for v in variants}) == 3


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


def test_sweeps_vary_one_thing() -> None:
    sizes = experiments.sizes(65, 100_000)
    assert len({v.tokens for v in sizes}) == 1
    assert {v.settings.precision for v in sizes} == {"float32"}  # or width would decide it too
    amounts = experiments.amounts(65, [10_240, 102_400])
    assert [v.tokens for v in amounts] == [10_240, 102_400]
    assert amounts[0].config == amounts[1].config


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
