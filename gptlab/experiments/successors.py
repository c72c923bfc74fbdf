"""What came after GPT-3, one change at a time, on the same small model.

RMSNorm in the place of LayerNorm, rotary positions in the place of learned ones, keys and values
that several heads share, and another optimizer. Each is a module in the place of another: the rest
of the model, the text and the number of tokens stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from gptlab.compare import Variant
from gptlab.config import GPTConfig, preset
from gptlab.experiments.terms import Experiment
from gptlab.model import GPT, Block, CausalSelfAttention
from gptlab.runtime.fast_attention import fast_attend
from gptlab.runtime.linear import Linear
from gptlab.runtime.reading import Reading
from gptlab.settings import MUON_RATE, TrainSettings

#: Updates of 4,096 tokens each; 500 read two million.
STEPS = 500
#: Heads of the model, and how many keys and values they share in groups.
N_HEAD, N_GROUP = 4, 1


def rotate(x: Tensor, start: int = 0, base: float = 10_000.0) -> Tensor:
    """Turn each pair of numbers of a query or key by an angle that grows with its position.

    Pair i of position t is turned by t · base^(-2i/D), so that the product of a query and a key
    depends on how far apart they are (Su et al. 2021, section 3.2).

    Args:
        x: queries or keys (..., T, D), D even.
        start: position of the first.
        base: how slowly the slowest pair turns.

    Returns:
        (..., T, D).
    """
    half = x.size(-1) // 2
    speeds = base ** (-torch.arange(half, device=x.device) / half)  # (D / 2,)
    places = torch.arange(start, start + x.size(-2), device=x.device)  # (T,)
    angles = places[:, None] * speeds  # (T, D / 2)
    a, b = x.float().chunk(2, dim=-1)  # (..., T, D / 2) each
    turned = [a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()]
    return torch.cat(turned, dim=-1).to(x.dtype)


class _Attention(CausalSelfAttention):
    """Attention whose queries, keys and values come from `project`, (3, B, H, T, D)."""

    def project(self, x: Tensor, start: int) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor, reading: Reading | None = None) -> Tensor:
        """Mix each token with the ones before it: (B, T, C) → (B, T, C)."""
        qkv = self.project(x, 0 if reading is None else reading.start)  # (3, B, H, T, D)
        if reading is None:
            q, k, v = qkv
            heads = fast_attend(q, k, v, self.band)  # (B, H, T, D)
        else:
            heads = reading.attend(self.layer, qkv, self.band, 0.0)
        return self.c_proj(heads.transpose(1, 2).flatten(-2))


class RotaryAttention(_Attention):
    """Queries and keys turned by their position, which then need no embedding of its own."""

    def project(self, x: Tensor, start: int) -> Tensor:
        """Return queries, keys and values (3, B, H, T, D)."""
        qkv = self.c_attn(x).unflatten(-1, (3, self.n_head, -1)).permute(2, 0, 3, 1, 4)
        return torch.stack([rotate(qkv[0], start), rotate(qkv[1], start), qkv[2]])


class GroupedQueryAttention(_Attention):
    """Queries of its own for each head, keys and values for a group of them.

    Ainslie et al. 2023, section 2.2. One group is the multi-query attention of Shazeer 2019.
    """

    def __init__(self, config: GPTConfig, layer: int, n_group: int = N_GROUP) -> None:
        """Make the projections of one layer."""
        super().__init__(config, layer)
        self.n_group = n_group
        shared = n_group * config.head_dim
        self.c_attn = Linear(config.n_embd, config.n_embd + 2 * shared, bias=config.bias)

    def project(self, x: Tensor, start: int) -> Tensor:
        """Return queries, and each head's keys and values, (3, B, H, T, D)."""
        D = x.size(-1) // self.n_head
        heads = self.c_attn(x).unflatten(-1, (-1, D)).transpose(1, 2)  # (B, H + 2G, T, D)
        q, k, v = heads.split([self.n_head, self.n_group, self.n_group], dim=1)
        often = self.n_head // self.n_group
        return torch.stack([q, k.repeat_interleave(often, 1), v.repeat_interleave(often, 1)])


def with_rms_norm(model: GPT) -> GPT:
    """Put RMSNorm (Zhang & Sennrich 2019) in the place of every LayerNorm."""
    for block in _blocks(model):
        block.ln_1, block.ln_2 = (nn.RMSNorm(model.config.n_embd) for _ in range(2))  # type: ignore[assignment]
    model.ln_f = nn.RMSNorm(model.config.n_embd)  # type: ignore[assignment]
    return model


def with_rotary(model: GPT) -> GPT:
    """Put rotary positions in the place of learned ones."""
    for block in _blocks(model):
        block.attn = _drawn(RotaryAttention(model.config, block.layer), model.config)
    with torch.no_grad():
        model.wpe.weight.zero_()
    model.wpe.weight.requires_grad_(False)
    return model


def with_grouped_queries(model: GPT) -> GPT:
    """Let all heads of a block share keys and values."""
    for block in _blocks(model):
        block.attn = _drawn(GroupedQueryAttention(model.config, block.layer), model.config)
    return model


def _blocks(model: GPT) -> list[Block]:
    return [block for block in model.h if isinstance(block, Block)]


@torch.no_grad()
def _drawn(attention: CausalSelfAttention, config: GPTConfig) -> CausalSelfAttention:
    """Draw the weights as `GPT` does."""
    attention.c_attn.weight.normal_(0.0, config.init_std)
    attention.c_proj.weight.normal_(0.0, config.init_std / (2 * config.n_layer) ** 0.5)
    for layer in (attention.c_attn, attention.c_proj):
        layer.bias.zero_()
    return attention


#: What is changed in the model, by the name it has in results; None for nothing.
CHANGES: dict[str, Callable[[GPT], GPT] | None] = {
    "GPT-2": None,
    "RMSNorm": with_rms_norm,
    "rotary positions": with_rotary,
    "shared keys and values": with_grouped_queries,
    "Muon": None,
}


def config(vocab_size: int) -> GPTConfig:
    """Return the shape that all have: GPT-2's, 4 layers, 64 wide, of 128 tokens."""
    return preset("gpt2-tiny", vocab_size=vocab_size, n_embd=64, n_head=N_HEAD)


def settings(name: str, steps: int = STEPS) -> TrainSettings:
    """Return how a variant is trained: all alike, but where the optimizer is the change."""
    settings = TrainSettings(
        steps, batch_size=32, learning_rate=8e-3, warmup=min(100, steps // 3), precision="float32"
    )
    if name == "Muon":
        return replace(settings, optimizer="muon", learning_rate=MUON_RATE)
    return settings


def variants(vocab_size: int, steps: int = STEPS) -> list[Variant]:
    """Return one variant a change; `build` puts the change into its model."""
    shape = config(vocab_size)
    return [Variant(name, shape, settings(name, steps)) for name in CHANGES]


def build(variant: Variant) -> GPT:
    """Return a fresh model with the change of that name."""
    change = CHANGES[variant.name]
    model = GPT(variant.config)
    return model if change is None else change(model)


SUCCESSORS = Experiment("successors", "char", variants, build=build)
