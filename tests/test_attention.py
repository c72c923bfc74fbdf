"""What attention is, said in tests, and that the fast paths are the same."""

import math

import pytest
import torch

from gptlab.attention import attend, causal_mask
from gptlab.config import preset
from gptlab.model import CausalSelfAttention
from gptlab.runtime.fast_attention import fast_attend

BANDS = [1, 2, 7, 16, 37, 50]  # 37 is the length of the sequences, 50 more than that
LENGTH = 37


def random_qkv(length: int = LENGTH, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, 3, length, 8, dtype=dtype) for _ in range(3)]


def new_from(x: torch.Tensor, cut: int) -> torch.Tensor:
    """The same tokens up to a place, others from there on."""
    return torch.cat([x[..., :cut, :], torch.randn_like(x[..., cut:, :])], dim=-2)


# What attention is.


@pytest.mark.parametrize("band", [None, 1, 5])
def test_each_row_of_weights_is_a_distribution(band: int | None) -> None:
    _, weights = attend(*random_qkv(), causal_mask(LENGTH, band=band))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, LENGTH))
    assert (weights >= 0).all()


def test_weights_by_hand() -> None:
    """Two tokens, one dimension: the softmax can be done on paper."""
    q = torch.tensor([[1.0], [2.0]])
    k = torch.tensor([[0.0], [math.log(2.0)]])
    v = torch.tensor([[10.0], [20.0]])
    out, weights = attend(q, k, v, causal_mask(2))
    # The second query's scores are 0 and 2·ln 2, so its weights are as 1 : 4.
    torch.testing.assert_close(weights, torch.tensor([[1.0, 0.0], [0.2, 0.8]]))
    torch.testing.assert_close(out, torch.tensor([[10.0], [18.0]]))


def test_the_scale_keeps_scores_at_unit_variance() -> None:
    """Vaswani et al. 2017, footnote 4: q·k has variance D, so 1/√D brings it back to 1."""
    torch.manual_seed(0)
    width = 64
    q, k = torch.randn(2, 2000, width), torch.randn(2, 2000, width)
    _, scaled = attend(q, k, k)
    _, by_hand = attend(q, k, k, scale=1 / math.sqrt(width))
    torch.testing.assert_close(scaled, by_hand)
    scores = scaled.log() - scaled.log().mean(-1, keepdim=True)  # softmax undone
    assert scores.var().item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("band", [None, 1, 5])
def test_the_future_changes_nothing(band: int | None) -> None:
    q, k, v = random_qkv()
    mask = causal_mask(LENGTH, band=band)
    before, _ = attend(q, k, v, mask)
    for cut in (1, 10, LENGTH - 1):
        after, _ = attend(q, new_from(k, cut), new_from(v, cut), mask)
        torch.testing.assert_close(after[..., :cut, :], before[..., :cut, :])


def test_without_a_mask_order_means_nothing() -> None:
    """Tokens shuffled on the way in come out shuffled the same way: attention sees a set."""
    q, k, v = random_qkv()
    order = torch.randperm(LENGTH)
    plain, _ = attend(q, k, v)
    shuffled, _ = attend(q[..., order, :], k[..., order, :], v[..., order, :])
    torch.testing.assert_close(shuffled, plain[..., order, :])
    causal, _ = attend(q, k, v, causal_mask(LENGTH))
    again, _ = attend(*(x[..., order, :] for x in (q, k, v)), causal_mask(LENGTH))
    assert not torch.allclose(again, causal[..., order, :])  # the mask knows who came first


def test_a_band_of_one_returns_the_value_itself() -> None:
    q, k, v = random_qkv()
    torch.testing.assert_close(attend(q, k, v, causal_mask(LENGTH, band=1))[0], v)


def test_the_output_lies_between_the_values() -> None:
    """A weighted mean is nowhere larger than the largest value, nor smaller than the smallest."""
    q, k, v = random_qkv()
    out, _ = attend(q * 10, k, v)
    assert (out <= v.amax(-2, keepdim=True)).all() and (out >= v.amin(-2, keepdim=True)).all()


def test_mask_by_brute_force() -> None:
    for n_query, n_key in [(1, 1), (5, 5), (3, 9), (1, 4)]:
        for band in [None, 1, 2, 4, 20]:
            mask = causal_mask(n_query, n_key, band)
            for i in range(n_query):
                position = n_key - n_query + i
                seen = {j for j in range(n_key) if mask[i, j]}
                first = 0 if band is None else max(0, position - band + 1)
                assert seen == set(range(first, position + 1)), (n_query, n_key, band, i)


def test_impossible_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="5 queries need at least as many keys"):
        causal_mask(5, 4)
    with pytest.raises(ValueError, match="band is 0"):
        causal_mask(5, band=0)


def test_dropped_weights_are_made_up_for() -> None:
    """A weight is dropped or divided by what is kept: on average the output stays the same."""
    q, k, _ = random_qkv()
    mask = causal_mask(LENGTH)
    ones = torch.ones(2, 3, LENGTH, 8)
    torch.manual_seed(0)
    outputs = torch.stack([attend(q, k, ones, mask, dropout=0.25)[0] for _ in range(400)])
    torch.testing.assert_close(outputs.mean(0), ones, atol=0.2, rtol=0)
    assert set(outputs[:, 0, 0, 0, 0].mul(3).round().tolist()) == {0.0, 4.0}  # its one weight


def test_heads_work_on_their_own_slice() -> None:
    """Head h reads columns h·D … (h+1)·D of queries, keys and values, and nothing else."""
    torch.manual_seed(0)
    config = preset("gpt2-tiny")
    layer = CausalSelfAttention(config, layer=0)
    x = torch.randn(1, 9, config.n_embd)
    q, k, v = layer.c_attn(x).chunk(3, dim=-1)
    width = config.head_dim
    slices = [slice(h * width, (h + 1) * width) for h in range(config.n_head)]
    heads = [attend(q[..., s], k[..., s], v[..., s], causal_mask(9))[0] for s in slices]
    torch.testing.assert_close(layer(x), layer.c_proj(torch.cat(heads, dim=-1)))


def test_dropout_only_while_training() -> None:
    torch.manual_seed(0)
    layer = CausalSelfAttention(preset("gpt2-tiny", dropout=0.5), layer=0)
    x = torch.randn(1, 9, 128)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


# The fast paths: the same function.


@pytest.mark.parametrize("band", [None, *BANDS])
def test_fast_equals_written_out(band: int | None) -> None:
    q, k, v = random_qkv()
    expected, _ = attend(q, k, v, causal_mask(LENGTH, band=band))
    torch.testing.assert_close(fast_attend(q, k, v, band), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("band", [None, *BANDS])
def test_fast_gradients_equal_written_out(band: int | None) -> None:
    inputs = [x.requires_grad_() for x in random_qkv(dtype=torch.float64)]
    direction = torch.randn(2, 3, LENGTH, 8, dtype=torch.float64)
    expected = torch.autograd.grad(
        (attend(*inputs, causal_mask(LENGTH, band=band))[0] * direction).sum(), inputs
    )
    actual = torch.autograd.grad((fast_attend(*inputs, band) * direction).sum(), inputs)
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("band", [1, 20, 64, 100, 130, 256])
def test_many_blocks_equal_written_out(band: int) -> None:
    """Values and gradients over several blocks of queries, the last of them not full."""
    inputs = [x.requires_grad_() for x in random_qkv(555, torch.float64)]
    expected = attend(*inputs, causal_mask(555, band=band))[0]
    actual = fast_attend(*inputs, band)
    torch.testing.assert_close(actual, expected)
    direction = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad((actual * direction).sum(), inputs),
        torch.autograd.grad((expected * direction).sum(), inputs),
    )


@pytest.mark.parametrize("length", [LENGTH, 600])  # on either side of where the path changes
@pytest.mark.parametrize("band", [None, 7, 64])
def test_bfloat16_equals_float32_to_its_precision(length: int, band: int | None) -> None:
    inputs = [x.bfloat16().float().requires_grad_() for x in random_qkv(length)]
    expected = attend(*inputs, causal_mask(length, band=band))[0]
    rough = [x.detach().bfloat16().requires_grad_() for x in inputs]
    actual = fast_attend(*rough, band)
    assert actual.dtype == torch.bfloat16
    torch.testing.assert_close(actual.float(), expected, atol=0.02, rtol=0.02)
    direction = torch.randn_like(expected).bfloat16()
    exact = torch.autograd.grad((expected * direction.float()).sum(), inputs)
    for half, whole in zip(
        torch.autograd.grad((actual * direction).sum(), rough), exact, strict=True
    ):
        assert (half.float() - whole).norm() < 0.02 * whole.norm()


@pytest.mark.parametrize("band", [None, *BANDS])
def test_fewer_queries_than_keys(band: int | None) -> None:
    """The last queries of a sequence get what they get when the whole sequence asks."""
    q, k, v = random_qkv()
    whole = fast_attend(q, k, v, band)
    for n_query in (1, 5):
        part = fast_attend(q[..., -n_query:, :], k, v, band)
        torch.testing.assert_close(part, whole[..., -n_query:, :], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("band", [None, 1, 5])
def test_the_future_changes_nothing_here_either(band: int | None) -> None:
    q, k, v = random_qkv()
    before = fast_attend(q, k, v, band)
    for cut in (1, 10, LENGTH - 1):
        after = fast_attend(q, new_from(k, cut), new_from(v, cut), band)
        torch.testing.assert_close(after[..., :cut, :], before[..., :cut, :])
