"""What came after GPT-3: each change against an oracle, and in a model that still writes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gptlab import experiments
from gptlab.corpora import from_text
from gptlab.experiments import __main__ as recording
from gptlab.experiments import successors
from gptlab.experiments.successors import CHANGES, GroupedQueryAttention, RotaryAttention, rotate
from gptlab.generation import Sampling, sample
from gptlab.model import GPT, CausalSelfAttention
from gptlab.results import Results

CONFIG = successors.config(30).replace(n_ctx=24, init_std=0.3)
WITH = pytest.mark.parametrize(
    "change", [one for one in CHANGES.values() if one is not None], ids=lambda one: one.__name__
)


def test_a_turn_keeps_lengths_and_sees_distances_alone() -> None:
    torch.manual_seed(1)
    q, k = torch.randn(2, 1, 8)
    assert rotate(q, 5).norm() == pytest.approx(q.norm().item(), rel=1e-5)
    products = [(rotate(q, 3 + shift) @ rotate(k, shift).T).item() for shift in (0, 1, 40)]
    assert products == pytest.approx(products[:1] * 3, abs=1e-4)
    nearer = (rotate(q, 2) @ rotate(k, 0).T).item()
    assert abs(nearer - products[0]) > 1e-3


def test_a_turn_is_that_of_complex_numbers() -> None:
    x = torch.randn(7, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float32)
    speeds = 10_000.0 ** (-torch.arange(0, 6, 2) / 6)
    angles = torch.arange(4, 11)[:, None] * speeds
    turned = torch.complex(x[:, :3], x[:, 3:]) * torch.polar(torch.ones_like(angles), angles)
    assert torch.allclose(rotate(x, 4), torch.cat([turned.real, turned.imag], -1), atol=1e-5)


@pytest.mark.parametrize("n_group", [1, 2, 4])
def test_shared_keys_are_those_of_plain_attention_with_equal_heads(n_group: int) -> None:
    torch.manual_seed(3)
    shared = GroupedQueryAttention(CONFIG, 0, n_group)
    plain = CausalSelfAttention(CONFIG, 0)
    D, often = CONFIG.head_dim, CONFIG.n_head // n_group
    for name in ("weight", "bias"):
        rows = getattr(shared.c_attn, name).detach().unflatten(0, (-1, D))  # (H + 2G, D, …)
        q, k, v = rows.split([CONFIG.n_head, n_group, n_group])
        whole = torch.cat([q, k.repeat_interleave(often, 0), v.repeat_interleave(often, 0)])
        getattr(plain.c_attn, name).data = whole.flatten(0, 1)
    plain.c_proj.load_state_dict(shared.c_proj.state_dict())
    x = torch.randn(2, 9, CONFIG.n_embd)
    assert torch.allclose(shared(x), plain(x), atol=1e-5)


def test_rotary_attention_without_a_turn_is_plain_attention(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, rotary = CausalSelfAttention(CONFIG, 0), RotaryAttention(CONFIG, 0)
    rotary.load_state_dict(plain.state_dict())
    x = torch.randn(2, 9, CONFIG.n_embd)
    assert not torch.allclose(rotary(x), plain(x), atol=1e-3)
    monkeypatch.setattr(successors, "rotate", lambda x, start: x)
    assert torch.allclose(rotary(x), plain(x), atol=1e-5)


@WITH
def test_it_writes_with_the_cache_what_it_writes_without(change: Callable[[GPT], GPT]) -> None:
    torch.manual_seed(4)
    model = change(GPT(CONFIG))
    prompt, greedy = torch.tensor([3, 1, 4, 1, 5]), Sampling(15, temperature=0)
    written = list(sample(model, prompt, greedy))
    assert written == list(sample(model, prompt, greedy, cache=False)) and len(set(written)) > 1


@WITH
def test_only_the_change_is_new(change: Callable[[GPT], GPT]) -> None:
    """Without its positions a model knows no order; what is left of it is drawn as before."""
    torch.manual_seed(5)
    model = change(GPT(CONFIG))
    kinds = {type(one).__name__ for one in model.modules()}
    assert ("LayerNorm" in kinds) != ("RMSNorm" in kinds)
    tokens = torch.tensor([[7, 2, 9, 4]])
    assert not torch.allclose(
        model(tokens)[0, -1], model(tokens[:, [1, 0, 2, 3]])[0, -1], atol=1e-4
    )
    assert model.wpe.weight.any() != isinstance(model.h[0].attn, RotaryAttention)


@pytest.mark.slow
def test_a_recording_that_was_stopped_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "the cat sat on the mat, the dog sat on the cat.\n" * 100
    monkeypatch.setattr(recording, "python_docs", lambda kind: from_text(text))
    monkeypatch.setattr(successors.variants, "__defaults__", (2,))
    path = tmp_path / "results" / "successors.json"
    path.parent.mkdir()
    asked = ["successors", "--seeds", "1", "--out", str(tmp_path)]
    recording.main(asked)
    results = Results.load(path)
    assert [run.variant for run in results.runs] == list(CHANGES)
    Results(**{**vars(results), "runs": results.runs[:-2]}).save(path)
    recording.main([*asked, "--resume"])
    again = Results.load(path)
    assert [run.val_loss for run in again.runs] == [run.val_loss for run in results.runs]
    assert len({run.val_loss for run in again.runs}) == len(CHANGES)


def test_what_was_recorded_passes_the_line_of_triples() -> None:
    recorded = experiments.results("successors")
    assert recorded.with_runs() == list(CHANGES)
    for name in CHANGES:
        assert len(recorded.of(name)) >= 3
        assert max(recorded.values(name)) < recorded.levels()["trigram"]
