"""What comes with the package is there, whole, and as good as its card says."""

import pytest
import torch

from gptlab import experiments
from gptlab.checkpoints import load, load_bundled
from gptlab.config import GPTConfig, preset
from gptlab.data import DATA
from gptlab.generation import Sampling, generate
from gptlab.settings import TrainSettings


def test_the_model_is_what_its_card_says() -> None:
    model, tokenizer = load_bundled()
    assert model.num_parameters() == 940_800 and tokenizer.vocab_size == 1024
    assert len(generate(model, tokenizer, "Return ", Sampling(20, seed=1))) > 20
    ids = torch.tensor(tokenizer.encode("Return the name of the file, or None if it is not known."))
    logits = model.trace(ids).logits
    loss = torch.nn.functional.cross_entropy(logits[:-1], ids[1:]).item()
    assert loss < load(str(DATA / "model")).state["val_loss"]  # plain documentation


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_recorded_results_are_complete(name: str) -> None:
    results = experiments.results(name)
    seeds = 2 if name == "rates-wide" else 3  # a trial of minutes a run, to place one default
    assert all(len(results.of(variant)) >= seeds for variant in results.variants)


def test_the_default_learning_rates_are_those_measured() -> None:
    for name, norm, width in (("rates", "pre", 128), ("rates-wide", "pre", 384)):
        results = experiments.results(name)
        config = GPTConfig(10, 8, 1, 4, width, norm=norm)
        chosen = f"{norm}-norm, {TrainSettings().peak_rate(config):g}"
        for other in results.variants:
            if other.startswith(norm):
                gap, half = results.difference(chosen, other)
                assert gap > -half, f"{other} is better than {chosen}"
    assert TrainSettings().peak_rate(preset("gpt1-tiny")) == 2e-3


def test_unknown_results_name_what_there_is() -> None:
    with pytest.raises(ValueError, match="ladder"):
        experiments.results("nothing")
