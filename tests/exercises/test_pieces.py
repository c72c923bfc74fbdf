"""A GPT from pieces is `gptlab.GPT`, each piece is really used, and a step trains as the loop."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from torch import Tensor

import gptlab
from gptlab.exercises import ch03_1 as check
from gptlab.exercises import pieces
from tests.exercises.test_ch03_1 import attention_right, mask_right, split_right
from tests.exercises.test_ch03_1_model import half_right
from tests.exercises.test_ch03_1_training import step_of

#: Answers as a reader may write them.
SOLVED: dict[str, Any] = {
    "causal_mask": mask_right,
    "attention": attention_right,
    "split_heads": split_right,
    "norm_and_mlp": half_right,
    "train_step": step_of("fcbs"),
}
CONFIG = gptlab.GPTConfig(vocab_size=40, n_ctx=8, n_layer=2, n_head=2, n_embd=12, init_std=0.3)
TOKENS = torch.randint(40, (3, 8), generator=torch.Generator().manual_seed(1))
SETTINGS = gptlab.TrainSettings(
    30, batch_size=4, warmup=5, clip=0, eval_every=30, device="cpu", precision="float32"
)


@pytest.fixture
def corpus() -> Any:
    words = "the file is read and the name of the file is written to the list. "
    return gptlab.from_text(words * 40, "char")


def pair_of_models(config: Any, own: pieces.Pieces | None = None) -> tuple[Any, Any]:
    """Make one from pieces and one by the package, with equal weights that are all in use."""
    made: list[Any] = []
    for kind in (lambda c: pieces.Assembled(c, own), gptlab.GPT):
        torch.manual_seed(7)
        model = kind(config)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(0.1 * torch.randn_like(weight))  # biases and gains too
        made.append(model)
    return made[0], made[1]


@pytest.mark.parametrize("name", [field.name for field in fields(pieces.Pieces)])
def test_the_packages_own_pieces_pass_the_checks(name: str) -> None:
    assert getattr(check, name)(getattr(pieces.Pieces(), name)).passed


@pytest.mark.parametrize("own", [None, pieces.Pieces(**SOLVED)], ids=["package", "reader"])
def test_it_gives_what_the_package_gives(own: pieces.Pieces | None) -> None:
    mine, packages = pair_of_models(CONFIG, own)
    assert torch.allclose(mine(TOKENS), packages(TOKENS), atol=1e-5)
    losses = [model(TOKENS[:, :-1], TOKENS[:, 1:])[1].item() for model in (mine, packages)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert mine.state_dict().keys() == packages.state_dict().keys()


def no_mask(n: int) -> Tensor:
    return torch.ones(n, n, dtype=torch.bool)


def no_scale(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return gptlab.attend(q, k, v, mask, scale=1.0)[0]


def rows_for_heads(x: Tensor, n_head: int) -> Tensor:
    b, t, c = x.shape
    return x.reshape(b, n_head, t, c // n_head)


def no_residual(x: Tensor, *weights: Tensor) -> Tensor:
    return pieces.norm_and_mlp(x, *weights) - x


@pytest.mark.parametrize(
    "wrong",
    [
        {"causal_mask": no_mask},
        {"attention": no_scale},
        {"split_heads": rows_for_heads},
        {"norm_and_mlp": no_residual},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_each_piece_is_used(wrong: dict[str, Any]) -> None:
    mine, packages = pair_of_models(CONFIG, pieces.Pieces(**wrong))
    assert not torch.allclose(mine(TOKENS), packages(TOKENS), atol=1e-2)


@pytest.mark.parametrize(
    "own", [pieces.Pieces(), pieces.Pieces(**SOLVED)], ids=["package", "reader"]
)
def test_its_training_is_that_of_the_package(corpus: Any, own: pieces.Pieces) -> None:
    config = CONFIG.replace(vocab_size=corpus.tokenizer.vocab_size)
    mine, packages = pair_of_models(config, own)
    losses = pieces.train(mine, own.train_step, corpus, SETTINGS, progress=False)
    history = gptlab.train(packages, corpus, SETTINGS, progress=False)
    assert sum(losses) / 30 == pytest.approx(history.records[-1]["train_loss"], abs=1e-4)
    assert gptlab.evaluate(mine, corpus) == pytest.approx(history.val_loss, abs=1e-4)
    assert losses[-1] < losses[0] - 0.1 and not mine.training


def test_another_step_is_another_training(corpus: Any) -> None:
    def heaping(model: Any, x: Tensor, y: Tensor, optimizer: Any) -> float:
        loss = model(x, y)[1]
        loss.backward()
        optimizer.step()
        return loss.item()

    config = CONFIG.replace(vocab_size=corpus.tokenizer.vocab_size)
    mine, packages = pair_of_models(config)
    pieces.train(mine, heaping, corpus, SETTINGS, progress=False)
    history = gptlab.train(packages, corpus, SETTINGS, progress=False)
    assert abs(gptlab.evaluate(mine, corpus) - history.val_loss) > 1e-3


@pytest.mark.parametrize("changed", [{"clip": 1.0}, {"accumulate": 2}, {"optimizer": "muon"}])
def test_settings_that_a_plain_step_cannot_keep_are_refused(
    corpus: Any, changed: dict[str, Any]
) -> None:
    model, _ = pair_of_models(CONFIG.replace(vocab_size=corpus.tokenizer.vocab_size))
    with pytest.raises(ValueError, match="a plain step"):
        pieces.train(model, pieces.train_step, corpus, replace(SETTINGS, **changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"norm": "post"},
        {"final_norm": False},
        {"attention": ("dense", "banded")},
        {"dropout": 0.1},
        {"bias": False},
    ],
)
def test_a_config_of_other_blocks_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"differs in {next(iter(changed))}"):
        pieces.Assembled(CONFIG.replace(**changed))


def test_a_cache_is_refused() -> None:
    with pytest.raises(ValueError, match="no cache"):
        pieces.Assembled(CONFIG).trace(TOKENS[0])


def chapters_cell(holding: str) -> str:
    path = Path(__file__).resolve().parents[2] / "notebooks" / "03_1_transformer.ipynb"
    (found,) = (c.source for c in nbformat.read(path, as_version=4).cells if holding in c.source)
    return str(found)


@pytest.mark.parametrize(
    "own",
    [(), ("causal_mask",), ("train_step", "norm_and_mlp"), tuple(SOLVED)],
    ids=["none", "one", "two", "all"],
)
def test_the_chapter_takes_the_answers_that_are_right(
    own: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cell is run as it stands, with some exercises done, one wrong and the rest open."""
    names: dict[str, Any] = {name: lambda *_: None for name in SOLVED}
    names |= {name: SOLVED[name] for name in own}
    if not own:
        names["causal_mask"] = no_mask
    names |= {"my_attention": names["attention"], "ch03_1": check}
    exec(chapters_cell("my_pieces = "), names)
    assert names["passed"] == {name: SOLVED[name] for name in own}
    said = capsys.readouterr().out
    assert said.count("yours") == len(own) and said.count("is open") == 5 - len(own)
    for name in SOLVED:
        expected = SOLVED[name] if name in own else getattr(pieces.Pieces(), name)
        assert getattr(names["my_pieces"], name) is expected
