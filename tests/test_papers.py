"""The papers' tables agree with each other and with the configs, where they speak of the same."""

import re

import pytest

from gptlab.config import preset
from gptlab.papers import GPT2_ZERO_SHOT, GPT3_TABLE, PAPER_TRAINING, TIMELINE


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


def test_the_time_line_goes_forward_and_agrees_with_the_other_tables() -> None:
    assert [one.year for one in TIMELINE] == sorted(one.year for one in TIMELINE)
    assert TIMELINE[0].month == "2017-06" and TIMELINE[0].year == pytest.approx(2017 + 5 / 12)
    gpts = [one for one in TIMELINE if one.preset]
    assert [(one.name, one.preset) for one in gpts] == [
        (one.model, one.preset) for one in PAPER_TRAINING
    ]
    gpt2, gpt3 = gpts[1:]
    assert gpt2.label == float(list(GPT2_ZERO_SHOT[0].scores)[-1].rstrip("M")) * 1e6
    assert gpt3.label == GPT3_TABLE[-1].parameters
    # 6ND, Kaplan et al. 2020, section 2.1.
    assert gpt3.tokens is not None and gpt3.compute is not None
    assert gpt3.compute == pytest.approx(6 * gpt3.label * gpt3.tokens, rel=0.01)
    assert all(one.preset or one.label for one in TIMELINE)
