"""A model tuned for an application: it learns, is saved, loaded, and answers from the shell."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch

from gptlab import checkpoints, tasks
from gptlab.__main__ import main
from gptlab.config import preset
from gptlab.model import GPT
from gptlab.tasks import APPLICATIONS, Parts
from gptlab.tokenizer import CharTokenizer

PLAIN = CharTokenizer("\n" + "".join(map(chr, range(32, 127))))
THINGS = ("film", "book", "meal", "song", "trip", "game")
PRAISE = [(f"the {one} {two} was good", "yes") for one in THINGS for two in THINGS]
BLAME = [(f"the {one} {two} was bad", "no") for one in THINGS for two in THINGS]
ROWS = [row for both in zip(PRAISE, BLAME, strict=True) for row in both]


def small(n_ctx: int = 48) -> GPT:
    torch.manual_seed(0)
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 32, "n_ctx": n_ctx, "dropout": 0.0}
    return GPT(preset("gpt2-tiny", vocab_size=PLAIN.vocab_size, **shape)).eval()


def table(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("text\tlabel\n" + "".join(f"{a}\t{b}\n" for a, b in rows), encoding="utf-8")
    return path


def gptlab(*arguments: object) -> CompletedProcess[str]:
    out, err = io.StringIO(), io.StringIO()
    command = list(map(str, arguments))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(command)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return CompletedProcess(command, code, out.getvalue(), err.getvalue())


def parts_of(rows: list[tuple[str, str]]) -> Parts:
    return Parts(tuple(rows[20:]), tuple(rows[:10]), tuple(rows[10:20]))


def test_a_labelled_task_is_learned_saved_and_loaded(tmp_path: Path) -> None:
    parts = parts_of(ROWS)
    model = small()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    tuned, what = tasks.prepare(model, PLAIN, APPLICATIONS["sentiment"], parts)
    out = tmp_path / "run"
    tasks.fine_tune(tuned, what, epochs=8, learning_rate=5e-3, out=out, progress=False)
    asked = [text for text, _ in parts.test]
    answers = tuned.answer(asked)
    assert APPLICATIONS["sentiment"].measure(answers, parts.test) == 1
    assert tuned.labels == ("no", "yes") and tuned.answer([]) == []
    again = tasks.load(out)
    assert again.labels == tuned.labels and again.answer(asked) == answers
    torch.testing.assert_close(again.probabilities(asked), tuned.probabilities(asked))
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name]), f"{name} of the model handed over has moved"
    with pytest.raises(ValueError, match="question 1 is empty"):
        tuned.answer(["good", "  "])


def test_shuffled_labels_teach_nothing() -> None:
    generator = torch.Generator().manual_seed(1)
    order = torch.randperm(len(ROWS), generator=generator).tolist()
    rows = [(text, ROWS[place][1]) for (text, _), place in zip(ROWS, order, strict=True)]
    parts = Parts(tuple(rows[20:]), tuple(rows[:10]), tuple(ROWS[10:20]))
    tuned, what = tasks.prepare(small(), PLAIN, APPLICATIONS["sentiment"], parts)
    tasks.fine_tune(tuned, what, epochs=8, learning_rate=5e-3, progress=False)
    answers = tuned.answer([text for text, _ in parts.test])
    assert APPLICATIONS["sentiment"].measure(answers, parts.test) < 0.9


def test_a_written_task_is_saved_and_loaded(tmp_path: Path) -> None:
    rows = [(f"{one} {two}", two) for one in THINGS for two in THINGS]
    application = APPLICATIONS["question-answering"]
    tuned, what = tasks.prepare(small(), PLAIN, application, parts_of(rows))
    out = tmp_path / "run"
    tasks.fine_tune(tuned, what, epochs=1, out=out, progress=False)
    again = tasks.load(out)
    assert again.labels == () and again.answer(["film book"]) == tuned.answer(["film book"])
    assert again.max_new_tokens == application.max_new_tokens
    with pytest.raises(ValueError, match="has no labels"):
        again.probabilities(["film book"])


def test_a_folder_that_answers_nothing_says_so(tmp_path: Path) -> None:
    checkpoints.save(tmp_path / "run", small(), PLAIN)
    with pytest.raises(checkpoints.CheckpointError, match=r"no task.json .* generate"):
        tasks.load(tmp_path / "run")
    (tmp_path / "run" / "task.json").write_text('{"application": "sentiment", "n_ctx": 48}')
    with pytest.raises(checkpoints.CheckpointError, match=r"task.json cannot be used: .*layout"):
        tasks.load(tmp_path / "run")
    (tmp_path / "run" / "task.json").write_text(
        '{"application": "sentiment", "n_ctx": 48, "labels": ["a", "b"]}'
    )
    with pytest.raises(checkpoints.CheckpointError, match="has 96 ids and the task needs 100"):
        tasks.load(tmp_path / "run")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    base = tmp_path_factory.mktemp("tuned")
    checkpoints.save(base / "model", small(), PLAIN)
    own, tested = table(base / "own.tsv", ROWS[10:]), table(base / "test.tsv", ROWS[:12])
    done = gptlab(
        "finetune", "--task", "sentiment", "--model", base / "model", "--train", own,
        "--test", tested, "--out", base / "run", "--epochs", 8, "--learning-rate", 5e-3,
        "--device", "cpu",
    )  # fmt: skip
    return base, done


def test_finetune_ends_with_one_json_object(
    folder: tuple[Path, CompletedProcess[str]],
) -> None:
    base, done = folder
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["metric"] == "accuracy" and report["score"] == 1
    assert report["baseline"] == "words, counted" and report["baseline_score"] == 1
    assert report["examples"] == {"train": 54, "test": 12, "cut": 0} and report["seconds"] > 0
    assert "left out: 2 rows of" in done.stderr
    again = gptlab("finetune", "--task", "sentiment", "--model", base / "model", "--train",
                   base / "own.tsv", "--out", base / "run")  # fmt: skip
    assert again.returncode == 2 and "already holds a run" in again.stderr


def test_predict_answers_line_by_line(
    folder: tuple[Path, CompletedProcess[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    base, _ = folder
    lines = f"{ROWS[20][0]}\n\n{ROWS[23][0]}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    done = gptlab("predict", "--model", base / "run")
    assert done.returncode == 0 and done.stdout == "yes\n\nno\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    told = [json.loads(line) for line in gptlab("predict", "--model", base / "run", "--json")
            .stdout.splitlines()]  # fmt: skip
    assert [one["answer"] for one in told] == ["yes", "", "no"]
    assert sum(told[0]["probabilities"].values()) == pytest.approx(1)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"ok\n\xff\n")))
    wrong = gptlab("predict", "--model", base / "run")
    assert wrong.returncode == 2 and "not text in UTF-8" in wrong.stderr


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--test", "t.tsv"], "--test needs --train"),
        (["--epochs", "nan"], "--epochs is nan"),
        (["--batch-size", "0"], "--batch-size is 0"),
        (["--train", "nowhere.tsv"], "nowhere.tsv"),
        (["--train", "t.tsv", "--download"], "give one of them"),
        (["--learning-rate", "0"], "learning_rate is 0"),
        (["--model", "nowhere"], "nowhere"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path: Path, more: list[str], words: str) -> None:
    done = gptlab("finetune", "--task", "sentiment", "--out", tmp_path / "run", *more)
    assert done.returncode == 2 and words in done.stderr and not (tmp_path / "run").exists()
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_the_readmes_lines_tune_on_a_file_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (lines,) = (part for part in readme.split("```") if "tasks.prepare" in part)
    told = [f'"film {i}, so {word}",{word}' for i in range(40) for word in ("good", "bad")]
    (tmp_path / "reviews.csv").write_text("\n".join(["review,label", *told]))
    monkeypatch.chdir(tmp_path)
    exec(lines.removeprefix("python\n"), {})
    said = capsys.readouterr().out
    assert "val_accuracy" in said and ("['good']" in said or "['bad']" in said)
    assert tasks.load("runs/reviews").labels == ("bad", "good")
