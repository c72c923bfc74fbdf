"""Chapter 3.2's pictures say what is so."""

import pytest
import torch

from gptlab.config import preset
from gptlab.model import GPT
from gptlab.plots import chapter_3_2
from gptlab.training import History


@pytest.mark.parametrize("name", ["gpt1", "gpt2", "gpt1-tiny"])
def test_the_bars_add_up_to_the_model(name: str) -> None:
    with torch.device("meta"):
        count = GPT(preset(name)).num_parameters()
    assert f"{count:,} in all" in chapter_3_2.parameter_bars(preset(name), name).alt


@pytest.mark.parametrize(("end", "says"), [(4.0, "1.00 nats below"), (5.5, "0.50 nats above")])
def test_the_title_compares_with_the_lowest_baseline(end: float, says: str) -> None:
    record = {"step": 1.0, "train_loss": 6.0, "val_loss": end}
    picture = chapter_3_2.loss_and_baselines(
        History([record], val_loss=end), {"uniform": 7.0, "unigram": 5.0}
    )
    title = picture.figure.axes[0].get_title()
    assert says in title and "unigram" in title and f"{end:.2f}" in picture.alt
