"""bertviz with no network: one page, nothing loaded from outside, tokens as they are."""

import json
import re

import pytest
import torch

from gptlab.attention import causal_mask
from gptlab.explorers import head_view, model_view
from gptlab.show.frame import View
from gptlab.show.links import strongest_link

EVIL = ["</script><script>parent.hacked=1</script>", "<img src=x onerror=alert(1)>", '"', "注"]


def weights(n_layer: int = 2, n_head: int = 2, n_token: int = 4) -> torch.Tensor:
    torch.manual_seed(0)
    scores = torch.randn(n_layer, n_head, n_token, n_token)
    return scores.masked_fill(~causal_mask(n_token), -torch.inf).softmax(-1)


def page(view: View) -> tuple[str, str]:
    data, _ = view._repr_mimebundle_()
    return data["text/html"], data["text/plain"]


@pytest.mark.parametrize("draw", [head_view, model_view])
def test_same_input_same_page_and_nothing_from_outside(draw) -> None:  # type: ignore[no-untyped-def]
    first, second = page(draw(weights(), list("abcd"))), page(draw(weights(), list("abcd")))
    assert first == second
    assert not re.search(r"<(script|link|img)[^>]+(src|href)\s*=\s*[\"']?https?:", first[0])
    assert "strongest link: layer 0 head 1, “b” looks at “a” (0.90)" in first[1]


@pytest.mark.parametrize("draw", [head_view, model_view])
def test_tokens_are_never_markup(draw) -> None:  # type: ignore[no-untyped-def]
    html, _ = page(draw(weights(), EVIL))
    assert "<script>parent.hacked" not in html and "<img src=x" not in html


@pytest.mark.parametrize("draw", [head_view, model_view])
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
    data = json.loads(re.search(r'id="params"[^>]*>(.*?)</script>', view.page, re.DOTALL)[1])
    names = [token.replace(" ", "␣") for token in EVIL]
    assert data["links"] == [[strongest_link(attention[n, 1], names)] for n in (2, 0)]
