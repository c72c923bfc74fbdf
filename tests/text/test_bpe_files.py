"""GPT-2's own two files, read as `transformers` reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import GPT2Tokenizer

from gptlab.data import DATA
from gptlab.tokenizer import BPETokenizer, load_tokenizer
from tests.text.samples import EVERYTHING


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder such as GPT-2's, with a small vocabulary."""
    tokenizer = BPETokenizer.train(EVERYTHING, 400)
    model = json.loads(tokenizer.to_json())["model"]
    (tmp_path / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    merges = ["#version: 0.2", *(" ".join(pair) for pair in model["merges"]), ""]
    (tmp_path / "merges.txt").write_text("\n".join(merges), encoding="utf-8")
    return tmp_path


def test_a_pair_of_files_is_a_tokenizer(folder: Path) -> None:
    theirs = GPT2Tokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    ours = load_tokenizer(folder)
    assert ours.encode(EVERYTHING) == theirs(EVERYTHING)["input_ids"]
    assert ours.decode(ours.encode(EVERYTHING)) == EVERYTHING
    assert ours.vocab_size == len(theirs) == 400
    assert ours.start_id == theirs.bos_token_id


def test_merges_may_come_without_a_version(folder: Path) -> None:
    ids = load_tokenizer(folder).encode(EVERYTHING)
    path = folder / "merges.txt"
    path.write_text(path.read_text(encoding="utf-8").partition("\n")[2], encoding="utf-8")
    assert load_tokenizer(folder).encode(EVERYTHING) == ids


def test_gpt2s_own_files(tmp_path: Path) -> None:
    gpt2 = BPETokenizer.gpt2()
    vocabulary = json.loads(gpt2.to_json())["model"]["vocab"]
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (tmp_path / "merges.txt").write_bytes((DATA / "gpt2" / "vocab.bpe").read_bytes())
    assert load_tokenizer(tmp_path).to_json() == gpt2.to_json()


def test_tokens_a_user_added_are_kept(folder: Path) -> None:
    (folder / "added_tokens.json").write_text('{"<pad>": 400}', encoding="utf-8")
    ours = load_tokenizer(folder)
    assert ours.vocab_size == 401
    assert ours.decode([400]) == "<pad>"
    assert 400 not in ours.encode("<pad>")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("vocab.json", "{", "not JSON|Expecting"),
        ("vocab.json", "[]", "missing or misplaced|no token"),
        ("vocab.json", '{"a": 0}', r"no token <\|endoftext\|>"),
        ("merges.txt", "a b c\n", "does not join two"),
        ("added_tokens.json", "3", "tokenizer that can be used"),
        ("added_tokens.json", '{"<pad>": 900}', "without a gap"),
    ],
)
def test_damaged_files_are_refused(folder: Path, name: str, text: str, reason: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=reason) as caught:
        load_tokenizer(folder)
    assert str(folder) in str(caught.value)
