"""The strongest link is what brute force finds: between two places, of equal ones the first."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gptlab import plots
from gptlab.attention import causal_mask
from gptlab.explorers import head_view
from gptlab.show.links import strongest_link


def brute_force(weights: torch.Tensor, tokens: list[str]) -> str:
    best, words = 0, "none of 0.01 or more"
    for layer in range(weights.size(0)):
        for head in range(weights.size(1)):
            for query in range(weights.size(2)):
                for key in range(weights.size(3)):
                    weight = weights[layer, head, query, key].item()
                    hundredths = int(weight * 100 + 0.5)
                    if query != key and hundredths > best:
                        best = hundredths
                        words = (
                            f"layer {layer} head {head}, “{tokens[query]}” looks at "
                            f"“{tokens[key]}” ({best / 100:.2f})"
                        )
    return words


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 6)),
    seed=st.integers(0, 1000),
    sharpness=st.sampled_from([0.0, 1.0, 5.0, 50.0]),
    causal=st.booleans(),
)
def test_is_what_brute_force_finds(
    shape: tuple[int, int, int], seed: int, sharpness: float, causal: bool
) -> None:
    layers, heads, n = shape
    scores = torch.randn(
        layers, heads, n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    if causal:
        scores = scores.masked_fill(~causal_mask(n), -torch.inf)
    weights = (sharpness * scores).nan_to_num(neginf=-torch.inf).softmax(-1)
    if causal and sharpness == 0:
        weights = causal_mask(n).double() / causal_mask(n).sum(-1, keepdim=True)
        weights = weights.expand(layers, heads, n, n)
    tokens = [f"t{i}" for i in range(n)]
    assert strongest_link(weights, tokens) == brute_force(weights, tokens)
    (one,) = [weights[-1, -1]]
    said = brute_force(one[None, None], tokens).removeprefix("layer 0 head 0, ")
    assert strongest_link(one, tokens) == said


def test_of_equal_links_the_first_and_last_digits_do_not_matter() -> None:
    weights = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0.1, 0.5, 0.4]])
    for jitter in (0.0, 1e-6, -1e-6):
        weights[2, 1] = 0.5 + jitter
        assert strongest_link(weights, list("abc")) == "“b” looks at “a” (0.50)"


def test_a_token_that_looks_at_itself_is_no_link() -> None:
    weights = torch.eye(3)
    assert strongest_link(weights, list("abc")) == "none of 0.01 or more"
    weights[2] = torch.tensor([0.1, 0.0, 0.9])
    assert strongest_link(weights, list("abc")) == "“c” looks at “a” (0.10)"
    assert strongest_link(torch.ones(1, 1), ["a"]) == "none, as there is one token"


def test_the_same_word_at_another_place_is_one() -> None:
    weights = torch.tensor([[1.0, 0.0], [0.9, 0.1]])
    assert strongest_link(weights, ["the", "the"]) == "“the” looks at “the” (0.90)"


def test_without_a_mask_the_first_token_counts() -> None:
    weights = torch.tensor([[0.2, 0.8], [0.7, 0.3]])
    assert strongest_link(weights, list("ab")) == "“a” looks at “b” (0.80)"


def test_layers_and_heads_keep_their_numbers() -> None:
    weights = torch.eye(2).repeat(1, 2, 1, 1)
    weights[0, 1, 1] = torch.tensor([0.6, 0.4])
    assert strongest_link(weights, list("ab"), [4], [2, 7]).startswith("layer 4 head 7, “b”")


def test_a_query_that_may_look_nowhere_is_passed_over() -> None:
    weights = torch.tensor([[torch.nan, torch.nan], [0.6, 0.4]])
    assert strongest_link(weights, list("ab")) == "“b” looks at “a” (0.60)"


@pytest.mark.parametrize("seed", range(5))
def test_pictures_and_views_say_the_same(seed: int) -> None:
    torch.manual_seed(seed)
    weights = torch.randn(4, 4).masked_fill(~causal_mask(4), -torch.inf).softmax(-1)
    link = strongest_link(weights, list("abcd"))
    assert link in plots.attention_map(weights, list("abcd")).sentence
    assert link in head_view(weights[None, None], list("abcd")).sentence
