"""What is saved comes back, and what is damaged is refused by name."""

import hashlib
import json
import random
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from gptlab import checkpoints
from gptlab.checkpoints import CheckpointError
from gptlab.config import preset
from gptlab.model import GPT
from gptlab.runtime.optimizer_state import optimizer_tensors, restore_optimizers
from gptlab.tokenizer import BPETokenizer, CharTokenizer

TOKENIZER = CharTokenizer("\nabcdefg")


def fresh(name: str = "gpt2-tiny", **changes: object) -> GPT:
    torch.manual_seed(0)
    small = {"vocab_size": 8, "n_ctx": 16, "n_embd": 32, "n_layer": 2, "band": 4}
    return GPT(preset(name, **{**small, **changes}))


@pytest.mark.parametrize("name", ["gpt1-tiny", "gpt2-tiny", "gpt3-tiny"])
@pytest.mark.parametrize("tied", [True, False])
def test_round_trip(tmp_path: Path, name: str, tied: bool) -> None:
    model = fresh(name, tie_weights=tied)
    checkpoints.save(tmp_path, model, TOKENIZER, step=7, state={"note": "é"})
    checkpoint = checkpoints.load(tmp_path)
    again, tokenizer = checkpoints.load_model(tmp_path)
    assert checkpoint.step == 7 and checkpoint.state == {"note": "é"}
    assert again.config == model.config and not again.training
    for (name, mine), theirs in zip(
        model.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs), name
    assert (again.lm_head.weight is again.wte.weight) == tied
    assert tokenizer.encode("bad") == TOKENIZER.encode("bad")


def test_the_newest_is_loaded_and_the_oldest_deleted(tmp_path: Path) -> None:
    for step in (2, 10, 9, 30):
        checkpoints.save(tmp_path, fresh(), TOKENIZER, step=step, keep=2)
    assert checkpoints.load(tmp_path).step == 30
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000010", "step-00000030"]
    assert checkpoints.load(tmp_path / "step-00000010").step == 10


def test_saving_the_same_step_again_replaces_it(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, fresh(), TOKENIZER, step=3)
    checkpoints.save(tmp_path, fresh(n_layer=1), TOKENIZER, step=3)
    assert checkpoints.load(tmp_path).config.n_layer == 1


def test_a_replaced_step_does_not_push_out_the_one_before(tmp_path: Path) -> None:
    for step in (2, 3, 3, 3):
        checkpoints.save(tmp_path, fresh(), TOKENIZER, step=step, keep=2)
    assert sorted(checkpoints.load(p).step for p in tmp_path.iterdir()) == [2, 3]


def test_a_model_and_a_tokenizer_that_do_not_fit(tmp_path: Path) -> None:
    """Refused before anything is written, and refused again where a folder holds such a pair."""
    message = r"tokenizer has 257 ids, but the model's vocab_size is 8"
    with pytest.raises(ValueError, match=message):
        checkpoints.save(tmp_path / "new", fresh(), BPETokenizer([]))
    assert not (tmp_path / "new").exists()
    path = checkpoints.save(tmp_path, fresh(), TOKENIZER)
    about = json.loads((path / "checkpoint.json").read_text())
    forge(path, about, tokenizer_json=BPETokenizer([]).to_json().encode())
    with pytest.raises(CheckpointError, match=message):
        checkpoints.load(tmp_path)
    checkpoints.save(tmp_path / "round", fresh(vocab_size=64), TOKENIZER)  # rounded up
    assert checkpoints.load(tmp_path / "round").config.vocab_size == 64


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_comes_back_in_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    model = fresh().to(dtype)
    checkpoints.save(tmp_path, model, TOKENIZER)
    again, _ = checkpoints.load_model(tmp_path)
    for name, weight in again.state_dict().items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, model.state_dict()[name].float())


def test_nothing_there(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match=r"no checkpoint in .*train --out"):
            checkpoints.load(folder)


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("os.fsync", OSError(28, "No space left on device")),
        ("gptlab.checkpoints.save_file", SafetensorError("No space left on device")),
    ],
)
def test_a_failed_save_keeps_the_one_before(
    where: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints.save(tmp_path, fresh(), TOKENIZER, step=1)

    def full(*asked: object) -> None:
        raise error

    monkeypatch.setattr(where, full)
    with pytest.raises(OSError, match=r"No space left.*untouched"):
        checkpoints.save(tmp_path, fresh(), TOKENIZER, step=2)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]
    assert checkpoints.load(tmp_path).step == 1


def test_a_thousand_damaged_checkpoints_are_refused_by_name(tmp_path: Path) -> None:
    """Bits flipped, ends cut, files missing, swapped or replaced: whichever file it hits."""
    model = fresh()
    path = checkpoints.save(tmp_path, model, TOKENIZER, step=1, optimizers=[trained(model)])
    files = sorted(file.name for file in path.iterdir())
    whole = {name: (path / name).read_bytes() for name in files}
    assert len(files) == 5
    dice = random.Random(0)
    for _ in range(1000):
        name, other = dice.sample(files, 2)
        damaged = bytearray(whole[name])
        match dice.choice(["flip", "cut", "missing", "swap", "pickle", "longer", "zeros"]):
            case "flip":
                damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
            case "cut":
                damaged = damaged[: dice.randrange(len(damaged))]
            case "missing":
                damaged = None
            case "swap":
                damaged = bytearray(whole[other])
            case "pickle":
                damaged = bytearray(b"\x80\x04cos\nsystem\n(S'exit 1'\ntR.")
            case "longer":
                damaged += bytes(dice.randrange(1, 9))
            case "zeros":
                damaged = bytearray(len(damaged))
        (path / name).unlink()
        if damaged is not None:
            (path / name).write_bytes(damaged)
        with pytest.raises((CheckpointError, FileNotFoundError)) as refusal:
            checkpoints.load(path if name != "checkpoint.json" else tmp_path)
        said = str(refusal.value)
        assert "\n" not in said and str(tmp_path) in said
        (path / name).write_bytes(whole[name])
    assert checkpoints.load(tmp_path).step == 1


def trained(model: GPT) -> torch.optim.Optimizer:
    """An optimizer that has made one update, and so has moments to save."""
    optimizer = torch.optim.AdamW(model.parameters())
    tokens = torch.randint(8, (2, 16))
    model(tokens, tokens)[1].backward()
    optimizer.step()
    return optimizer


def forge(path: Path, about: dict, **files: bytes) -> None:  # type: ignore[type-arg]
    """Write files whose checksums are right, so that only their meaning is wrong."""
    for name, content in files.items():
        (path / name.replace("_", ".")).write_bytes(content)
    for name in about.get("files", {}):
        data = (path / name).read_bytes()
        about["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    checkpoints.write_about(path, about)


def test_what_is_well_formed_but_wrong(tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path, fresh(), TOKENIZER, step=1)
    about = json.loads((path / "checkpoint.json").read_text())
    weights = checkpoints.load(path).weights

    def refused(match: str) -> None:
        with pytest.raises(CheckpointError, match=match):
            checkpoints.load(path)

    def with_weights(changed: dict[str, torch.Tensor]) -> None:
        save_file(changed, path / "model.safetensors")
        forge(path, about)

    with_weights({**weights, "wte.weight": weights["wte.weight"][:5].contiguous()})
    refused(r"wte.weight is \(5, 32\)")
    with_weights({**weights, "wte.weight": weights["wte.weight"].half()})
    refused("float16")
    with_weights({k: v for k, v in weights.items() if k != "h.1.ln_1.bias"})
    refused(r"h.1.ln_1.bias is None")
    with_weights({**weights, "extra": torch.zeros(1)})
    refused("extra")
    with_weights(weights)
    assert checkpoints.load(path).step == 1
    header = (2**60).to_bytes(8, "little") + b"{}"
    forge(path, about, model_safetensors=header)
    refused("no valid safetensors")
    forge(path, about, model_safetensors=b"\x80\x04cos\nsystem\n(S'exit 1'\ntR.")
    refused("no valid safetensors")
    with_weights(weights)
    for change, match in [
        ({"n_layer": 10**9}, "2 layers, but its config says n_layer is 1000000000"),
        ({"n_head": 7}, "n_head is 7"),
        ({"n_ctx": 10**12}, "n_ctx is 1000000000000"),
        ({"n_ctx": 10**6}, "wpe.weight"),
        ({"surprise": 1}, "surprise"),
    ]:
        forge(path, {**about, "config": {**about["config"], **change}})
        refused(match)
    for text, match in [
        ("", "JSON"),
        ("[]", "something else"),
        ('{"format": "gptlab checkpoint 1"}', "damaged"),
        ("[" * 100_000, "JSON"),
    ]:
        (path / "checkpoint.json").write_text(text)
        refused(match)
    checkpoints.write_about(path, {"format": "gptlab checkpoint 1"})
    refused("lacks 'step'")
    checkpoints.write_about(path, {**about, "files": {"../x": {}}})
    refused("lists the files")


def test_optimizer_moments_come_back(tmp_path: Path) -> None:
    model = fresh()
    optimizer = torch.optim.AdamW(model.parameters())
    x = torch.randint(8, (2, 16))
    model(x, x)[1].backward()
    optimizer.step()
    checkpoints.save(tmp_path, model, TOKENIZER, step=1, optimizers=[optimizer])
    other = torch.optim.AdamW(model.parameters())
    restore_optimizers([other], model, checkpoints.load(tmp_path).optimizer)
    mine = optimizer_tensors([optimizer], model)
    theirs = optimizer_tensors([other], model)
    assert mine.keys() == theirs.keys() and len(mine) == 3 * len(list(model.parameters()))
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)
