"""Named tasks: every line says what is so, and no line holds what is asked."""

from pathlib import Path

import pytest
import torch

from gptlab.answering import AnswerTuning
from gptlab.experiments import named_tasks
from gptlab.experiments.named_tasks import (
    AT_ONCE,
    KNOWN,
    NAMED,
    NAMELESS,
    NEW,
    TOKENIZER,
    TOLD,
    UNTOLD,
    WAYS,
    Names,
)
from gptlab.model import GPT

#: Told apart from the package's by writing out what each does to one word, letter by letter.
BY_PLACE = {"reverse": "dcba", "turn": "bcda"}
BY_LETTER = {"next": "bcdefgha", "upper": "ABCDEFGH"}


def by_hand(names: Names, word: str) -> str:
    for name in names:
        if name in BY_PLACE:
            word = "".join(word["abcd".index(letter)] for letter in BY_PLACE[name])
        else:
            small = [BY_LETTER[name]["abcdefgh".index(letter.lower())] for letter in word]
            pairs = zip(small, word, strict=True)
            word = "".join(new.upper() if old.isupper() else new for new, old in pairs)
    return word


def test_every_line_is_right_and_none_names_an_untold_pair() -> None:
    corpus = named_tasks.text(3, count=6000)
    lines = TOKENIZER.decode([*corpus.train.tolist(), *corpus.val.tolist()]).split("\n")
    held_out = set(named_tasks.words(held_out=True))
    seen = set()
    for line in lines:
        names, _, rest = line.partition(": ")
        word, _, answer = rest.partition(" = ")
        task = tuple(names.split(" "))
        assert answer == by_hand(task, word), line
        assert task not in UNTOLD and word not in held_out
        seen.add(task)
    assert seen == set(TOLD)
    assert {name for pair in UNTOLD for name in pair} <= {name for task in seen for name in task}
    assert max(map(len, lines)) < 32


def test_without_names_the_same_lines_are_left() -> None:
    with_names, without = (
        TOKENIZER.decode(named_tasks.text(1, way, 3000).train.tolist()).splitlines()
        for way in (NAMED, NAMELESS)
    )
    shared = min(len(with_names), len(without))
    assert [line.partition(": ")[2] for line in with_names[:shared]] == without[:shared]


def test_rows_of_tasks_learned_at_once_tell_them_apart() -> None:
    what = named_tasks.at_once(count=3)
    assert isinstance(what, AnswerTuning)
    assert what.steps(1, 1) == 3 * len(TOLD)
    layouts = what.fingerprint()["layout"]
    for names in TOLD:
        assert f"'{' '.join(names)}: {{}} ='" in layouts
    for names in UNTOLD:
        assert f"'{' '.join(names)}: {{}} ='" not in layouts


def test_whoever_does_the_first_half_alone_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_alone(model: GPT, names: Names, asked: list[str], named: bool = True) -> list[str]:
        return [by_hand(names[:1], word) for word in asked]

    monkeypatch.setattr(named_tasks, "ask", first_alone)
    found = named_tasks.examine(GPT(named_tasks.shape()), NAMED, 1, tested=50)
    assert found.halves == 1.0 and found.right[NEW] < 0.2
    assert 4 / 12 <= found.right[KNOWN] < 0.5  # the single ones, and words that stay as they are


@pytest.mark.parametrize("way", [NAMELESS, AT_ONCE])
def test_a_short_run_of_each_way_is_measured_and_kept(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = named_tasks.measure(way, 1, steps=2, progress=False, count=300)
    assert found is not None
    model, measured = found
    assert set(measured.right) == {KNOWN, NEW} and measured.seconds > 0
    monkeypatch.setattr(named_tasks, "measure", lambda *_: (model, measured))
    path = tmp_path / "kept.json"
    named_tasks.record(path, seeds=(1,))
    assert named_tasks.NamedTasks.load(path).measured == [measured] * len(WAYS)


def test_a_model_asked_for_a_task_reads_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = GPT(named_tasks.shape())
    read = []
    model.register_forward_pre_hook(lambda _, given: read.append(given[0][0].tolist()))
    named_tasks.ask(model, ("reverse", "upper"), ["abcd"])
    named_tasks.ask(model, ("reverse", "upper"), ["abcd"], named=False)
    prompts = [TOKENIZER.decode(ids) for ids in read if len(ids) > 1]
    assert prompts[0] == "\nreverse upper: abcd =" and "\nabcd =" in prompts
