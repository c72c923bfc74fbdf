"""Sampling: the distribution, the window, the seed, and what is refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gptlab.config import preset
from gptlab.generation import Sampling, generate, sample, sample_batch, stream
from gptlab.model import GPT
from gptlab.runtime.reading import Reading
from gptlab.tokenizer import BPETokenizer, CharTokenizer

TINY = ["gpt1-tiny", "gpt2-tiny", "gpt3-tiny"]
LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0, 1.0])


def tiny(name: str = "gpt2-tiny", vocab_size: int = 50) -> GPT:
    torch.manual_seed(0)
    model = GPT(preset(name, vocab_size=vocab_size, n_ctx=16, n_embd=32, band=5))
    with torch.no_grad():  # or all next tokens are about equally likely
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    return model.eval()


def test_temperature_by_formula() -> None:
    torch.testing.assert_close(Sampling().probabilities(LOGITS), LOGITS.softmax(-1))
    halved = Sampling(temperature=0.5).probabilities(LOGITS)
    torch.testing.assert_close(halved, (LOGITS * 2).softmax(-1))
    torch.testing.assert_close(
        Sampling(temperature=0).probabilities(LOGITS), torch.tensor([1.0, 0, 0, 0, 0])
    )


@pytest.mark.parametrize("k", [1, 2, 3, 5, 99])
def test_top_k_keeps_exactly_k(k: int) -> None:
    kept = Sampling(top_k=k).probabilities(LOGITS)
    assert int((kept > 0).sum()) == min(k, 5)
    assert kept.sum().item() == pytest.approx(1)
    ratio = kept / LOGITS.softmax(-1)
    assert ratio[kept > 0].std(correction=0).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("p", [0.01, 0.5, 0.6, 0.9, 1.0])
def test_top_p_keeps_the_fewest_that_reach_p(p: float) -> None:
    kept = Sampling(top_p=p).probabilities(LOGITS) > 0
    probabilities = LOGITS.softmax(-1).sort(descending=True).values
    needed = next(n for n in range(1, 6) if probabilities[:n].sum() >= p - 1e-6)
    assert int(kept.sum()) == needed


def test_top_k_and_top_p_agree_with_transformers() -> None:
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    torch.manual_seed(0)
    logits = torch.randn(4, 50) * 3
    scores = logits
    for warper in (TemperatureLogitsWarper(0.7), TopKLogitsWarper(12), TopPLogitsWarper(0.8)):
        scores = warper(None, scores)
    actual = Sampling(temperature=0.7, top_k=12, top_p=0.8).probabilities(logits)
    torch.testing.assert_close(actual, scores.softmax(-1))


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("length", [1, 10, 16, 40])
def test_cache_changes_nothing_also_past_the_context(name: str, length: int) -> None:
    model = tiny(name)
    prompt = torch.randint(50, (length,), generator=torch.Generator().manual_seed(2))
    drawn = [
        list(sample(model, prompt, Sampling(50, seed=3), cache=cache)) for cache in (True, False)
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 5


def test_greedy_equals_transformers() -> None:
    """The library's own generate, on the same weights, within the context."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model = tiny()
    c = model.config
    theirs = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=50, n_positions=16, n_embd=32, n_layer=4, n_head=4, bos_token_id=0,
            eos_token_id=None, pad_token_id=0, attn_pdrop=0, resid_pdrop=0, embd_pdrop=0,
        )
    ).eval()  # fmt: skip
    transposed = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    weights = {
        (name if name.startswith("lm_head") else f"transformer.{name}"): (
            value.T if name.endswith(transposed) else value
        )
        for name, value in model.state_dict().items()
    }
    theirs.load_state_dict(weights)
    prompt = torch.tensor([[3, 1, 4, 1, 5]])
    expected = theirs.generate(prompt, max_new_tokens=c.n_ctx - 5, do_sample=False)[0, 5:].tolist()
    assert list(sample(model, prompt[0], Sampling(c.n_ctx - 5, temperature=0))) == expected


def test_sampling_follows_the_distribution() -> None:
    model = tiny()
    prompt = torch.tensor([7])
    expected = model(prompt[None])[0, -1].softmax(-1)
    drawn = torch.tensor(
        [next(iter(sample(model, prompt, Sampling(1, seed=s)))) for s in range(2000)]
    )
    share = torch.bincount(drawn, minlength=50) / 2000
    assert (share - expected).abs().max().item() < 0.05


def test_seeds() -> None:
    model, tokenizer = tiny(vocab_size=26), CharTokenizer("abcdefghijklmnopqrstuvwxyz")
    texts = [generate(model, tokenizer, "abc", Sampling(30, seed=s)) for s in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("abc") and len(texts[0]) == 33


def test_streamed_text_is_never_half_a_character() -> None:
    model = tiny(vocab_size=257)
    tokenizer = BPETokenizer([])
    pieces = list(stream(model, tokenizer, "é", Sampling(60, temperature=2.0, seed=1)))
    whole = generate(model, tokenizer, "é", Sampling(60, temperature=2.0, seed=1))
    assert "é" + "".join(pieces) == whole


def test_an_empty_prompt_begins_a_document() -> None:
    model, tokenizer = tiny(vocab_size=5), CharTokenizer("\nabcd")
    from_start = list(sample(model, torch.tensor([tokenizer.start_id]), Sampling(8, seed=1)))
    assert generate(model, tokenizer, "", Sampling(8, seed=1)) == tokenizer.decode(from_start)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"top_p": float("nan")}, "top_p is nan"),
        ({"max_new_tokens": -1}, "max_new_tokens is -1"),
        ({"max_new_tokens": 2.5}, "max_new_tokens is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**70}, "seed is 1180591620717411303424"),
        ({"stop": ""}, "give texts"),
        ({"stop": "word"}, "give texts"),
        ({"stop": ("",)}, "give texts"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=message):
        Sampling(**arguments)


@given(
    temperature=st.floats(min_value=0, allow_nan=False, allow_infinity=False),
    top_k=st.none() | st.integers(1, 2**31 - 1),
    top_p=st.none() | st.floats(0, 1, exclude_min=True),
)
def test_every_number_that_is_taken_gives_a_distribution(
    temperature: float, top_k: int | None, top_p: float | None
) -> None:
    """Zero, the smallest, the largest and all between: rows sum to 1, the likeliest stays."""
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    probabilities = sampling.probabilities(LOGITS[None] * 100)[0]
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-5)
    assert probabilities[0] == probabilities.max() > 0


def test_a_temperature_near_zero_is_greedy() -> None:
    for temperature in (1e-38, 1e-45, 5e-324):
        probabilities = Sampling(temperature=temperature).probabilities(LOGITS)
        torch.testing.assert_close(probabilities, Sampling(temperature=0).probabilities(LOGITS))


def test_an_unknown_character_is_refused_before_the_first_token() -> None:
    with pytest.raises(ValueError, match=r"'\?'"):
        stream(tiny(vocab_size=5), CharTokenizer("\nabcd"), "ab?")


def test_a_model_that_is_being_trained_goes_on_training() -> None:
    """Also between two tokens."""
    model = tiny().train()
    tokens = sample(model, torch.tensor([7]), Sampling(5))
    next(tokens)
    assert model.training and model.h[0].training
    list(tokens)
    assert model.training and model.h[0].training


def test_dropout_is_off_while_sampling() -> None:
    torch.manual_seed(0)
    model = GPT(preset("gpt2-tiny", vocab_size=50, n_ctx=16, dropout=0.5)).train()
    greedy = Sampling(12, temperature=0)
    first, second = (list(sample(model, torch.tensor([7]), greedy)) for _ in range(2))
    assert first == second


def test_stopping_at_an_id() -> None:
    model, prompt = tiny(), torch.tensor([7])
    written = list(sample(model, prompt, Sampling(40, seed=1)))
    last = written[10]
    stopped = list(sample(model, prompt, Sampling(40, seed=1), stop_ids=[last]))
    assert stopped == written[: written.index(last)]


@pytest.mark.parametrize("stop", ["d", "ab", "bca", "nowhere", "aa"])
def test_stopping_before_a_text(stop: str) -> None:
    """Whether it stands in one piece or in several."""
    model, tokenizer = tiny(vocab_size=5), CharTokenizer("\nabcd")
    whole = "".join(stream(model, tokenizer, "ab", Sampling(60, seed=3)))
    stopped = "".join(stream(model, tokenizer, "ab", Sampling(60, seed=3, stop=("xyz", stop))))
    assert stopped == whole.partition(stop)[0]


def test_stopping_at_the_end_of_a_document() -> None:
    model, tokenizer = tiny(vocab_size=257), BPETokenizer([])
    with torch.no_grad():  # the end comes sooner or later
        model.ln_f.bias.copy_(model.wte.weight[256])
    hot = {"max_new_tokens": 200, "temperature": 2.0, "seed": 2}
    ids = list(sample(model, torch.tensor([256]), Sampling(**hot)))
    assert ids.index(256) > 0
    ended = generate(model, tokenizer, "", Sampling(**hot, stop=("<|endoftext|>",)))
    assert ended == tokenizer.decode(ids[: ids.index(256)])


def test_a_model_and_a_tokenizer_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"257 ids, but the model's vocab_size is 50"):
        generate(tiny(), BPETokenizer([]), "a")


def test_ids_beyond_the_tokenizer_are_never_drawn() -> None:
    """A vocabulary rounded up, as many are: the rest of its rows stand for nothing."""
    model, tokenizer = tiny(vocab_size=50), CharTokenizer("\nabcd")
    text = generate(model, tokenizer, "ab", Sampling(200, temperature=3.0, seed=1))
    assert len(text) == 202


def test_asking_for_nothing_gives_the_prompt() -> None:
    assert generate(tiny(vocab_size=5), CharTokenizer("\nabcd"), "ab", Sampling(0)) == "ab"


@pytest.mark.parametrize("cache", [True, False], ids=["cached", "uncached"])
@pytest.mark.parametrize("name", ["gpt1-tiny", "gpt2-tiny", "gpt3-tiny"])
def test_each_row_of_a_batch_is_what_it_is_alone(name: str, cache: bool) -> None:
    """Prompts of different lengths, far past the context, banded layers among them."""
    torch.manual_seed(0)
    shape = {"n_layer": 3, "n_ctx": 24, "n_embd": 32, "vocab_size": 50, "band": 4}
    model = GPT(preset(name, **shape)).eval()
    with torch.no_grad():  # or the likeliest token would be the same everywhere
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    prompts = [torch.randint(50, (length,)) for length in (5, 1, 23, 40)]
    rows = list(sample_batch(model, prompts, Sampling(60, 0.9, seed=3), cache=cache))
    for i, prompt in enumerate(prompts):
        assert [row[i] for row in rows] == list(
            sample(model, prompt, Sampling(60, 0.9, seed=3 + i))
        )


@pytest.mark.parametrize("name", ["gpt2-tiny", "gpt3-tiny"])
def test_padding_changes_no_logits(name: str) -> None:
    torch.manual_seed(0)
    model = GPT(preset(name, n_ctx=24, n_embd=32, vocab_size=50, band=4)).eval()
    rows = [torch.randint(50, (length,)) for length in (6, 11)]
    padding = torch.tensor([5, 0])
    padded = torch.stack([torch.cat([torch.zeros(5, dtype=torch.long), rows[0]]), rows[1]])
    with torch.no_grad():
        whole = model(padded, reading=Reading(padding=padding))
        alone = model(rows[0][None])[0]
        reading = Reading(model.new_cache(), padding)
        pieces = [
            model(part, reading=reading) for part in (padded[:, :7], padded[:, 7:8], padded[:, 8:])
        ]
    torch.testing.assert_close(whole[0, 5:], alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.cat(pieces, 1)[0, 5:], alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.cat(pieces, 1)[1], whole[1], atol=1e-5, rtol=1e-5)


def test_no_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        sample_batch(GPT(preset("gpt2-tiny")), [])
