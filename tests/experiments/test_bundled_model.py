"""The bundled model's recipe: text, and a few rows that only the context tells."""

import torch

from gptlab.corpora import from_text
from gptlab.experiments.bundled_model import WithRepeats
from gptlab.objective import LanguageModelling
from gptlab.settings import TrainSettings

CORPUS = from_text("to be or not to be, that is the question. " * 60, tokenizer="char")


def test_one_row_in_eight_repeats_itself_and_only_repetitions_count() -> None:
    settings = TrainSettings(batch_size=32)
    objective = WithRepeats(CORPUS, 64)
    x, y = objective.batch(3, settings)
    plain_x, plain_y = LanguageModelling(CORPUS, 64).batch(3, settings)
    assert torch.equal(x[4:], plain_x[4:]) and torch.equal(y[4:], plain_y[4:])
    periods = set()
    for tokens, targets in zip(x[:4], y[:4], strict=True):
        counted = targets != -100
        assert torch.equal(targets[counted][:-1], tokens[1:][counted[:-1]])  # the next token
        first = int(counted.nonzero()[0])
        assert counted[first:].all()
        period = first + 1
        assert torch.equal(tokens[period:], tokens[:-period])
        assert torch.equal(targets[first:], tokens.repeat(2)[: 64 - first])
        periods.add(period)
    assert len(periods) > 1 and min(periods) >= 4 and max(periods) <= 32


def test_each_step_draws_its_own_tokens_and_always_the_same() -> None:
    objective, settings = WithRepeats(CORPUS, 8), TrainSettings(batch_size=16)
    first, again, other = (objective.batch(step, settings)[0][0] for step in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
