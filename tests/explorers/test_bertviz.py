"""bertviz with no network: one page, nothing loaded from outside, tokens as they are."""

import json
import re
from types import SimpleNamespace

import pytest
import torch

from gptlab.attention import causal_mask
from gptlab.explorers import head_view, model_view, neuron_view
from gptlab.show.frame import View
from gptlab.show.links import strongest_link

EVIL = ["</script><script>parent.hacked=1</script>", "<img src=x onerror=alert(1)>", '"', "注"]


def weights(n_layer: int = 2, n_head: int = 2, n_token: int = 4) -> torch.Tensor:
    torch.manual_seed(0)
    scores = torch.randn(n_layer, n_head, n_token, n_token)
    return scores.masked_fill(~causal_mask(n_token), -torch.inf).softmax(-1)


def neurons(attention: torch.Tensor, width: int = 3) -> SimpleNamespace:
    """Attention with queries and keys beside it, as a trace has them."""
    torch.manual_seed(1)
    queries, keys = torch.randn(2, *attention.shape[:3], width)
    return SimpleNamespace(attention=attention, queries=queries, keys=keys)


def the_neuron_view(attention: torch.Tensor, tokens: list[str]) -> View:
    return neuron_view(neurons(attention), tokens)


VIEWS = pytest.mark.parametrize("draw", [head_view, model_view, the_neuron_view])


def data(view: View) -> dict:  # type: ignore[type-arg]
    """What the page's script reads."""
    return json.loads(re.search(r'id="params"[^>]*>(.*?)</script>', view.page, re.DOTALL)[1])


def page(view: View) -> tuple[str, str]:
    forms, _ = view._repr_mimebundle_()
    return forms["text/html"], forms["text/plain"]


@VIEWS
def test_same_input_same_page_and_nothing_from_outside(draw) -> None:  # type: ignore[no-untyped-def]
    first, second = page(draw(weights(), list("abcd"))), page(draw(weights(), list("abcd")))
    assert first == second
    assert not re.search(r"<(script|link|img)[^>]+(src|href)\s*=\s*[\"']?https?:", first[0])
    assert "strongest link: layer 0 head 1, “b” looks at “a” (0.90)" in first[1]


@VIEWS
def test_tokens_are_never_markup(draw) -> None:  # type: ignore[no-untyped-def]
    html, _ = page(draw(weights(), EVIL))
    assert "<script>parent.hacked" not in html and "<img src=x" not in html


@VIEWS
def test_wrong_input_is_refused(draw) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="shape"):
        draw(weights()[0], list("abcd"))
    with pytest.raises(ValueError):
        draw(weights(), list("abc"))
    with pytest.raises(ValueError):
        draw(weights() * 2, list("abcd"))


def test_each_head_of_the_model_view_says_its_link() -> None:
    attention = weights(n_layer=3, n_head=2)
    view = model_view(attention, EVIL, include_layers=[2, 0], include_heads=[1])
    names = [token.replace(" ", "␣") for token in EVIL]
    assert data(view)["links"] == [[strongest_link(attention[n, 1], names)] for n in (2, 0)]


def test_the_neuron_view_has_the_numbers_of_the_heads_asked_for() -> None:
    trace = neurons(weights(n_layer=3, n_head=4))
    view = neuron_view(trace, EVIL, layer=0, head=3, include_layers=[2, 0], include_heads=[1, 3])
    told = data(view)
    assert (told["include_layers"], told["include_heads"]) == ([2, 0], [1, 3])
    assert (told["layer"], told["head"]) == (1, 1), "places in the view, not numbers"
    shown = told["attention"]["all"]
    for theirs, ours in (("attn", "attention"), ("queries", "queries"), ("keys", "keys")):
        expected = getattr(trace, ours)[[2, 0]][:, [1, 3]]
        drawn = torch.tensor(shown[theirs])
        torch.testing.assert_close(drawn, expected, atol=6e-5, rtol=0)
    names = [token.replace(" ", "␣") for token in EVIL]
    assert shown["left_text"] == shown["right_text"] == names
    assert "2 of 3 layers × 2 of 4 heads over 4 tokens" in view.sentence
    link = strongest_link(trace.attention[[2, 0]][:, [1, 3]], names, [2, 0], [1, 3])
    assert f"strongest link: {link}." in view.sentence


def test_the_neuron_views_script_takes_its_data_from_the_page() -> None:
    """bertviz puts it into a script and into window; the page has it once, as data."""
    view = the_neuron_view(weights(), list("abcd"))
    assert "bertviz_params" not in view.page and "require.config" not in view.page
    assert view.page.count("<script>") == 2 and "cdnjs" not in view.page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": None}, "needs queries beside the attention"),
        ({"keys": torch.ones(2, 2, 3, 3)}, r"keys has shape \(2, 2, 3, 3\)"),
        ({"keys": torch.ones(2, 2, 4, 5)}, "both need as many"),
        ({"queries": torch.full((2, 2, 4, 3), torch.nan)}, "not finite"),
    ],
)
def test_queries_and_keys_must_fit(change: dict[str, object], message: str) -> None:
    trace = SimpleNamespace(**vars(neurons(weights())) | change)
    with pytest.raises(ValueError, match=message):
        neuron_view(trace, list("abcd"))


def test_the_neuron_view_refuses_what_is_not_there_or_too_much() -> None:
    trace = neurons(weights())
    with pytest.raises(ValueError, match="head is 2; choose one of those in the view"):
        neuron_view(trace, list("abcd"), head=2)
    with pytest.raises(ValueError, match="include_layers is"):
        neuron_view(trace, list("abcd"), include_layers=[2])
    with pytest.raises(ValueError, match="5 × 40² \\+ 3 × 40 × 128 = 23,360 rectangles"):
        neuron_view(neurons(weights(1, 1, 40), 128), ["a"] * 40)
    with pytest.raises(ValueError, match="include_heads"):
        neuron_view(neurons(weights(12, 12, 12), 64), ["a"] * 12)
