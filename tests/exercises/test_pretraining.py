"""The package's own functions of a pretraining run, against brute force and torch; its loop."""

from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch

from gptlab import GPT, GPTConfig, TrainSettings, from_text, train
from gptlab.exercises import ch04_1, pretraining
from gptlab.tokenizer import CharTokenizer
from tests.exercises.test_ch04_1 import back, by_view, clipped, one_backward

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "04_1_pretraining.ipynb"
#: Answers as a reader may write them.
SOLVED = {"windows": by_view, "clip": clipped, "accumulate": one_backward}

SHAPE = GPTConfig(vocab_size=7, n_ctx=5, n_layer=1, n_head=2, n_embd=8, init_std=0.3)
# A key's bias changes nothing, so its gradient is noise, which a small eps would make a step of.
SETTINGS = TrainSettings(6, 4, accumulate=2, learning_rate=1e-2, warmup=2, eps=1e-3, seed=3)


def small(seed: int = 0) -> GPT:
    torch.manual_seed(seed)
    return GPT(SHAPE)


def documents(n: int = 12) -> list[list[int]]:
    draw = torch.Generator().manual_seed(5)
    return [torch.randint(1, 7, (3 + i % 5,), generator=draw).tolist() for i in range(n)]


def test_windows_are_those_of_a_corpus() -> None:
    """Where there is one document, the stream but for its first id is the corpus's text."""
    corpus = from_text("abcdefg" * 30, CharTokenizer("abcdefg"), val_fraction=0.5)
    ids = corpus.val.tolist()
    x, y = pretraining.windows([ids[1:]], ids[0], 5)
    expected_x, expected_y = corpus.val_windows(5)
    assert torch.equal(x, expected_x) and torch.equal(y, expected_y)


@pytest.mark.parametrize("limit", [0.5, 1.0, 1e6])
def test_clipping_is_that_of_torch(limit: float) -> None:
    model = small()
    x, y = pretraining.windows(documents(), 0, 5)
    model(x, y)[1].backward()
    mine = pretraining.clip([weight.grad for weight in model.parameters()], limit)
    torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
    for own, weight in zip(mine, model.parameters(), strict=True):
        assert torch.allclose(own, weight.grad, atol=1e-6)


def test_pieces_leave_the_gradients_of_the_whole() -> None:
    whole, split = small(), small()
    x, y = pretraining.windows(documents(), 0, 5)
    y = y.clone()  # a view of the stream that x shows too
    y[:3] = -100
    loss = whole(x, y)[1]
    loss.backward()
    told = pretraining.accumulate(split, list(zip(x.split(3), y.split(3), strict=True)))
    assert told == pytest.approx(loss.item(), rel=1e-5)
    for one, other in zip(whole.parameters(), split.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-6)


def test_the_run_makes_the_updates_of_the_loop() -> None:
    """The one loop, given the same windows in the same order, ends at the same weights."""
    x, y = pretraining.windows(documents(), 0, SHAPE.n_ctx)
    draw = torch.Generator().manual_seed(SETTINGS.seed)
    rows = [torch.randperm(len(x), generator=draw)[:4] for _ in range(SETTINGS.steps)]

    class Drawn:
        """A corpus's place in the loop is taken by the windows of each step."""

        tokenizer = CharTokenizer("abcdefg")

        def check(self, model: GPT) -> None: ...

        def batch(self, step: int, settings: TrainSettings):  # type: ignore[no-untyped-def]
            return x[rows[step]], y[rows[step]]

        def count(self, batch) -> int:  # type: ignore[no-untyped-def]
            return int(batch[1].numel())

        def loss(self, forward, batch):  # type: ignore[no-untyped-def]
            return forward(*batch)[1]

        def measure(self, *_: object) -> dict[str, float]:
            return {}

        def fingerprint(self) -> dict[str, str]:
            return {}

    mine, theirs = small(), small()
    losses = pretraining.train(mine, pretraining.Steps(), documents(), 0, SETTINGS, progress=False)
    train(theirs, Drawn(), SETTINGS, progress=False)
    assert len(losses) == SETTINGS.steps and np.isfinite(losses).all()
    for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert not mine.training


def test_the_steps_given_are_the_ones_used() -> None:
    seen = []

    def clip(gradients, limit):  # type: ignore[no-untyped-def]
        seen.append(limit)
        return [torch.zeros_like(gradient) for gradient in gradients]

    model, before = small(), small()
    frozen = TrainSettings(2, 4, learning_rate=1e-2, weight_decay=0, clip=0.7)
    pretraining.train(model, pretraining.Steps(clip=clip), documents(), 0, frozen, progress=False)
    assert seen == [0.7, 0.7]
    for one, other in zip(model.parameters(), before.parameters(), strict=True):
        assert torch.equal(one, other)


def test_too_little_text_is_said() -> None:
    with pytest.raises(ValueError, match="1 windows are too few for a batch of 4"):
        pretraining.train(
            small(), pretraining.Steps(), [[1, 2, 3, 4, 5]], 0, SETTINGS, progress=False
        )


def chapters_cell(holds: str) -> str:
    """Return the chapter's one code cell in which this stands."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (found,) = [c.source for c in cells if c.cell_type == "code" and holds in c.source]
    return str(found)


@pytest.mark.parametrize("own", [(), ("clip",), tuple(SOLVED)], ids=["none", "one", "all"])
def test_the_chapter_takes_the_answers_that_are_right(
    own: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {f"my_{name}": lambda *_: None for name in SOLVED}
    names |= {f"my_{name}": SOLVED[name] for name in own} | {"ch04_1": ch04_1}
    exec(chapters_cell("passed = {"), names)
    assert names["passed"] == {name: SOLVED[name] for name in own}
    said = capsys.readouterr().out
    assert said.count("yours") == len(own) and said.count("open") == 3 - len(own)


def test_the_readers_run_is_the_packages() -> None:
    given, whole = small(), small()
    answers = pretraining.Steps(**SOLVED)
    losses = pretraining.train(given, answers, documents(), 0, SETTINGS, progress=False)
    steps = pretraining.Steps()
    expected = pretraining.train(whole, steps, documents(), 0, SETTINGS, progress=False)
    assert losses == pytest.approx(expected, rel=1e-4)


def test_the_repaired_labels_are_used_again(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"ch04_1": ch04_1, "write": lambda pupil, letters: letters + pupil}
    names |= {"learn": lambda labels_of: ("defgh", labels_of), "moved_by_hand": None}
    exec(chapters_cell("def repaired(ids)"), names | {"labels_for_library": back})
    assert "after abc: abcdefgh" in capsys.readouterr().out
    exec(chapters_cell("def repaired(ids)"), names | {"labels_for_library": lambda x, y: y})
    assert "Exercise 3 is open" in capsys.readouterr().out
