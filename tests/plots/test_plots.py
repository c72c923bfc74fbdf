"""Every picture can be drawn, says in words what it shows, and takes odd tokens as they are."""

import base64
from pathlib import Path

import pytest
import torch

from gptlab import plots
from gptlab.attention import causal_mask
from gptlab.compare import Results, Run
from gptlab.config import preset


def made_up(losses: dict[str, list[float]], tokens: dict[str, int] | None = None) -> Results:
    """Results with the given losses, as if they had been measured."""
    look = {"step": 1, "tokens": 10, "val_loss": 1.0, "val_bits_per_byte": 1.0}
    runs = [
        Run(name, seed, 10, 8, (tokens or {}).get(name, 100), loss, loss / 2, 5.0, 2.0, [look], "")
        for name, values in losses.items()
        for seed, loss in enumerate(values)
    ]
    about = {name: {"config": preset("gpt2-tiny").to_dict(), "settings": {}} for name in losses}
    return Results("made up", "a corpus", {}, about, runs)


ODD = ["$x$", "<b>", "\\frac{", "注意", ""]


def weights(n: int = 5) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(n, n).masked_fill(~causal_mask(n), -torch.inf).softmax(-1)


def looks_right(picture: plots.Picture, *words: str) -> None:
    data, metadata = picture._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["text/plain"] == picture.alt == metadata["image/png"]["alt"]
    for word in words:
        assert word in picture.alt


def test_attention_names_the_strongest_link() -> None:
    strong = torch.eye(5)
    strong[3] = torch.tensor([0.0, 0.75, 0, 0.25, 0])
    looks_right(plots.attention_map(strong, list("abcde")), "“d” looks at “b” (0.75)")
    looks_right(plots.attention_map(weights(), ODD))
    looks_right(plots.attention_map(torch.ones(1, 1), ["a"]))
    with pytest.raises(ValueError, match="4 tokens"):
        plots.attention_map(weights(), list("abcd"))


def test_attention_grid_names_the_previous_token_head() -> None:
    attention = weights().repeat(2, 3, 1, 1)
    attention[1, 2] = torch.diag(torch.ones(4), -1)
    attention[1, 2, 0, 0] = 1
    looks_right(plots.attention_grid(attention, ODD), "Layer 1 head 2", "1.00")
    looks_right(plots.attention_grid(attention, ODD, layers=[0], heads=[1, 2]), "1 layers × 2")


def test_mask_and_reach() -> None:
    looks_right(plots.mask_map(causal_mask(4)), "10 of 16")
    looks_right(plots.reach_map(preset("gpt3-tiny")), "layer 0: 256")
    banded = preset("gpt3-tiny", attention=("banded",), band=10)
    looks_right(plots.reach_map(banded), "layer 0: 10, layer 1: 19, layer 2: 28, layer 3: 37")


def test_reach_is_what_gradients_see() -> None:
    """The brute force: through how many tokens does the last output depend on the input?"""
    from gptlab.model import GPT

    torch.manual_seed(0)
    for pattern in [("banded",), ("banded", "dense"), ("dense", "banded")]:
        config = preset("gpt3-tiny", attention=pattern, band=4, n_layer=3, n_ctx=24, vocab_size=9)
        model = GPT(config)
        embedded = torch.randn(1, 24, 128, requires_grad=True)
        for layer in range(3):
            x = embedded
            for block in model.h[: layer + 1]:
                x = block(x)
            (gradient,) = torch.autograd.grad(x[0, -1].square().sum(), embedded)
            seen = int((gradient[0].abs().sum(-1) > 0).sum())
            assert f"layer {layer}: {seen}" in plots.reach_map(config).alt


def test_next_token_bars() -> None:
    looks_right(plots.next_token_bars(torch.tensor([0.1, 0.6, 0.3]), ODD), "<b>", "60.0%")


def test_pictures_of_results() -> None:
    results = made_up({"GPT-1": [2.0, 2.1], "GPT-2": [1.5, 1.6], "$": [1.5, 1.62]})
    looks_right(plots.loss_curves(results), "GPT-1 2.050 ± 0.071")
    looks_right(plots.loss_curves(results, "val_bits_per_byte"), "bits per byte")
    looks_right(plots.ladder_steps(results), "GPT-2")
    assert "within their spread" in plots.loss_curves(results).figure.axes[0].get_title()


def test_pictures_of_sweeps() -> None:
    tokens = {str(n): n for n in (10, 100, 1000)}
    results = made_up({name: [(5e4 / n) ** 0.3] for name, n in tokens.items()}, tokens)
    looks_right(plots.scaling_law(results, "tokens", published=0.095), "0.300", "0.095")


def test_pictures_of_the_depth_experiment() -> None:
    results = made_up({"a": [2.0, 2.1], "b": [1.5, 1.6]})
    for name, norm in (("a", "post"), ("b", "pre")):
        config = preset("gpt2-tiny", norm=norm).to_dict()
        results.variants[name] = {"config": config, "settings": {"warmup": 0}}
    for run in results.runs:
        run.extra["grad_norms"] = {"0": [1.0, 0.5, 0.25, 0.125]}
    looks_right(plots.depth_curves(results), "post-norm, no warm-up: 2.05")
    looks_right(plots.gradient_norms(results), "a: 1 in the first block, 0.125 in the last")
    with pytest.raises(ValueError, match="step 5"):
        plots.gradient_norms(results, step=5)


def test_saving(tmp_path: Path) -> None:
    picture = plots.mask_map(causal_mask(4))
    for ending in ("png", "svg", "pdf"):
        picture.save(tmp_path / f"mask.{ending}")
        assert (tmp_path / f"mask.{ending}").stat().st_size > 1000
    assert picture.alt in (tmp_path / "mask.svg").read_text()
    with pytest.raises(ValueError, match=r"mask\.bmp"):
        picture.save(tmp_path / "mask.bmp")
