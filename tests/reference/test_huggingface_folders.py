"""Folders go both ways: what we save they load, what they save we load, tokenizer included."""

import hashlib
import json
import os
import random
import shutil
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
from gptlab.data import DATA
from gptlab.generation import Sampling, generate
from gptlab.model import GPT
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


def their_model(vocab_size: int = 300, **changes: object) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    shape = {"n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": vocab_size}
    return GPT2LMHeadModel(GPT2Config(**shape, **changes)).eval()


def same_logits(folder: Path, theirs: GPT2LMHeadModel, tolerance: float = 1e-4) -> bool:
    x = torch.randint(300, (2, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, expected = huggingface.load_model(folder)(x), theirs.float()(x).logits
    return torch.allclose(ours, expected, atol=tolerance, rtol=tolerance)


def test_a_folder_in_several_files(tmp_path: Path) -> None:
    theirs = their_model()
    theirs.save_pretrained(tmp_path, max_shard_size="10KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    assert same_logits(tmp_path, theirs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_folder_in_half_precision(tmp_path: Path, dtype: torch.dtype) -> None:
    theirs = their_model().to(dtype)
    theirs.save_pretrained(tmp_path)
    assert same_logits(tmp_path, theirs)
    assert huggingface.load_model(tmp_path).wte.weight.dtype == torch.float32


def test_a_folder_without_a_head(tmp_path: Path) -> None:
    """The head is the embedding where it is tied, and missing where it is not."""
    theirs = their_model()
    theirs.transformer.save_pretrained(tmp_path / "tied")
    assert same_logits(tmp_path / "tied", theirs)
    their_model(tie_word_embeddings=False).transformer.save_pretrained(tmp_path / "free")
    with pytest.raises(ValueError, match=r"lacks the weights lm_head\.weight"):
        huggingface.load_model(tmp_path / "free")


def test_a_folder_with_a_bare_vocabulary(tmp_path: Path, their_gpt2: GPT2Tokenizer) -> None:
    their_model(50257).save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no tokenizer: no tokenizer\.json, nor vocab"):
        huggingface.load(tmp_path)
    (tmp_path / "vocab.json").write_text(encoder_json(BPETokenizer.gpt2()))
    shutil.copy(DATA / "gpt2" / "vocab.bpe", tmp_path / "merges.txt")
    _, tokenizer = huggingface.load(tmp_path)
    text = "Hello, my dog is cute ☃"
    assert tokenizer.encode(text) == their_gpt2(text)["input_ids"]


def test_a_model_and_a_tokenizer_that_do_not_fit(tmp_path: Path) -> None:
    model = GPT(preset("gpt2-tiny", vocab_size=260))
    with pytest.raises(ValueError, match="50257 ids, but the model's vocab_size is 260"):
        huggingface.save(tmp_path, model, BPETokenizer.gpt2())
    assert not list(tmp_path.iterdir())
    huggingface.save(tmp_path, model, BPETokenizer.train(TEXT, 260))
    BPETokenizer.train(TEXT, 280).save(tmp_path)
    with pytest.raises(ValueError, match="ids, but the model's vocab_size is 260"):
        huggingface.load(tmp_path)


def test_tokens_that_a_user_added_come_along(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(_saved(tmp_path))
    tokenizer.add_tokens(["<|question|>"])
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="ids, but the model's vocab_size is"):
        huggingface.load(tmp_path)
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path)
    theirs.resize_token_embeddings(len(tokenizer))
    theirs.save_pretrained(tmp_path)
    model, ours = huggingface.load(tmp_path)
    assert model.config.vocab_size == ours.vocab_size == len(tokenizer)
    assert ours.decode([len(tokenizer) - 1]) == "<|question|>"


def _saved(folder: Path) -> Path:
    tokenizer = BPETokenizer.train(TEXT, 300)
    shape = {"n_ctx": 16, "n_embd": 16, "n_layer": 1, "n_head": 2}
    model = GPT(preset("gpt2-tiny", vocab_size=tokenizer.vocab_size, **shape))
    huggingface.save(folder, model, tokenizer)
    return folder


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
