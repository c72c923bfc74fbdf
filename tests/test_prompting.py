"""Prompting: contexts as they are read, answers scored as by brute force, and no weight moves."""

import pytest
import torch

from gptlab.checkpoints import load_bundled
from gptlab.config import preset
from gptlab.experiments.in_context import ANSWERS, QUESTIONS
from gptlab.model import GPT
from gptlab.prompting import Layout, Shot, draw_shots, fitting, log_probabilities, scores
from gptlab.tokenizer import CharTokenizer

LETTERS = CharTokenizer("\nabcdefgh:? ")
SHORT = Layout("{}?", ":{}", "\n")
POOL: list[Shot] = [("ab", "c"), ("de", "fg"), ("h", "a"), ("b", "b")]


@pytest.fixture
def model() -> GPT:
    torch.manual_seed(0)
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 32, "n_ctx": 24, "init_std": 0.3}
    return GPT(preset("gpt2-tiny", vocab_size=LETTERS.vocab_size, **shape)).eval()


def test_a_context_is_examples_and_then_the_question() -> None:
    assert SHORT.context([], "gh") == "gh?"
    assert SHORT.context(POOL[:2], "gh") == "ab?:c\nde?:fg\ngh?"
    told = Layout(instruction="Add.\n").context([("{} 1", "2")], "3")
    assert told == "Add.\nQ: {} 1\nA: 2\n\nQ: 3\nA:"  # a reader's braces are text


def test_examples_are_drawn_by_their_seed() -> None:
    drawn = draw_shots(POOL, 3, seed=1)
    assert drawn == draw_shots(POOL, 3, seed=1) and len(set(drawn)) == 3
    assert len({tuple(draw_shots(POOL, 4, seed)) for seed in range(20)}) > 5
    assert draw_shots(POOL, 0, seed=1) == []
    with pytest.raises(ValueError, match="k is 5; it must be at most 4"):
        draw_shots(POOL, 5, seed=1)


def by_brute_force(model: GPT, before: str, end: str) -> float:
    """Add up the tokens' log-probabilities, one forward pass a token."""
    ids, total = LETTERS.encode(before), 0.0
    for token in LETTERS.encode(end):
        total += model(torch.tensor([ids]))[0, -1].log_softmax(-1)[token].item()
        ids.append(token)
    return total


def test_log_probabilities_by_brute_force(model: GPT) -> None:
    ends = ["c", "fgh", "ab"]
    sums, lengths = log_probabilities(model, LETTERS, "ab?:", ends)
    assert sums.tolist() == pytest.approx([by_brute_force(model, "ab?:", e) for e in ends])
    assert lengths.tolist() == [1, 3, 2]
    from_start, _ = log_probabilities(model, LETTERS, "ab?:", ends, from_start=True)
    assert from_start[0].item() == pytest.approx(by_brute_force(model, "\nab?:", "c"))
    empty, _ = log_probabilities(model, LETTERS, "", ["c"])
    assert empty[0].item() == pytest.approx(by_brute_force(model, "\n", "c"))


def test_all_ends_together_are_certain(model: GPT) -> None:
    sums, _ = log_probabilities(model, LETTERS, "ab", list(LETTERS.characters))
    assert sums.exp().sum().item() == pytest.approx(1.0)


def test_what_does_not_fit_is_cut_from_the_left(model: GPT) -> None:
    long = "abcdefgh" * 5
    cut, _ = log_probabilities(model, LETTERS, long, ["a", "bc"])
    kept = long[-(24 + 1 - 2) :]
    assert cut[1].item() == pytest.approx(by_brute_force(model, kept, "bc"))
    with pytest.raises(ValueError, match="an end has 40 tokens, but the model's n_ctx is 24"):
        log_probabilities(model, LETTERS, "a", [long])
    for ends in ([], ["a", ""]):
        with pytest.raises(ValueError, match="give at least one, none of them empty"):
            log_probabilities(model, LETTERS, "a", ends)


def test_answers_are_compared_in_three_ways(model: GPT) -> None:
    answers = ["c", "fgh"]
    asked = (model, LETTERS, POOL[:1], "de", answers, SHORT)
    sums = torch.tensor([by_brute_force(model, "ab?:c\nde?", f":{a}") for a in answers])
    alone = torch.tensor([by_brute_force(model, "?", f":{a}") for a in answers])
    torch.testing.assert_close(scores(*asked, compared="sum"), sums)
    torch.testing.assert_close(scores(*asked, compared="token"), sums / torch.tensor([2, 4]))
    torch.testing.assert_close(scores(*asked, compared="lift"), sums - alone)
    with pytest.raises(ValueError, match="compared is 'words'"):
        scores(*asked, compared="words")  # type: ignore[arg-type]


def test_the_first_examples_go_where_there_is_no_room() -> None:
    needed = [len(SHORT.context(POOL[first:], "gh")) for first in range(5)]
    for first, room in enumerate(needed):
        assert fitting(POOL, "gh", SHORT, LETTERS, room) == POOL[first:]
    with pytest.raises(ValueError, match="the question alone takes 3 tokens"):
        fitting(POOL, "gh", SHORT, LETTERS, 2)


def test_layouts_without_a_place_for_the_text_are_refused() -> None:
    for wrong in ("Q:", "{} {}"):
        with pytest.raises(ValueError, match=r"it needs \{\} once"):
            Layout(question=wrong)


def test_an_example_in_the_context_tells_the_answer_and_no_weight_moves() -> None:
    learner, letters = load_bundled("in-context")
    before = {name: weight.clone() for name, weight in learner.state_dict().items()}
    pairs: list[Shot] = list(zip(QUESTIONS, reversed(ANSWERS), strict=True))
    bare = Layout("{}", "{}", "")
    right = {0: 0, 8: 0}
    for k in right:
        for seed, (question, answer) in enumerate(pairs):
            shots = draw_shots([p for p in pairs if p[0] != question], k, seed)
            shots += [(question, answer)] if k else []
            found = scores(learner, letters, shots, question, ANSWERS, bare).argmax()
            right[k] += ANSWERS[found] == answer
    assert right[0] <= 4 and right[8] == 16
    after = learner.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(weight.grad is None for weight in learner.parameters())
