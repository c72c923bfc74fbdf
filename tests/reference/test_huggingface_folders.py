"""Folders go both ways: what we save they load, what they save we load, tokenizer included."""

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Tokenizer,
)

from gptlab import huggingface
from gptlab.config import preset
from gptlab.generation import Sampling, generate
from gptlab.model import GPT
from gptlab.runtime.data import DATA
from gptlab.tokenizer import BPETokenizer, CharTokenizer

TEXT = "the name of the file, or the names of the files in the folder. " * 20
ALPHABETS = [
    "abcdefghij   ",
    "I'll we've don't 's 'S ",
    "0123456789.,-+ ",
    " \n\t\r\u00a0\u3000",
    "àéîõü ñ ß Ж ж",
    "注意力机制 ",
    "😀👩‍👩‍👧🇫🇷✨",
    "e\u0301a\u0308\u200d\u200b",
    "\x00\x07\x1b\x7f<|endoftext|>",
]


@pytest.fixture(scope="module")
def gpt2() -> BPETokenizer:
    return BPETokenizer.gpt2()


def encoder_json(tokenizer: BPETokenizer) -> str:
    """Write the vocabulary as the file `encoder.json` of OpenAI's release has it."""
    vocabulary = json.loads(tokenizer.to_json())["model"]["vocab"]
    return json.dumps(dict(sorted(vocabulary.items(), key=lambda item: item[1])))


@pytest.fixture(scope="module")
def their_gpt2(gpt2: BPETokenizer, tmp_path_factory: pytest.TempPathFactory) -> GPT2Tokenizer:
    file = tmp_path_factory.mktemp("gpt2") / "encoder.json"
    file.write_text(encoder_json(gpt2))
    return GPT2Tokenizer(str(file), str(DATA / "gpt2" / "vocab.bpe"))


def test_the_articles_sentence(gpt2: BPETokenizer) -> None:
    assert gpt2.encode("Hello, my dog is cute") == [15496, 11, 616, 3290, 318, 13779]
    assert gpt2.vocab_size == 50257 and gpt2.start_id == 50256


def test_the_ids_of_gpt2s_own_tokenizer(gpt2: BPETokenizer, their_gpt2: GPT2Tokenizer) -> None:
    dice = random.Random(0)
    strings = []
    for _ in range(10_000):
        alphabets = dice.sample(ALPHABETS, dice.randint(1, 3))
        letters = "".join(alphabets)
        strings.append("".join(dice.choices(letters, k=dice.randint(0, 40))))
    expected = their_gpt2(strings, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    for string, ids in zip(strings, expected, strict=True):
        assert gpt2.encode(string) == ids, repr(string)
        assert gpt2.decode(ids) == string


def test_the_vocabulary_is_openais_to_the_byte(gpt2: BPETokenizer) -> None:
    """The fingerprint is that of OpenAI's encoder.json: every token has the released number."""
    released = "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"
    assert hashlib.sha256(encoder_json(gpt2).encode()).hexdigest() == released


def test_what_we_save_generates_the_same_text_there(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = BPETokenizer.train(TEXT, 300)
    shape = {"n_layer": 2, "n_embd": 32, "vocab_size": tokenizer.vocab_size, "n_ctx": 64}
    model = GPT(preset("gpt2-tiny", **shape)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    huggingface.save(tmp_path, model, tokenizer)

    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    their_tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    prompt = "the name of"
    ids = their_tokenizer(prompt, return_tensors="pt")
    assert ids["input_ids"][0].tolist() == tokenizer.encode(prompt)
    written = theirs.generate(**ids, max_new_tokens=30, do_sample=False, pad_token_id=0)[0]
    ours = generate(model, tokenizer, prompt, Sampling(30, temperature=0))
    assert tokenizer.decode(written.tolist()) == ours
    assert their_tokenizer.decode(written) == ours

    back, back_tokenizer = huggingface.load(tmp_path)
    assert back.config.replace(band=model.config.band) == model.config  # no layer has a band
    for name, weight in model.state_dict().items():
        assert torch.equal(back.state_dict()[name], weight), name
    assert back_tokenizer.encode(TEXT) == tokenizer.encode(TEXT)


def test_what_they_save_loads_here(tmp_path: Path, their_gpt2: GPT2Tokenizer) -> None:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=50257, n_positions=32, n_embd=16, n_layer=2, n_head=2)
    theirs = GPT2LMHeadModel(config).eval()
    theirs.save_pretrained(tmp_path)
    their_gpt2.save_pretrained(tmp_path)
    model, tokenizer = huggingface.load(tmp_path)
    text = "Hello, my dog is cute"
    ids = torch.tensor([tokenizer.encode(text)])
    assert ids[0].tolist() == their_gpt2(text)["input_ids"]
    with torch.no_grad():
        torch.testing.assert_close(model(ids), theirs(ids).logits, atol=1e-4, rtol=1e-4)
    assert huggingface.load_model(tmp_path).config == model.config


def test_offline_and_uncached_is_one_line(tmp_path: Path) -> None:
    code = "from gptlab import huggingface; huggingface.load_model('openai-community/gpt2')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("OSError: openai-community/gpt2 cannot be had")
    assert "Download it once with a network" in last


def test_what_they_have_no_class_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="CharTokenizer"):
        huggingface.save(tmp_path, GPT(preset("gpt2-tiny")), CharTokenizer("ab"))
    with pytest.raises(ValueError, match="no class"):
        huggingface.save(tmp_path, GPT(preset("gpt3-tiny")), BPETokenizer.train(TEXT, 260))
    assert not list(tmp_path.iterdir())
