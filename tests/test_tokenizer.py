"""Text in, ids out, the same text back: and two ways of byte-level BPE that are one."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gptlab.text.bpe import BYTES, SYMBOLS, learn_merges
from gptlab.tokenizer import (
    END_OF_TEXT,
    BPETokenizer,
    CharTokenizer,
    Tokenizer,
    load_tokenizer,
    tokenizer_from_json,
)
from tests.text.samples import CHINESE, DNA, EMOJI, EVERYTHING, TEXTS

few = settings(max_examples=100)
#: Characters that every Unicode table of the last ten years agrees on.
LONG_KNOWN = st.one_of(
    st.characters(max_codepoint=0x24F),
    st.characters(min_codepoint=0x300, max_codepoint=0x36F),
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5),
    st.characters(min_codepoint=0x1F300, max_codepoint=0x1F64F),
    st.sampled_from(" \n\t'\u00a0\u2028\u3000\u200d\u0661²"),
)


@pytest.fixture(scope="module")
def bpe() -> BPETokenizer:
    return BPETokenizer.train(EVERYTHING, 400)


# Round trips


@few
@given(text=st.text())
def test_any_text_survives_bpe(bpe: BPETokenizer, text: str) -> None:
    assert bpe.decode(bpe.encode(text)) == text


@few
@given(text=st.text(min_size=1))
def test_any_text_survives_its_own_characters(text: str) -> None:
    tokenizer = CharTokenizer.from_text(text)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert sorted(set(ids)) == list(range(tokenizer.vocab_size))


@pytest.mark.parametrize(
    "text", ["", EMOJI, CHINESE, "e\u0301\u0301", "\x00\x7f\x85", "\ufeff\r\n"]
)
def test_awkward_texts_survive(bpe: BPETokenizer, text: str) -> None:
    assert bpe.decode(bpe.encode(text)) == text


@few
@given(data=st.data())
def test_a_stream_joined_is_the_whole(bpe: BPETokenizer, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, bpe.vocab_size - 1)))
    assert "".join(bpe.decode_stream(iter(ids))) == bpe.decode(ids)


def test_a_stream_never_shows_half_a_character() -> None:
    bytes_only = BPETokenizer([])
    ids = bytes_only.encode("a语🙂")
    assert len(ids) == 1 + 3 + 4
    assert list(bytes_only.decode_stream(iter(ids))) == ["a", "语", "🙂"]
    assert "".join(bytes_only.decode_stream(ids[:-1])) == "a语�"


def test_a_stream_comes_as_its_ids_do(bpe: BPETokenizer) -> None:
    taken = []
    pieces = bpe.decode_stream(taken.append(n) or n for n in bpe.encode("low 2024"))
    assert next(pieces)
    assert len(taken) == 1


# Two ways of BPE


@pytest.mark.parametrize("text", [*TEXTS.values(), DNA], ids=[*TEXTS, "DNA"])
@pytest.mark.parametrize("vocab_size", [257, 300, 5000])
def test_both_ways_learn_the_same(text: str, vocab_size: int) -> None:
    fast = BPETokenizer.train(text, vocab_size)
    slow = BPETokenizer.train(text, vocab_size, fast=False)
    assert fast.merges == slow.merges
    assert fast.to_json() == slow.to_json()
    assert fast.encode(EVERYTHING) == slow.encode_slowly(EVERYTHING)


@few
@given(
    texts=st.lists(st.text(st.sampled_from("ab c\n语'1"), max_size=60), max_size=4),
    vocab_size=st.integers(257, 290),
)
def test_both_ways_break_ties_alike(texts: list[str], vocab_size: int) -> None:
    fast = BPETokenizer.train(texts, vocab_size)
    assert fast.merges == BPETokenizer.train(texts, vocab_size, fast=False).merges


@few
@given(text=st.text(LONG_KNOWN))
def test_both_ways_encode_alike(bpe: BPETokenizer, text: str) -> None:
    assert bpe.encode(text) == bpe.encode_slowly(text)


@pytest.mark.parametrize("seed", range(20))
def test_a_long_text_is_cut_where_nothing_changes(bpe: BPETokenizer, seed: int) -> None:
    """Cut in parts and shared among cores, it gets the ids the library gives the whole."""
    draw = random.Random(seed)
    alphabet = [*"aé漢9.!'\u0301🙂", *" \n\t\r\x1c\x85\u00a0\u3000", "'s", "don't", "  ", "\n\n "]
    text = "".join(draw.choices(alphabet, k=30_000))
    whole = tokenizers.Tokenizer.from_str(bpe.to_json()).encode(text, add_special_tokens=False)
    assert bpe.encode(text) == whole.ids


def test_merge_steps_go_from_bytes_to_tokens() -> None:
    tokenizer = BPETokenizer([(b"l", b"o"), (b"lo", b"w"), (b"e", b"r"), (b" ", b"low")])
    steps = tokenizer.merge_steps("low lower")
    assert steps[0] == (None, ["l", "o", "w", "␣", "l", "o", "w", "e", "r"])
    assert steps[1] == (0, ["lo", "w", "␣", "lo", "w", "e", "r"])
    assert [step.rank for step in steps] == [None, 0, 1, 2, 3]
    assert steps[-1].tokens == tokenizer.tokens(tokenizer.encode("low lower"))
    assert tokenizer.merge_steps("") == [(None, [])]


def test_both_ways_encode_every_character(bpe: BPETokenizer) -> None:
    everything = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(everything), 200):
        text = "".join(everything[start : start + 200])
        ids = bpe.encode(text)
        assert ids == bpe.encode_slowly(text)
        assert bpe.decode(ids) == text


# Much text


def growth(job: Callable[[int], object], size: int) -> float:
    """Return how many times more of the processor a job takes with eight times as much.

    Its own time, the best of three: what else the machine does in between is not counted.
    """

    def seconds(size: int) -> float:
        began = time.process_time()
        job(size)
        return time.process_time() - began

    job(size)
    return min(seconds(8 * size) for _ in range(3)) / min(seconds(size) for _ in range(3))


#: Between 8, like the text, and 64, like its square, with room for a machine that is busy.
LIKE_THE_TEXT = 24


@pytest.mark.parametrize("character", ["a", " ", "=", "语", "\n"])
def test_encoding_one_character_again_and_again_takes_time_like_the_text(
    bpe: BPETokenizer, character: str
) -> None:
    assert bpe.decode(bpe.encode(character * 100_000)) == character * 100_000
    assert growth(lambda size: bpe.encode(character * size), 25_000) < LIKE_THE_TEXT


def test_learning_from_one_long_word_takes_time_like_the_text() -> None:
    draw = random.Random(0)

    def learn(size: int) -> None:
        BPETokenizer.train("".join(draw.choices("ACGT", k=size)), 600)

    assert growth(learn, 20_000) < LIKE_THE_TEXT


# Ids


def test_ids_follow_gpt2(bpe: BPETokenizer) -> None:
    assert bpe.encode("!") == [0]  # as in GPT-2's vocabulary: "!" is 0, "~" 93, "¡" 94
    assert bpe.decode([93]) == "~"
    assert (SYMBOLS[0xA1], BYTES.index(0xA1)) == ("¡", 94)
    assert (SYMBOLS[ord(" ")], BYTES.index(ord(" "))) == ("Ġ", 220)
    assert (SYMBOLS[ord("\n")], BYTES.index(ord("\n"))) == ("Ċ", 198)
    assert bpe.decode([256]) == (bpe.merges[0][0] + bpe.merges[0][1]).decode()
    assert bpe.start_id == bpe.vocab_size - 1
    assert bpe.decode([bpe.start_id]) == "<|endoftext|>"


def test_the_name_of_a_special_token_is_ordinary_text(bpe: BPETokenizer) -> None:
    text = "one<|endoftext|>two"
    assert bpe.start_id not in bpe.encode(text)
    assert bpe.encode(text) == bpe.encode_slowly(text)
    special = bpe.encode(text, allow_special=True)
    assert special == [*bpe.encode("one"), bpe.start_id, *bpe.encode("two")]
    assert bpe.decode(special) == bpe.decode(bpe.encode(text)) == text
    assert load_from_json(bpe).encode(text) == bpe.encode(text)


def load_from_json(tokenizer: Tokenizer) -> Tokenizer:
    return tokenizer_from_json(tokenizer.to_json())


def test_a_small_text_gives_a_small_vocabulary() -> None:
    assert BPETokenizer.train("abab", 1024).vocab_size == 258
    assert BPETokenizer.train("", 1024).vocab_size == 257


def test_characters_are_numbered_in_order() -> None:
    tokenizer = CharTokenizer.from_text("b\nab")
    assert tokenizer.encode("\nab") == [0, 1, 2]
    assert tokenizer.start_id == 0
    assert CharTokenizer("ba").start_id == 0
    assert CharTokenizer("ab\n").start_id == 2
    assert tokenizer.encode("") == []


def test_ids_may_come_from_arrays(bpe: BPETokenizer) -> None:
    ids = bpe.encode(CHINESE)
    assert bpe.decode(np.array(ids, dtype=np.uint16)) == CHINESE
    assert bpe.decode(torch.tensor(ids)) == CHINESE


def test_tokens_show_each_id(bpe: BPETokenizer) -> None:
    assert BPETokenizer([]).tokens(BPETokenizer([]).encode("é ")) == ["‹c3›", "‹a9›", "␣"]
    assert CharTokenizer("\na").tokens([0, 1]) == ["\\n", "a"]
    assert all(token.isprintable() for token in bpe.tokens(range(bpe.vocab_size)))


def test_offsets_cut_the_text_where_its_tokens_do(bpe: BPETokenizer) -> None:
    text = "São Tomé & Príncipe, 注意 😀"
    ids = bpe.encode(text)
    edges = bpe.offsets(ids)
    data = text.encode()
    assert edges[0] == 0 and edges[-1] == len(data) and len(edges) == len(ids) + 1
    for i, one in enumerate(ids):
        assert bpe.decode([one]) == data[edges[i] : edges[i + 1]].decode(errors="replace")
    assert bpe.offsets([]) == [0]


def test_a_batch_is_its_texts_one_by_one(bpe: BPETokenizer) -> None:
    texts = ["", CHINESE * 50, "", "a", EMOJI, ""]
    for tokenizer in (bpe, CharTokenizer.from_text("".join(texts))):
        assert tokenizer.encode_batch(iter(texts)) == [tokenizer.encode(text) for text in texts]
    assert bpe.encode_batch([]) == []


def test_a_document_begins_with_the_end_of_text_or_a_line_end(bpe: BPETokenizer) -> None:
    assert bpe.special == {END_OF_TEXT: bpe.start_id}
    assert CharTokenizer("a\n").special == {}


# Errors


def test_an_unknown_character_is_named() -> None:
    with pytest.raises(ValueError, match=r"'é' \(U\+00E9\) at position 3 .* 2 characters .*bpe"):
        CharTokenizer("ab").encode("abaé")


def test_lone_surrogates_are_refused(bpe: BPETokenizer) -> None:
    text = "ab\ud83dc"
    for attempt in (
        bpe.encode,
        bpe.encode_slowly,
        bpe.merge_steps,
        CharTokenizer("abc").encode,
        CharTokenizer.from_text,
        lambda text: list(learn_merges(text)),
        lambda text: BPETokenizer.train(text, 300),
    ):
        with pytest.raises(ValueError, match=r"U\+D83D at position \d.*Remove it"):
            attempt(text)
    repaired = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert bpe.decode(bpe.encode(repaired)) == "ab�c"  # the way out that the message names


@pytest.mark.parametrize("wrong", [-1, 400])
def test_an_id_out_of_range_is_named(bpe: BPETokenizer, wrong: int) -> None:
    for attempt in (bpe.decode, bpe.tokens, lambda ids: list(bpe.decode_stream(ids))):
        with pytest.raises(ValueError, match=f"id {wrong} at position 1 .* 0 to 399"):
            attempt([0, wrong])


def test_impossible_tokenizers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"vocab_size is 256.* need 257"):
        BPETokenizer.train("text", 256)
    with pytest.raises(ValueError, match="at least one character"):
        CharTokenizer.from_text("")
    with pytest.raises(ValueError, match="'a' more than once"):
        CharTokenizer("aba")
    with pytest.raises(ValueError, match="abc is not in the vocabulary"):
        BPETokenizer([(b"abc", b"d")])


# Files


def test_saved_and_loaded_is_the_same(bpe: BPETokenizer, tmp_path: Path) -> None:
    for tokenizer in (bpe, CharTokenizer.from_text(EVERYTHING)):
        tokenizer.save(tmp_path / "new" / "folder")
        loaded = load_tokenizer(tmp_path / "new" / "folder")
        assert type(loaded) is type(tokenizer)
        assert loaded.to_json() == tokenizer.to_json()
        assert loaded.encode(EVERYTHING) == tokenizer.encode(EVERYTHING)
        assert loaded.decode(loaded.encode(EVERYTHING)) == EVERYTHING
        assert loaded.start_id == tokenizer.start_id


def test_the_library_reads_our_file(bpe: BPETokenizer, tmp_path: Path) -> None:
    bpe.save(tmp_path)
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert theirs.encode(EVERYTHING).ids == bpe.encode(EVERYTHING)
    assert theirs.decode(bpe.encode(EVERYTHING)) == EVERYTHING
    assert theirs.token_to_id("<|endoftext|>") == bpe.start_id


def test_we_read_the_librarys_file(tmp_path: Path) -> None:
    theirs = tokenizers.ByteLevelBPETokenizer()
    theirs.train_from_iterator(
        [EVERYTHING], vocab_size=350, special_tokens=["<pad>", "<|endoftext|>"], show_progress=False
    )
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = load_tokenizer(tmp_path / "tokenizer.json")
    assert isinstance(ours, BPETokenizer)
    assert ours.encode(EVERYTHING) == theirs.encode(EVERYTHING).ids
    assert ours.encode_slowly(EVERYTHING) == theirs.encode(EVERYTHING).ids
    assert (ours.vocab_size, ours.start_id) == (theirs.get_vocab_size(), 1)
    assert ours.decode([0]) == "<pad>"
    assert 0 not in ours.encode("<pad>")
    assert load_from_json(ours).encode(EVERYTHING) == theirs.encode(EVERYTHING).ids


def test_older_files_write_a_merge_as_one_string(bpe: BPETokenizer) -> None:
    data = json.loads(bpe.to_json())
    data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]
    assert tokenizer_from_json(json.dumps(data)).encode(EVERYTHING) == bpe.encode(EVERYTHING)


def test_damaged_and_foreign_files_are_refused(bpe: BPETokenizer, tmp_path: Path) -> None:
    good = json.loads(bpe.to_json())

    def changed(**parts: object) -> str:
        return json.dumps({**good, **parts})

    model, splitter = good["model"], good["pre_tokenizer"]
    damaged = {
        bpe.to_json()[:1000]: "not JSON",
        "": "not JSON",
        "[" * 100_000: "missing or misplaced",
        "[1]": "missing or misplaced",
        "{}": "missing or misplaced",
        '{"type": "char"}': "missing or misplaced",
        '{"type": "char", "characters": "aa"}': "more than once",
        changed(pre_tokenizer=None): "only byte-level BPE",
        changed(model={"type": "WordPiece", "vocab": {}}): "this is WordPiece",
        changed(normalizer={"type": "NFC"}): "normalizer",
        changed(pre_tokenizer={**splitter, "add_prefix_space": True}): "add_prefix_space",
        changed(pre_tokenizer={**splitter, "use_regex": False}): "use_regex",
        changed(model={**model, "ignore_merges": True}): "ignore_merges",
        changed(added_tokens=[]): r"no token <\|endoftext\|>",
        changed(model={**model, "vocab": {**model["vocab"], "!": 7}}): "without a gap",
        changed(model={**model, "vocab": {"x y": 0, "<|endoftext|>": 399}}): "without a gap",
        changed(model={**model, "merges": [["a", "b", "c"]]}): "does not join two",
        changed(model={**model, "merges": [["語", "a"]]}): "not made of bytes",
        changed(model={**model, "merges": [["a", "ÿ"]]}): "not in the vocabulary",
        changed(model={**model, "merges": 3}): "missing or misplaced",
    }
    for text, reason in damaged.items():
        (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=reason) as caught:
            load_tokenizer(tmp_path)
        assert str(tmp_path / "tokenizer.json") in str(caught.value)
    (tmp_path / "tokenizer.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"tokenizer\.json holds no tokenizer"):
        load_tokenizer(tmp_path)


def test_tokens_a_user_added_are_kept(bpe: BPETokenizer, tmp_path: Path) -> None:
    theirs = tokenizers.Tokenizer.from_str(bpe.to_json())
    theirs.add_tokens(["<turn>"])
    theirs.add_special_tokens(["<turn>s", "<pad>"])
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = load_tokenizer(tmp_path)
    for tokenizer in (ours, load_from_json(ours)):
        assert tokenizer.vocab_size == bpe.vocab_size + 3 == theirs.get_vocab_size()
        assert tokenizer.start_id == bpe.start_id
        assert tokenizer.decode([400, 401, 402]) == "<turn><turn>s<pad>"
        assert tokenizer.encode("<turn>s") == bpe.encode("<turn>s")  # ordinary text
    assert isinstance(ours, BPETokenizer)
    assert ours.encode("<turn>sa<turn>", allow_special=True) == [401, *bpe.encode("a"), 400]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"folder .* has no tokenizer files.*vocab\.json"):
        load_tokenizer(tmp_path)
    (tmp_path / "vocab.json").write_text("{}")  # one of the two files alone
    with pytest.raises(FileNotFoundError, match=r"neither tokenizer\.json nor"):
        load_tokenizer(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no tokenizer at .*nowhere; check the path"):
        load_tokenizer(tmp_path / "nowhere")
