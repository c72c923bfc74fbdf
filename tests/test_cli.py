"""The command line as a script sees it: last line, streams, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TINY = ["--n-layer", "1", "--n-head", "2", "--n-embd", "16", "--device", "cpu"]


def gptlab(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gptlab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text("the cat sat on the mat, the dog sat on the cat.\n" * 200, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(text: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = text.parent / "run"
    done = gptlab(
        "train", "--text", text, "--preset", "gpt2", "--tokenizer", "char", *TINY, "--n-ctx", 16,
        "--batch-size", 4, "--steps", 60, "--dropout", 0, "--seed", 1, "--out", out,
    )  # fmt: skip
    return out, done


def test_train_ends_with_one_json_object(run: tuple) -> None:  # type: ignore[type-arg]
    _, done = run
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert {"val_loss", "val_bits_per_byte", "steps", "tokens_per_second", "seconds"} <= set(report)
    assert report["steps"] == 60 and report["parameters"] > 0
    assert report["val_bits_per_byte"] == pytest.approx(report["val_loss"] / 0.6931, rel=1e-3)
    assert "60/60" in done.stderr and "60/60" not in done.stdout


def test_train_resumes_and_refuses_to_overwrite(run: tuple, text: Path) -> None:  # type: ignore[type-arg]
    out, done = run
    same = ["train", "--text", text, "--tokenizer", "char", *TINY, "--n-ctx", 16, "--batch-size", 4]
    same += ["--steps", 60, "--out", out]
    again = gptlab(*same)
    assert again.returncode == 2 and "already holds a run" in again.stderr
    resumed = gptlab(*same, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    reports = [json.loads(p.stdout.splitlines()[-1]) for p in (done, resumed)]
    assert reports[0]["val_loss"] == reports[1]["val_loss"]


def test_generate_writes_text_and_nothing_else(run: tuple) -> None:  # type: ignore[type-arg]
    out, _ = run
    options = ["generate", "--model", out, "--prompt", "the ", "--max-new-tokens", 20, "--seed", 3]
    first, second = gptlab(*options, "--top-k", 5), gptlab(*options, "--top-k", 5)
    assert first.returncode == 0 and first.stderr == ""
    assert first.stdout == second.stdout and len(first.stdout) == 20
    whole = json.loads(gptlab(*options, "--top-k", 5, "--json").stdout)
    assert whole == {"prompt": "the ", "text": first.stdout}


def test_compare_writes_table_figure_and_json(text: Path, tmp_path: Path) -> None:
    done = gptlab(
        "compare", "--text", text, "--tokenizer", "char", "--seeds", 3, "--tokens", 2048, *TINY,
        "--out", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "GPT-1" in done.stdout and "±" in done.stdout
    report = json.loads(done.stdout.splitlines()[-1])
    assert {len(v["val_loss"]) for v in report["variants"].values()} == {3}
    for name in ("results.json", "compare.png", "compare.svg"):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--text", "missing.txt", "--out", "x"], "missing.txt"),
        (["train", "--text", ".", "--out", "x"], "is a folder"),
        (["train", "--text", "missing.txt", "--n-head", "3", "--out", "x"], "n_head is 3"),
        (["compare", "--text", "missing.txt", "--seeds", "1", "--out", "x"], "--seeds is 1"),
        (["generate", "--model", "nowhere"], "no checkpoint in nowhere"),
        (["generate"], "--model"),
        (["dance"], "dance"),
    ],
)
def test_wrong_input_is_one_clear_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    from gptlab.__main__ import main

    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code  # type: ignore[assignment]
    captured = capsys.readouterr()
    assert code == 2 and captured.out == ""
    assert message in captured.err and "Traceback" not in captured.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["train", "compare", "generate"])
def test_help(command: str) -> None:
    done = gptlab(command, "--help")
    assert done.returncode == 0 and "--seed" in done.stdout
