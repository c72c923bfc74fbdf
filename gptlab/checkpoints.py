"""Saving and loading: safetensors for tensors, JSON for the rest, and never half a checkpoint.

A run's folder holds one folder a saved step:

    RUN/step-00000400/model.safetensors      weights
                      optimizer.safetensors  Adam's moments, where the run can go on
                      tokenizer.json         what turns text into the model's ids
                      checkpoint.json        config, step, history, and a SHA-256 of each file
                      checkpoint.sha256      that of checkpoint.json itself

A checkpoint is written under another name, flushed to the disk and renamed, so a folder with the
right name is complete. Nothing here unpickles: loading a file from a stranger runs no code.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gptlab.config import GPTConfig
from gptlab.data import DATA
from gptlab.model import GPT
from gptlab.runtime.atomic import flush
from gptlab.runtime.device import find_device
from gptlab.runtime.optimizer_state import optimizer_tensors
from gptlab.runtime.processes import full_tensor
from gptlab.tokenizer import Tokenizer, load_tokenizer

#: How weights may be stored; a model is loaded in float32 whichever it is.
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

#: The models that come with the package.
BUNDLED = ("model", "in-context")

_FORMAT = "gptlab checkpoint 1"
_STEP = "step-"
_SAVING = ".saving-"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Checkpoint:
    """One saved step, checked.

    Attributes:
        path: its folder.
        step: updates made so far.
        config: the model's shape.
        tokenizer: what turns text into the model's ids.
        state: whatever JSON-ready values the saver added (settings, history, …).
        optimizer: Adam's moments by "moment/parameter name", empty if none were saved.
    """

    path: Path
    step: int
    config: GPTConfig
    tokenizer: Tokenizer
    state: dict[str, Any]
    optimizer: dict[str, Tensor]
    weights: dict[str, Tensor]

    def model(self, device: torch.device | str = "cpu") -> GPT:
        """Build the model with the saved weights, in float32 and in evaluation mode.

        Raises:
            ValueError: for a device this machine does not have.
        """
        where, _ = find_device(device)
        model = GPT(self.config)
        self.load_into(model)
        return model.to(where).eval()

    def load_into(self, model: GPT) -> None:
        """Put the saved weights into a model of the same config.

        Raises:
            CheckpointError: if the shapes do not match.
        """
        if model.config != self.config:
            raise CheckpointError(
                f"{self.path} holds another model than the one asked for; they differ in "
                f"{self.config.diff(model.config)}."
            )
        weights = dict(self.weights)
        if self.config.tie_weights:
            weights["lm_head.weight"] = weights["wte.weight"]
        model.load_state_dict(weights)


def check_savable(model: GPT, tokenizer: Tokenizer) -> None:
    """Make sure that what `save` would write could be loaded again.

    Raises:
        ValueError: for weights of a type that is not stored here, or a tokenizer with more ids than
            the model.
    """
    kinds = {weight.dtype for weight in model.parameters()}
    if len(kinds) > 1 or not kinds <= set(DTYPES):
        raise ValueError(
            f"the weights are {', '.join(sorted(map(str, kinds)))}; a checkpoint holds all of them "
            f"in one of {', '.join(map(str, DTYPES))}: call model.float() first."
        )
    tokenizer.check_fits(model.config.vocab_size)


def save(
    folder: Path | str,
    model: GPT,
    tokenizer: Tokenizer,
    *,
    step: int = 0,
    optimizers: Sequence[torch.optim.Optimizer] = (),
    state: dict[str, Any] | None = None,
    keep: int = 2,
    write: bool = True,
) -> Path:
    """Write one checkpoint into a run's folder, and delete all but the newest ``keep``.

    Args:
        folder: the run's folder, made if missing.
        model: its weights and config are saved.
        tokenizer: saved beside it.
        step: number of updates made; part of the name.
        optimizers: their state is saved, so that the run can go on.
        state: JSON-ready values to come back as ``Checkpoint.state``.
        keep: how many checkpoints stay, at least 1.
        write: False in all but one of several processes: weights that are spread over them are
            fetched, which takes all, and written by one.

    Returns:
        The checkpoint's folder.

    Raises:
        ValueError: if it could not be loaded again: see `check_savable`.
        OSError: if the disk is full or the folder cannot be written; older checkpoints stay.
    """
    check_savable(model, tokenizer)
    folder = Path(folder)
    final = folder / f"{_STEP}{step:08d}"
    while final.exists():  # the same step saved again: the old one goes only when the new is there
        final = final.with_name(final.name + "+")
    weights = _weights(model)
    moments = optimizer_tensors(optimizers, model)
    if not write:
        return final
    folder.mkdir(parents=True, exist_ok=True)
    for unfinished in folder.glob(f"{_SAVING}*"):  # by a run that was killed while it saved
        shutil.rmtree(unfinished, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=_SAVING, dir=folder))
    try:
        save_file(weights, temporary / "model.safetensors")
        if moments:
            save_file(moments, temporary / "optimizer.safetensors")
        tokenizer.save(temporary)
        files = {path.name: _fingerprint(path) for path in sorted(temporary.iterdir())}
        about = {
            "format": _FORMAT,
            "step": step,
            "config": model.config.to_dict(),
            "state": state or {},
            "files": files,
        }
        write_about(temporary, about)
        for path in temporary.iterdir():
            flush(path)
        temporary.rename(final)
        flush(folder)
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"could not save step {step} to {folder} ({error}); the checkpoints before it are "
            f"untouched. Free some space or choose another folder."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    # What this one replaces goes first, or it would count among those that stay.
    replaced = [old for old in folder.glob(f"{_STEP}{step:08d}*") if old != final]
    for old in replaced:
        shutil.rmtree(old, ignore_errors=True)
    for old in _steps(folder)[: -max(1, keep)]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def load(folder: Path | str) -> Checkpoint:
    """Read a checkpoint: a run's folder gives its newest, a step's folder that one.

    Raises:
        FileNotFoundError: if there is no checkpoint.
        CheckpointError: if a file is damaged, missing or not what the checkpoint says it is.
    """
    path = Path(folder)
    if not (path / "checkpoint.json").is_file():
        steps = _steps(path) if path.is_dir() else []
        if not steps:
            raise FileNotFoundError(
                f"there is no checkpoint in {path}; give the folder that `train --out` wrote."
            )
        path = steps[-1]
    about = _read_about(path)
    for name, expected in about["files"].items():
        file = path / name
        if not file.is_file() or _fingerprint(file) != expected:
            raise CheckpointError(
                f"{file} is missing or damaged: it is not the file that was saved. Use an older "
                f"checkpoint, or train again."
            )
    try:
        config = GPTConfig.from_dict(about["config"])
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path / 'checkpoint.json'}: {error}") from error
    weights = _read_tensors(path / "model.safetensors")
    _check_weights(path / "model.safetensors", config, weights)
    has_optimizer = "optimizer.safetensors" in about["files"]
    tokenizer = load_tokenizer(path)
    try:
        tokenizer.check_fits(config.vocab_size)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return Checkpoint(
        path=path,
        step=about["step"],
        config=config,
        tokenizer=tokenizer,
        state=about["state"],
        optimizer=_read_tensors(path / "optimizer.safetensors") if has_optimizer else {},
        weights=weights,
    )


def load_model(folder: Path | str, device: torch.device | str = "cpu") -> tuple[GPT, Tokenizer]:
    """Return a saved model, ready to generate, and its tokenizer."""
    checkpoint = load(folder)
    return checkpoint.model(device), checkpoint.tokenizer


def load_bundled(name: str = "model") -> tuple[GPT, Tokenizer]:
    """Return a model that comes with the package, and its tokenizer.

    Args:
        name: "model", a small GPT-2 trained on documentation, or "in-context", a tiny one that
            answers from examples in its context; their cards are `data/NAME/README.md`.

    Raises:
        ValueError: for any other name.
    """
    if name not in BUNDLED:
        raise ValueError(f"no model named {name!r} comes along; choose {', '.join(BUNDLED)}.")
    with as_file(DATA / name) as folder:
        return load_model(folder)


def has_checkpoint(folder: Path | str) -> bool:
    """Whether a run's folder holds at least one complete checkpoint."""
    return bool(_steps(Path(folder)))


def _weights(model: GPT) -> dict[str, Tensor]:
    weights = {
        name: full_tensor(value.detach()).cpu() for name, value in model.state_dict().items()
    }
    if model.config.tie_weights:
        del weights["lm_head.weight"]  # the same tensor as wte.weight
    return {name: value.contiguous() for name, value in weights.items()}


def write_about(path: Path, about: dict[str, Any]) -> None:
    """Write `checkpoint.json` into a step's folder, and beside it what tells that it is whole."""
    data = json.dumps(about, indent=1, allow_nan=False).encode()
    (path / "checkpoint.json").write_bytes(data)
    (path / "checkpoint.sha256").write_text(_checksum_line(data), encoding="ascii")


def _checksum_line(data: bytes) -> str:
    """Say what `sha256sum -c` reads."""
    return f"{hashlib.sha256(data).hexdigest()}  checkpoint.json\n"


def _steps(folder: Path) -> list[Path]:
    found = folder.glob(f"{_STEP}*") if folder.is_dir() else []
    return sorted(path for path in found if (path / "checkpoint.json").is_file())


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _read_about(path: Path) -> dict[str, Any]:
    file = path / "checkpoint.json"
    try:
        data = file.read_bytes()
        about = json.loads(data)
        intact = (path / "checkpoint.sha256").read_bytes() == _checksum_line(data).encode()
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} cannot be read as JSON: {error}") from error
    kinds = {"format": str, "step": int, "config": dict, "state": dict, "files": dict}
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise CheckpointError(f'{file} does not say "format": "{_FORMAT}"; it is something else.')
    if not intact:
        raise CheckpointError(
            f"{file} is damaged: it is not the file that was saved, by {path / 'checkpoint.sha256'}"
            f". Use an older checkpoint, or train again."
        )
    for key, kind in kinds.items():
        if not isinstance(about.get(key), kind):
            raise CheckpointError(f"{file} lacks {key!r}, or it is no {kind.__name__}.")
    needed = {"model.safetensors", "tokenizer.json"}
    if not needed <= set(about["files"]) <= needed | {"optimizer.safetensors"}:
        raise CheckpointError(f"{file} lists the files {sorted(about['files'])}, not {needed}.")
    return about


def _read_tensors(file: Path) -> dict[str, Tensor]:
    try:
        with safe_open(file, framework="pt") as tensors:
            return {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file} is no valid safetensors file: {error}") from error


def _check_weights(file: Path, config: GPTConfig, weights: dict[str, Tensor]) -> None:
    """Compare names, shapes and types with the config before any model is built."""
    layers = {name.split(".")[1] for name in weights if name.startswith("h.")}
    if len(layers) != config.n_layer:
        raise CheckpointError(
            f"{file} holds {len(layers)} layers, but its config says n_layer is {config.n_layer}."
        )
    with torch.device("meta"):
        expected = GPT(config).state_dict()
    if config.tie_weights:
        del expected["lm_head.weight"]
    kinds = {weight.dtype for weight in weights.values()}
    if len(kinds) > 1 or not kinds <= set(DTYPES):
        raise CheckpointError(f"{file} holds {sorted(map(str, kinds))}; one of {DTYPES} is read.")
    for name in sorted(set(expected) | set(weights)):
        want = tuple(expected[name].shape) if name in expected else None
        have = tuple(weights[name].shape) if name in weights else None
        if want != have:
            raise CheckpointError(f"{file}: {name} is {have}, but its config asks for {want}.")
