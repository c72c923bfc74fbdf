"""The bundled model's recipe: text, and a few rows that only the context tells."""

import torch

from gptlab.corpora import from_text
from gptlab.experiments.bundled_model import WithRepeats
from gptlab.objective import LanguageModelling
from gptlab.settings import TrainSettings

CORPUS = from_text("to be or not to be, that is the question. " * 60, tokenizer="char")


def test_one_row_in_sixteen_is_said_twice_and_its_second_half_counts() -> None:
    settings = TrainSettings(batch_size=32)
    x, y = WithRepeats(CORPUS, 8).batch(3, settings)
    plain_x, plain_y = LanguageModelling(CORPUS, 8).batch(3, settings)
    assert torch.equal(x[2:], plain_x[2:]) and torch.equal(y[2:], plain_y[2:])
    assert torch.equal(x[:2, :4], x[:2, 4:])
    # What counts is told by what was said the first time.
    assert (y[:2, :3] == -100).all() and (y[:2, 7] == -100).all()
    assert torch.equal(y[:2, 3:7], x[:2, 4:])
    assert WithRepeats(CORPUS, 8).count((x, y)) == 30 * 8 + 2 * 4


def test_each_step_draws_its_own_tokens_and_always_the_same() -> None:
    objective, settings = WithRepeats(CORPUS, 8), TrainSettings(batch_size=16)
    first, again, other = (objective.batch(step, settings)[0][0] for step in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
