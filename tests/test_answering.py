"""Answers as text: graded on the answer alone, written as greedy generation writes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from gptlab import checkpoints, generation
from gptlab.answering import Answers, AnswerTuning
from gptlab.config import preset
from gptlab.generation import Sampling
from gptlab.model import GPT
from gptlab.prompting import Layout, Shot
from gptlab.runtime.device import Hardware
from gptlab.settings import TrainSettings
from gptlab.tokenizer import CharTokenizer
from gptlab.training import train

LETTERS = CharTokenizer("\nabcdefgh:? ")  # 0 begins a row and ends an answer
SHORT = Layout("{}?", ":{}", "\n")
LETTER = "abcdefgh"
COPIED = [[(f"{a}{b}", b) for a in LETTER for b in LETTER if (ord(a) + ord(b)) % 3 % 2 == odd]
          for odd in (0, 1)]  # fmt: skip
PAIRS: list[Shot] = [("ab", "c"), ("de", "fgh"), ("hhh", "a")]


def pretrained(n_ctx: int = 24) -> GPT:
    torch.manual_seed(0)
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 32, "n_ctx": n_ctx, "init_std": 0.3}
    return GPT(preset("gpt2-tiny", vocab_size=LETTERS.vocab_size, dropout=0.0, **shape)).eval()


def told(ids: list[int]) -> str:
    return "".join(LETTERS.decode([token]) for token in ids)


def test_a_row_is_question_answer_and_end() -> None:
    (tokens, targets), cut = Answers(LETTERS, SHORT, 24).encode(PAIRS)
    assert cut == 0 and tokens.shape == targets.shape == (3, 8)
    assert told(tokens[1].tolist()) == "\nde?:fgh"
    assert targets[0].tolist() == [-100, -100, -100, *LETTERS.encode(":c"), 0, -100, -100]


def test_the_loss_is_that_of_the_answer_by_brute_force() -> None:
    model, what = pretrained(), AnswerTuning(Answers(LETTERS, SHORT, 24), PAIRS, [("b", "b")])
    settings = TrainSettings(1, batch_size=3)
    loss = what.loss(model, what.batch(0, settings))
    losses = []
    for question, answer in PAIRS:
        ids = [0, *LETTERS.encode(f"{question}?:{answer}"), 0]
        logits = model(torch.tensor([ids[:-1]]))[0]
        first = len(question) + 2  # after the start and the question mark
        losses += F.cross_entropy(
            logits[first - 1 :], torch.tensor(ids[first:]), reduction="none"
        ).tolist()
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert what.count(what.batch(0, settings)) == len(losses)


def test_each_example_comes_once_an_epoch() -> None:
    what = AnswerTuning(Answers(LETTERS, SHORT, 24), PAIRS, [("b", "b")])
    settings = TrainSettings(3, batch_size=1)
    rows = [told(what.batch(step, settings)[0][0].tolist()) for step in range(3)]
    assert sorted(rows) == ["\nab?:c", "\nde?:fgh", "\nhhh?:a"]
    assert what.steps(2, 2) == 3


def test_answers_are_those_of_greedy_generation_whatever_stands_beside_them() -> None:
    model, answers = pretrained(), Answers(LETTERS, SHORT, 24)
    asked = ["a", "hgfed", "bc", "bcb"]
    together = answers.write(model, asked, max_new_tokens=6, batch_size=3)
    sampling = Sampling(6, temperature=0, stop=("\n",))
    for question, answer in zip(asked, together, strict=True):
        prompt = f"\n{question}?"
        alone = generation.generate(model, LETTERS, prompt, sampling)
        assert answer == alone.removeprefix(prompt).strip()
    shots = answers.write(model, ["a"], 6, shots=PAIRS[:2])
    prompt = "\nab?:c\nde?:fgh\na?"
    assert shots == [generation.generate(model, LETTERS, prompt, sampling)[len(prompt) :].strip()]


def test_exact_counts_what_would_be_written_as_it_is() -> None:
    what = AnswerTuning(Answers(LETTERS, SHORT, 24), *COPIED)
    model = pretrained()
    train(model, what, TrainSettings(60, 16, learning_rate=3e-3, warmup=5), progress=False)
    written = what.answers.write(model, [question for question, _ in COPIED[1]], 4)
    right = [SHORT.tell(answer) for _, answer in COPIED[1]]
    share = sum(a == b for a, b in zip(written, right, strict=True)) / len(right)
    assert 0 < share < 1, "learned too much or too little to show anything"
    assert what.measure(model, Hardware(model.device))["val_exact"] == pytest.approx(share)


def test_a_long_question_loses_its_end_and_is_counted() -> None:
    answers = Answers(LETTERS, SHORT, 12)
    (tokens, targets), cut = answers.encode([("abcdefghabcd", "a"), ("b", "c")])
    assert cut == 1 and told(tokens[0].tolist()) == "\nabcdefgh?:a" and targets[0, -1] == 0
    (_, targets), cut = answers.encode([("a", "abcdefghabcd")])
    assert cut == 1 and int((targets != -100).sum()) == 7  # half a row, and the end
    with pytest.raises(ValueError, match="without any question there are 2 tokens"):
        answers.ask("abc", 1)
    assert answers.ask("abc", 3) == ([0, *LETTERS.encode("a?")], True)


@pytest.mark.parametrize(
    ("train_on", "look_at", "words"),
    [
        ([], PAIRS, "there are no examples"),
        ([("a", " ")], PAIRS, "example 0 has an empty text"),
        (PAIRS, PAIRS[1:2], "1 of the questions to validate on are also trained on, the first 'de"),
    ],
)
def test_what_does_not_fit_is_refused(
    train_on: list[Shot], look_at: list[Shot], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        AnswerTuning(Answers(LETTERS, SHORT, 24), train_on, look_at)


def test_tasks_learned_at_once_are_graded_as_each_alone() -> None:
    other_layout = Layout("{}d?", ":{}", "\n")
    other = AnswerTuning(Answers(LETTERS, other_layout, 24), [("a", "hgfed")], [("b", "g")])
    one = AnswerTuning(Answers(LETTERS, SHORT, 24), PAIRS, [("b", "b")])
    both = AnswerTuning(Answers(LETTERS, SHORT, 24), PAIRS, [("b", "b")], also=[other])
    model, settings = pretrained(), TrainSettings(1, batch_size=4)
    rows = both.batch(0, settings)
    assert sorted(told(row.tolist()).rstrip("\n") for row in rows[0]) == [
        "\nab?:c", "\nad?:hgfed", "\nde?:fgh", "\nhhh?:a",
    ]  # fmt: skip
    assert both.steps(1, 4) == 1 and both.cut == 0
    parts = [
        (what, what.batch(0, replace(settings, batch_size=n))) for what, n in ((one, 3), (other, 1))
    ]
    counts = [what.count(batch) for what, batch in parts]
    losses = [what.loss(model, batch).item() for what, batch in parts]
    mean = sum(n * loss for n, loss in zip(counts, losses, strict=True)) / sum(counts)
    assert both.loss(model, rows).item() == pytest.approx(mean, rel=1e-5)
    alone = [what.measure(model, Hardware(model.device)) for what in (one, other)]
    together = both.measure(model, Hardware(model.device))
    assert together["val_exact"] == sum(m["val_exact"] for m in alone) / 2
    assert both.fingerprint() != one.fingerprint()


def test_tasks_learned_at_once_need_one_tokenizer_and_all_fit() -> None:
    foreign = AnswerTuning(
        Answers(CharTokenizer("\nabc:? "), SHORT, 24), [("a", "b")], [("b", "b")]
    )
    with pytest.raises(ValueError, match="need one tokenizer"):
        AnswerTuning(Answers(LETTERS, SHORT, 24), PAIRS, [("b", "b")], also=[foreign])
    longer = AnswerTuning(Answers(LETTERS, SHORT, 32), [("a", "b")], [("b", "b")])
    both = AnswerTuning(Answers(LETTERS, SHORT, 24), PAIRS, [("b", "b")], also=[longer])
    with pytest.raises(ValueError, match="up to 32 tokens"):
        both.check(pretrained(24))


def test_a_model_that_does_not_fit_is_refused() -> None:
    what = AnswerTuning(Answers(LETTERS, SHORT, 32), PAIRS, [("b", "b")])
    with pytest.raises(ValueError, match="n_ctx is 24"):
        what.check(pretrained(24))
    small = GPT(preset("gpt2-tiny", vocab_size=5, n_layer=1, n_embd=8, n_head=1))
    with pytest.raises(ValueError, match="5"):
        what.check(small)


def test_it_learns_and_goes_on_to_the_bit(tmp_path: Path) -> None:
    """Copying a letter behind the question mark, and a run that was stopped on the way."""
    what = AnswerTuning(Answers(LETTERS, SHORT, 24), *COPIED)
    settings = TrainSettings(200, 16, learning_rate=3e-3, warmup=5, final_fraction=1.0)
    model = pretrained()
    history = train(model, what, settings, progress=False)
    assert history.measured["val_exact"] > 0.9
    assert Answers(LETTERS, SHORT, 24).write(model, ["ab", "hc"], 4) == [":b", ":c"]
    half, whole = pretrained(), tmp_path / "run"
    train(half, what, replace(settings, steps=100), out=whole, progress=False)
    resumed = pretrained()
    train(resumed, what, settings, out=whole, resume=True, progress=False)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name
    other = AnswerTuning(Answers(LETTERS, SHORT, 24), COPIED[0][1:], COPIED[1])
    with pytest.raises(ValueError, match="training examples was"):
        train(pretrained(), other, settings, out=whole, resume=True, progress=False)
    assert checkpoints.has_checkpoint(whole)
