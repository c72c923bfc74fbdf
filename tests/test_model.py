"""The GPT class: its size, its loss, its causality, its cache."""

import math

import pytest
import torch
import torch.nn.functional as F

from gptlab.config import PRESETS, preset
from gptlab.model import GPT
from gptlab.papers import GPT3_TABLE
from gptlab.runtime.cache import KeyValueCache
from gptlab.runtime.linear import Linear
from gptlab.runtime.reading import Reading

TINY = ["gpt1-tiny", "gpt2-tiny", "gpt3-tiny"]


def tiny(name: str, **changes: object) -> GPT:
    torch.manual_seed(0)
    small = {"vocab_size": 50, "n_ctx": 24, "n_embd": 32, "band": 5}
    model = GPT(preset(name, **{**small, **changes})).eval()
    with torch.no_grad():  # larger than the initial weights, so that errors show
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    return model


def tokens(*shape: int) -> torch.Tensor:
    return torch.randint(50, shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("gpt1", 116_534_784),
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_parameter_counts_of_the_released_models(name: str, count: int) -> None:
    with torch.device("meta"):
        assert GPT(preset(name)).num_parameters() == count


@pytest.mark.parametrize("row", GPT3_TABLE, ids=lambda row: row.preset)
def test_parameter_counts_of_gpt3(row) -> None:  # type: ignore[no-untyped-def]
    """The table prints two or three digits; every size lies within 2 % of them."""
    with torch.device("meta"):
        count = GPT(preset(row.preset)).num_parameters()
    assert count == pytest.approx(row.parameters, rel=0.02)


@pytest.mark.parametrize("name", PRESETS)
def test_parameter_counts_by_formula(name: str) -> None:
    c = preset(name)
    with torch.device("meta"):
        model = GPT(c)
    d = c.n_embd
    blocks = c.n_layer * (12 * d * d + 13 * d)
    assert model.num_parameters(embeddings=False) == blocks + 2 * d * c.final_norm
    assert model.num_parameters() == blocks + 2 * d * c.final_norm + (c.vocab_size + c.n_ctx) * d


@pytest.mark.parametrize("name", TINY)
def test_loss_is_the_cross_entropy_of_the_given_targets(name: str) -> None:
    model, x, y = tiny(name), tokens(2, 24), tokens(2, 24).flip(0)
    logits, loss = model(x, y)
    by_hand = -logits.log_softmax(-1).gather(-1, y[..., None]).mean()
    torch.testing.assert_close(loss, by_hand)


@pytest.mark.parametrize("std", [0.02, 0.049])
def test_a_fresh_model_is_as_unsure_as_a_die(std: float) -> None:
    """Logits of variance C·σ² around zero cost half of that more than a die does."""
    torch.manual_seed(0)
    model = GPT(preset("gpt2-tiny", init_std=std))
    x = torch.randint(1024, (4, 64))
    expected = math.log(1024) + 128 * std**2 / 2
    assert model(x, x.roll(1))[1].item() == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", TINY)
def test_the_future_changes_nothing(name: str) -> None:
    model, x = tiny(name), tokens(1, 24)
    changed = x.clone()
    changed[:, 12:] = (changed[:, 12:] + 7) % 50
    before, after = model(x), model(changed)
    torch.testing.assert_close(after[:, :12], before[:, :12])
    assert not torch.allclose(after[:, 12:], before[:, 12:])


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("pieces", [[1] * 24, [10, 1, 1, 12], [24]])
def test_cache_gives_the_same_logits(name: str, pieces: list[int]) -> None:
    model, x = tiny(name), tokens(2, 24)
    reading = Reading(model.new_cache())
    parts = [model(part, reading=reading) for part in x.split(pieces, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(x), atol=1e-5, rtol=1e-5)


def test_norms_stand_where_the_paper_puts_them() -> None:
    """Post-norm: a block's output is normalised. Pre-norm: it is not, and ln_f is there."""
    x = tokens(1, 24)
    for name, normalised in [("gpt1-tiny", True), ("gpt2-tiny", False)]:
        torch.manual_seed(0)
        model = GPT(preset(name, vocab_size=50, n_ctx=24))
        out = model.trace(x).residual["3.out"]
        assert torch.allclose(out.std(-1, correction=0), torch.ones(24), atol=1e-2) == normalised
        assert isinstance(model.ln_f, torch.nn.LayerNorm) != normalised


@pytest.mark.parametrize("std", [0.02, 0.1])
def test_scale_of_the_initial_weights(std: float) -> None:
    torch.manual_seed(0)
    config = preset("gpt2-tiny", n_layer=8, init_std=std)
    scaled = GPT(config)
    plain = GPT(config.replace(residual_init_scale=False))
    for model, factor in [(scaled, 1 / math.sqrt(16)), (plain, 1.0)]:
        block = model.h[0]
        for matrix in (block.attn.c_proj, block.mlp.c_proj):
            assert matrix.weight.std().item() == pytest.approx(std * factor, rel=0.05)
        assert block.attn.c_attn.weight.std().item() == pytest.approx(std, rel=0.05)
        assert model.wte.weight.std().item() == pytest.approx(std, rel=0.05)


def test_the_output_layer_can_be_tied_or_not() -> None:
    tied, free = GPT(preset("gpt2-tiny")), GPT(preset("gpt2-tiny", tie_weights=False))
    assert tied.lm_head.weight is tied.wte.weight
    assert free.num_parameters() - tied.num_parameters() == 1024 * 128


def test_a_sequence_that_does_not_fit_is_refused() -> None:
    model = tiny("gpt2-tiny")
    with pytest.raises(ValueError, match="25 tokens, but n_ctx is 24"):
        model(tokens(1, 25))
    reading = Reading(model.new_cache())
    model(tokens(1, 20), reading=reading)
    with pytest.raises(ValueError, match="25 tokens"):
        model(tokens(1, 5), reading=reading)
    with pytest.raises(ValueError, match="at least one token"):
        model(tokens(1, 0))


@pytest.mark.parametrize("name", TINY)
def test_gradients_by_finite_differences(name: str) -> None:
    model = tiny(name).double()
    x, y = tokens(2, 24), tokens(2, 24).flip(1)
    weight = model.h[1].attn.c_attn.weight
    model(x, y)[1].backward()
    assert weight.grad is not None
    step = 1e-5
    for index in [(0, 0), (40, 3), (90, 31)]:
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[index] += sign * step
                values.append(model(x, y)[1].item())
                weight[index] -= sign * step
        slope = (values[0] - values[1]) / (2 * step)
        assert weight.grad[index].item() == pytest.approx(slope, rel=1e-4, abs=1e-8)


def test_target_minus_100_is_left_out() -> None:
    model, x = tiny("gpt2-tiny"), tokens(1, 24)
    y = tokens(1, 24).flip(1)
    masked = y.clone()
    masked[:, 10:] = -100
    logits, loss = model(x, masked)
    torch.testing.assert_close(loss, F.cross_entropy(logits[0, :10], y[0, :10]))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("out_features", [1536, 997])  # a prime cannot be cut into parts
def test_one_vector_through_a_linear_layer_is_the_product(bias: bool, out_features: int) -> None:
    layer = Linear(384, out_features, bias=bias)
    x = torch.randn(1, 1, 384)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with torch.no_grad():
            out = layer(x)
    finally:
        torch.set_num_threads(threads)
    expected = x.double() @ layer.weight.double().T
    expected = expected if layer.bias is None else expected + layer.bias.double()
    assert out.shape == (1, 1, out_features)
    torch.testing.assert_close(out.double(), expected, atol=1e-5, rtol=0)


def test_the_cache_of_a_banded_layer_forgets_a_long_prompt() -> None:
    cache = KeyValueCache(preset("gpt3-tiny", n_ctx=2048, attention=("banded",), band=8))
    tokens = torch.randn(1, 4, 1000, 32)
    k, _ = cache.extend(0, torch.stack([tokens, tokens]))
    torch.testing.assert_close(k, tokens)
    for _ in range(30):
        one = torch.randn(1, 4, 1, 32)
        tokens = torch.cat([tokens, one], dim=-2)
        k, v = cache.extend(0, torch.stack([one, one]))
        torch.testing.assert_close(k, tokens[..., -9:, :])  # the band before it, and itself
        torch.testing.assert_close(v, k)
        held = k.untyped_storage().nbytes() // (2 * one.nbytes)  # keys and values, in tokens
        assert held <= 2 * 8
