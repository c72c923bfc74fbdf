"""The command line as a script sees it: last line, streams, exit codes."""

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch

from gptlab.__main__ import main

TINY = ["--n-layer", "1", "--n-head", "2", "--n-embd", "16", "--device", "cpu"]


def gptlab(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command as a script would, in this process: starting Python takes seconds."""
    out, err = io.StringIO(), io.StringIO()
    command = list(map(str, arguments))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(command)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def new_process(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "gptlab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=300, check=False)


def test_a_new_process_says_what_this_one_does(run: tuple) -> None:  # type: ignore[type-arg]
    out, _ = run
    options = ["generate", "--model", out, "--prompt", "the ", "--max-new-tokens", 20, "--seed", 3]
    there, here = new_process(*options), gptlab(*options)
    assert there.returncode == 0 and there.stderr == b""
    assert there.stdout.decode() == here.stdout
    assert new_process("generate", "--model", "nowhere").returncode == 2


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
        "--batch-size", 4, "--steps", 60, "--warmup", 5, "--dropout", 0, "--seed", 1, "--out", out,
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
    same += ["--steps", 60, "--warmup", 5, "--out", out]
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


def train_on(text: Path, out: Path, *more: object) -> subprocess.CompletedProcess[str]:
    shape = ["--n-ctx", 16, "--batch-size", 2, "--vocab-size", 300]
    return gptlab("train", "--text", text, "--out", out, *TINY, *shape, *more)


def test_a_run_goes_on_with_what_it_was_started_with(tmp_path: Path) -> None:
    """Its tokenizer stands in its folder; a text that has grown is refused, with what changed."""
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat, the dog sat on the cat.\n" * 100)
    assert train_on(text, tmp_path / "run", "--steps", 4).returncode == 0
    same = train_on(text, tmp_path / "run", "--steps", 4, "--resume")
    assert same.returncode == 0, same.stderr
    text.write_text(text.read_text() + "zebras and quaggas graze; gnus doze.\n" * 100)
    grown = train_on(text, tmp_path / "run", "--steps", 4, "--resume")
    assert grown.returncode == 2 and "other data: training text was" in grown.stderr
    assert "tokenizer was" not in grown.stderr and len(grown.stderr.splitlines()) == 1
    longer = train_on(tmp_path / "text.txt", tmp_path / "new", "--steps", 4, "--final-fraction", 1)
    assert longer.returncode == 0
    more = ("--final-fraction", 1, "--resume")
    longer = train_on(text, tmp_path / "new", "--steps", 7, *more)
    assert longer.returncode == 0 and json.loads(longer.stdout.splitlines()[-1])["steps"] == 7


def test_a_run_that_cannot_grow_says_why(run: tuple, text: Path) -> None:  # type: ignore[type-arg]
    out, _ = run
    more = ["--tokenizer", "char", "--n-ctx", 16, "--batch-size", 4, "--warmup", 5]
    done = gptlab("train", "--text", text, *TINY, *more, "--steps", 90, "--out", out, "--resume")
    assert done.returncode == 2 and "laid out for 60 steps" in done.stderr


def test_compiling_that_was_asked_for_and_fails_is_one_line(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "/bin/false")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    small = [*TINY, "--n-ctx", 16, "--batch-size", 2, "--steps", 4, "--vocab-size", 300]
    done = new_process("train", "--text", text, "--out", tmp_path / "run", *small, "--compile")
    said = done.stderr.decode()
    assert done.returncode == 1 and "Traceback" not in said
    assert said.strip().splitlines()[-1].startswith("gptlab: torch.compile failed here")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_every_command_ends_whatever_the_terminal_can_write(
    tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "中文.txt"
    text.write_text("注意力 → 机制 ☃ é\n" * 300, encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    small = [*TINY, "--n-ctx", 16, "--batch-size", 2, "--steps", 2, "--tokenizer", "char"]
    trained = new_process("train", "--text", text, *small, "--out", tmp_path / "run")
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout.decode(encoding).splitlines()[-1])["steps"] == 2
    command = ["generate", "--model", tmp_path / "run", "--max-new-tokens", 30, "--seed", 1]
    plain, whole = new_process(*command), new_process(*command, "--json")
    assert plain.returncode == whole.returncode == 0 and plain.stdout.decode(encoding)
    written = json.loads(whole.stdout.decode(encoding))["text"]
    assert len(written) == 30 and set(written) <= set(text.read_text(encoding="utf-8"))


def test_a_reader_who_has_had_enough(run: tuple) -> None:  # type: ignore[type-arg]
    out, _ = run
    command = f"{sys.executable} -m gptlab generate --model {out} --max-new-tokens 3000 | head -c 5"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and len(done.stdout) == 5


def test_writing_stops_where_it_is_told_to(run: tuple) -> None:  # type: ignore[type-arg]
    out, _ = run
    options = ["generate", "--model", out, "--max-new-tokens", 300, "--seed", 3]
    whole = gptlab(*options).stdout
    assert "\n" in whole and "a" in whole
    assert gptlab(*options, "--stop", r"\n").stdout == whole.partition("\n")[0]
    first = min(whole.index("a"), whole.index("\n"))
    assert gptlab(*options, "--stop", "a", "--stop", r"\n").stdout == whole[:first]


def test_the_model_that_comes_along_writes_at_once() -> None:
    done = gptlab("generate", "--model", "bundled", "--prompt", "Return ", "--max-new-tokens", 9)
    assert done.returncode == 0 and done.stdout


@pytest.mark.parametrize("command", ["train", "compare", "generate"])
@pytest.mark.parametrize(
    ("word", "code", "message"),
    [
        ("auto", 0, ""),
        ("cpu", 0, ""),
        ("gpu", 2, "device is 'gpu'; choose one of auto, cpu, cuda, mps"),
        ("cpu:5", 2, "the last one here is cpu:0"),
        ("mps:x", 2, "device is 'mps:x'"),
        ("mps", 2, "no Apple GPU"),
    ],
)
def test_words_for_a_device_mean_the_same_everywhere(
    run: tuple, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],  # type: ignore[type-arg]
    command: str, word: str, code: int, message: str,
) -> None:  # fmt: skip
    if word == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    tiny = [*TINY[:-2], "--tokenizer", "char", "--batch-size", 4, "--text", text]
    arguments = {
        "train": ["--n-ctx", 16, "--steps", 1, *tiny, "--out", tmp_path / "run"],
        "compare": ["--tokens", 256, *tiny, "--out", tmp_path / "compared"],
        "generate": ["--model", run[0], "--max-new-tokens", 2],
    }[command]
    assert main([command, *map(str, arguments), "--device", word]) == code
    assert message in capsys.readouterr().err


#: Options that take a number, what else the command needs, and what is too long to be run.
NUMBERS = {
    "train": [
        "n-layer", "n-head", "n-embd", "n-ctx", "band", "dropout", "save-every", "seed",
        "batch-size", "learning-rate", "warmup", "vocab-size", "final-fraction", "steps",
    ],
    "generate": ["max-new-tokens", "temperature", "top-k", "top-p", "seed"],
    "compare": ["seeds", "tokens"],  # the others are those of train
}  # fmt: skip
EDGES = ["0", "-1", "1e-320", "1e308", "nan", "inf", "-inf", str(2**31), str(10**30), "1" * 5000]


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge[:12])
@pytest.mark.parametrize(
    ("command", "option"), [(c, option) for c, options in NUMBERS.items() for option in options]
)
def test_every_number_at_the_edge_has_a_meaning_or_one_line(
    run: tuple, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],  # type: ignore[type-arg]
    command: str, option: str, edge: str,
) -> None:  # fmt: skip
    if option == "tokens" and edge == str(2**31):
        pytest.skip("a number that means what it says, and would take days")
    shape = ["--n-layer", "1", "--n-head", "1", "--n-embd", "8", "--device", "cpu"]
    small = [*shape, "--text", str(text), "--out", str(tmp_path / "out"), "--batch-size", "4"]
    given = {
        "train": [*small, "--steps", "2", "--n-ctx", "8", "--tokenizer", "char"],
        "compare": [*small, "--tokens", "256", "--tokenizer", "char"],
        "generate": ["--model", str(run[0]), "--max-new-tokens", "2"],
    }[command]
    if option == "vocab-size":
        given = [*given[:-1], "bpe"]
    try:
        code = main([command, *given, f"--{option}={edge}"])
    except SystemExit as stop:  # argparse: not even a number
        code = int(stop.code or 0)
    said = capsys.readouterr()
    assert code in (0, 1, 2)
    if code:
        last = said.err.strip().splitlines()[-1]
        assert last.startswith(("gptlab: ", "python -m gptlab")) and "Traceback" not in said.err


def test_compare_writes_table_figure_and_json(text: Path, tmp_path: Path) -> None:
    done = gptlab(
        "compare", "--text", text, "--tokenizer", "char", "--seeds", 3, "--tokens", 2048,
        "--batch-size", 16, *TINY, "--out", tmp_path,
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
