"""Frozen weights stay where they are, to the bit, and all others learn as if nothing were said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gptlab.config import preset
from gptlab.finetuning import Example, FineTuning, Task
from gptlab.freezing import freeze, frozen
from gptlab.model import GPT
from gptlab.runtime import processes
from gptlab.settings import TrainSettings, make_optimizers
from gptlab.tokenizer import CharTokenizer
from gptlab.training import train

LETTERS = CharTokenizer("\nabcdefgh")
KNOWN = LETTERS.vocab_size
SETTINGS = TrainSettings(
    6, batch_size=4, learning_rate=3e-3, warmup=2, weight_decay=0.5, device="cpu", save_every=3
)
OPTIMIZERS = pytest.mark.parametrize("kind", ["adamw", "muon"])


def read(text: str, label: int = 0) -> Example:
    return Example((text,), label)


def objective() -> FineTuning:
    seen = [read(text, i % 2) for i, text in enumerate(("abc", "bcd", "hga", "fed", "cab", "gg"))]
    return FineTuning(Task(LETTERS, ("no", "yes"), n_ctx=8), seen, [read("ha")])


def model_of(what: FineTuning) -> GPT:
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 16, "n_ctx": 8, "dropout": 0.1}
    torch.manual_seed(1)
    return what.task.model(GPT(preset("gpt2-tiny", vocab_size=KNOWN, **shape)))


def weights(model: GPT) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


@OPTIMIZERS
@pytest.mark.parametrize("layers", [0, 1, 2])
def test_what_is_frozen_does_not_move_and_all_else_does(layers: int, kind: Any) -> None:
    what = objective()
    model = model_of(what)
    before = weights(model)
    what.task.freeze(model, layers)
    train(model, what, replace(SETTINGS, optimizer=kind), progress=False)
    below = ("wpe.", *(f"h.{i}." for i in range(layers)))
    after = weights(model)
    for name, weight in after.items():
        if name == "wte.weight":
            assert torch.equal(weight[:KNOWN], before[name][:KNOWN])
            moved = (weight[KNOWN + 1 :] != before[name][KNOWN + 1 :]).any(1)
            assert moved.all(), "the task's own ids learn"
        else:
            assert torch.equal(weight, before[name]) == name.startswith(below), name


def test_what_is_not_frozen_gets_the_gradients_it_always_gets() -> None:
    what = objective()
    batch = what.batch(0, SETTINGS)
    free, held = model_of(what).eval(), model_of(what).eval()
    what.task.freeze(held, 1)
    for model in (free, held):
        what.loss(model, batch).backward()
    whole = {name: weight.grad for name, weight in free.named_parameters()}
    for name, weight in held.named_parameters():
        expected = whole[name]
        assert expected is not None
        if not weight.requires_grad:
            assert weight.grad is None
            continue
        assert weight.grad is not None
        if name == "wte.weight":
            expected = expected.clone()
            expected[:KNOWN] = 0
        torch.testing.assert_close(weight.grad, expected)


@OPTIMIZERS
def test_a_stopped_run_goes_on_to_the_bit(tmp_path: Path, kind: Any) -> None:
    settings = replace(SETTINGS, optimizer=kind, final_fraction=1.0)
    ends = []
    for stops in ((6,), (3, 6)):
        out = tmp_path / str(len(stops))
        for resume, steps in enumerate(stops):
            what = objective()
            model = model_of(what)
            what.task.freeze(model, 1)
            now = replace(settings, steps=steps)
            train(model, what, now, out=out, resume=bool(resume), progress=False)
        ends.append(weights(model))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    with pytest.raises(
        ValueError, match=r"wte.weight.:9., .+ … \(14 weights\) frozen, and now it is noth"
    ):
        longer = replace(settings, steps=9)
        train(model_of(what), what, longer, out=out, resume=True, progress=False)


def test_names_what_is_frozen() -> None:
    what = objective()
    model = model_of(what)
    assert frozen(model) == []
    what.task.freeze(model, 0)
    assert frozen(model) == [f"wte.weight[:{KNOWN}]", "wpe.weight"]
    what.task.freeze(model, 0)  # twice is once
    freeze(model, 1)  # and more is more: now all ids
    assert frozen(model)[:3] == ["wte.weight", "wpe.weight", "h.0.ln_1.weight"]
    assert not any(name.startswith(("h.1", "ln_f")) for name in frozen(model))
    what.task.freeze(model, 0)  # nothing is set free
    assert frozen(model)[0] == "wte.weight"


@OPTIMIZERS
def test_a_frozen_weight_has_no_optimizer(kind: Any) -> None:
    what = objective()
    model = model_of(what)
    what.task.freeze(model, 1)
    groups = [
        g for o in make_optimizers(model, replace(SETTINGS, optimizer=kind)) for g in o.param_groups
    ]
    owned = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(owned) == sorted(id(w) for w in model.parameters() if w.requires_grad)
    (decay,) = (
        g["weight_decay"] for g in groups if any(w is model.wte.weight for w in g["params"])
    )
    assert decay == 0.0


def test_frozen_weights_are_not_split_over_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Splitting makes new tensors, which know nothing of frozen rows."""
    what = objective()
    model = model_of(what)
    what.task.freeze(model, 1)
    monkeypatch.setattr(processes, "join", lambda: processes.World(rank=0, size=2))
    with pytest.raises(ValueError, match="cannot be split over processes"):
        train(model, what, replace(SETTINGS, shard=True), progress=False)


def test_impossible_wishes_are_refused() -> None:
    what = objective()
    model = model_of(what)
    with pytest.raises(ValueError, match="layers is 3; it must be at most 2"):
        freeze(model, 3)
    with pytest.raises(ValueError, match="ids is 99; it must be at most 13"):
        freeze(model, 1, ids=99)
    with pytest.raises(ValueError, match=r"task.model\(pretrained\)"):
        what.task.freeze(GPT(model.config.replace(vocab_size=KNOWN)), 1)
    for weight in model.parameters():
        weight.requires_grad_(False)
    with pytest.raises(ValueError, match="every weight of the model is frozen"):
        train(model, what, SETTINGS, progress=False)
