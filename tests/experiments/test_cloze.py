"""The cloze: gaps that can be told apart, and judges that are right about what they know."""

import pytest
import torch

from gptlab.config import preset
from gptlab.experiments import cloze
from gptlab.model import GPT
from gptlab.text import documentation
from gptlab.tokenizer import CharTokenizer

TRAIN = ["The cat sat on the mat. The cat sat on the hat."]
VAL = [
    "When the light of the day is gone we all go to sleep.",
    "Now and then a line of this long text says nothing of use.",
    "It ends in a number, so that nobody is asked for it at all 42.",
    "Too short to ask.",
]


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documentation, "documents", lambda sources: (TRAIN, VAL))


def test_gaps_hold_the_right_word_among_last_words(texts: None) -> None:
    asked = cloze.gaps(10, choices=2)
    assert {gap.candidates[gap.answer] for gap in asked} == {"sleep", "use"}
    assert all(gap.candidates == ("sleep", "use") for gap in asked)
    assert all(not gap.before.endswith(" ") and gap.before.count(" ") > 5 for gap in asked)
    assert asked == cloze.gaps(10, choices=2) and len(cloze.gaps(1)) == 1


def test_a_judge_of_pairs_knows_what_followed(texts: None) -> None:
    mat = cloze.Gap("The cat sat on the", ("cat", "hat", "sat"), 1)
    single, pair = cloze.by_counting(1)(mat), cloze.by_counting(2)(mat)
    assert single[0] == single[2] > single[1]  # cat and sat stand there twice
    assert pair[0] > pair[1] > pair[2]  # the cat, twice; the hat, once; the sat, never
    assert cloze.accuracy(cloze.by_counting(2), [mat]) == 0


def test_the_model_judges_by_the_whole_word() -> None:
    torch.manual_seed(0)
    tokenizer = CharTokenizer(" .abcdehlt\n")
    shape = {"n_layer": 2, "n_embd": 16, "n_head": 2, "n_ctx": 32}
    model = GPT(preset("gpt2-tiny", vocab_size=tokenizer.vocab_size, **shape))
    gap = cloze.Gap("a b", ("cat", "a", "the"), 0)
    told = cloze.by_model(model, tokenizer)(gap)
    for word, value in zip(gap.candidates, told, strict=True):
        ids = [tokenizer.start_id, *tokenizer.encode(f"a b {word}.")]
        logprobs = model(torch.tensor([ids])).log_softmax(-1)[0]
        start = 1 + len("a b")
        expected = sum(logprobs[i - 1, ids[i]].item() for i in range(start, len(ids)))
        assert value == pytest.approx(expected, abs=1e-4)
