"""The papers' tables agree with each other and with the configs, where they speak of the same."""

import re

import pytest

from gptlab.config import preset
from gptlab.papers import GPT3_TABLE, PAPER_TRAINING


def test_the_largest_gpt3_is_the_last_row_of_its_table() -> None:
    *_, gpt3 = PAPER_TRAINING
    row = GPT3_TABLE[-1]
    assert (gpt3.preset, gpt3.learning_rate, gpt3.batch_tokens) == (
        row.preset,
        row.learning_rate,
        row.batch_tokens,
    )
    assert gpt3.label is not None and gpt3.label.startswith(f"{row.parameters / 1e9:.1f}B")


@pytest.mark.parametrize(("place", "sequences"), [(0, 64), (1, 512)])
def test_a_batch_is_sequences_of_the_models_context(place: int, sequences: int) -> None:
    one = PAPER_TRAINING[place]
    assert one.batch_tokens == sequences * preset(one.preset).n_ctx


def test_texts_are_of_one_shape_and_name_their_section() -> None:
    shapes = {tuple(one.texts()) for one in PAPER_TRAINING}
    assert len(shapes) == 1
    for one in PAPER_TRAINING:
        for name in ("text", "optimizer", "schedule", "length", "put to use"):
            text = one.texts()[name]
            assert text == "–" or re.search(r"\((table )?[\dB][.\d]*\)$", text), text
