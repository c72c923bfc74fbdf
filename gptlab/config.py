"""What makes a GPT a GPT-1, a GPT-2 or a GPT-3: one frozen dataclass and its presets.

This is the only place where the three generations differ. The model, the training loop and every
experiment read these fields and never ask for a model's name.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from gptlab.runtime.checks import real_number, whole_number

Norm = Literal["post", "pre"]
AttentionKind = Literal["dense", "banded"]


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a GPT and the choices its papers made.

    Attributes:
        vocab_size: number of different tokens, V.
        n_ctx: longest sequence the model can read, in tokens.
        n_layer: number of blocks.
        n_head: attention heads per block; divides ``n_embd``.
        n_embd: width of the residual stream, C.
        norm: ``"post"`` puts LayerNorm after each residual addition (GPT-1, as in the original
            Transformer), ``"pre"`` at the input of each sub-block (GPT-2, section 2.3).
        final_norm: one more LayerNorm after the last block (GPT-2, section 2.3).
        residual_init_scale: divide the initial weights that write into the residual stream by
            √(2·n_layer) (GPT-2, section 2.3).
        init_std: standard deviation of the initial weights. The papers' 0.02 was chosen for widths
            from 768 up; the tiny presets are drawn as much wider as they are narrower.
        attention: kinds of attention, repeated over the layers: ``("dense",)`` everywhere,
            ``("dense", "banded")`` alternating (GPT-3, section 2.1).
        band: how many tokens a banded layer looks at, the token itself included.
        dropout: probability of dropping a value while training (residual, embedding, attention).
        bias: whether linear layers and LayerNorms have a bias.
        tie_weights: use the token embedding as the output layer too.

    Raises:
        ValueError: if a value cannot work; the message names the value and the rule.
    """

    vocab_size: int
    n_ctx: int
    n_layer: int
    n_head: int
    n_embd: int
    norm: Norm = "pre"
    final_norm: bool = True
    residual_init_scale: bool = True
    init_std: float = 0.02
    attention: tuple[AttentionKind, ...] = ("dense",)
    band: int = 256
    dropout: float = 0.0
    bias: bool = True
    tie_weights: bool = True

    def __post_init__(self) -> None:
        for name in ("vocab_size", "n_ctx", "n_layer", "n_head", "n_embd", "band"):
            whole_number(name, getattr(self, name), least=1)
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd is {self.n_embd} and n_head is {self.n_head}; the width is shared out "
                f"equally among the heads, so n_head must divide n_embd."
            )
        if self.norm not in get_args(Norm):
            raise ValueError(f'norm is {self.norm!r}; it must be "post" (GPT-1) or "pre" (GPT-2).')
        if isinstance(self.attention, str) or not self.attention:
            raise ValueError(
                f"attention is {self.attention!r}; it must be a tuple of layer kinds such as "
                f'("dense",) or ("dense", "banded").'
            )
        # JSON brings a list; a tuple keeps the config hashable.
        object.__setattr__(self, "attention", tuple(self.attention))
        for kind in self.attention:
            if kind not in get_args(AttentionKind):
                raise ValueError(f'attention has {kind!r}; a layer is "dense" or "banded".')
        real_number("init_std", self.init_std)
        if self.init_std == 0.0:
            raise ValueError(f"init_std is {self.init_std}; it must be a number above 0.")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout is {self.dropout}; it must lie in 0 ≤ dropout < 1.")
        for name in ("final_norm", "residual_init_scale", "bias", "tie_weights"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be True or False.")

    @property
    def head_dim(self) -> int:
        """Width of one head, D = n_embd / n_head."""
        return self.n_embd // self.n_head

    def layer_band(self, layer: int) -> int | None:
        """Band of the given layer (counted from 0), or None where attention is dense."""
        kind = self.attention[layer % len(self.attention)]
        return self.band if kind == "banded" else None

    def replace(self, **changes: Any) -> GPTConfig:
        """Return a copy with some fields changed, checked again."""
        unknown = sorted(set(changes) - {f.name for f in fields(self)})
        if unknown:
            known = ", ".join(f.name for f in fields(self))
            raise ValueError(f"GPTConfig has no field {', '.join(unknown)}; it has {known}.")
        return replace(self, **changes)

    def diff(self, other: GPTConfig) -> dict[str, tuple[Any, Any]]:
        """Return the fields in which two configs differ, as {field: (mine, theirs)}."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON-ready values."""
        return {**asdict(self), "attention": list(self.attention)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GPTConfig:
        """Build a config from ``to_dict``'s values; an unknown or missing field is refused.

        ``init_std`` may be missing: before it was a field, it was what its default is.
        """
        known = {f.name for f in fields(cls)}
        wrong = sorted(({"init_std"} | set(values)) ^ known)
        if wrong:
            raise ValueError(f"a GPTConfig has exactly the fields {sorted(known)}; check {wrong}.")
        return cls(**values)


def _gpt1(n_ctx: int, n_layer: int, n_head: int, n_embd: int, vocab_size: int) -> GPTConfig:
    return GPTConfig(
        vocab_size,
        n_ctx,
        n_layer,
        n_head,
        n_embd,
        norm="post",
        final_norm=False,
        residual_init_scale=False,
        dropout=0.1,
    )


def _gpt2(n_ctx: int, n_layer: int, n_head: int, n_embd: int, vocab_size: int = 50257) -> GPTConfig:
    return GPTConfig(vocab_size, n_ctx, n_layer, n_head, n_embd, dropout=0.1)


def _gpt3(n_ctx: int, n_layer: int, n_head: int, n_embd: int, vocab_size: int = 50257) -> GPTConfig:
    # The GPT-3 paper gives no band width. 256 is our choice, the one GPT-Neo made as well.
    return GPTConfig(
        vocab_size, n_ctx, n_layer, n_head, n_embd, attention=("dense", "banded"), band=256
    )


def _std_by_width(n_embd: int) -> float:
    """What 0.02 is at GPT-2's width of 768: a sum of n_embd products then spreads as far."""
    return 0.02 * math.sqrt(768 / n_embd)


_TINY = {"n_layer": 4, "n_head": 4, "n_embd": 128, "vocab_size": 1024}

PRESETS: dict[str, GPTConfig] = {
    # Radford et al. 2018, section 4.1; the vocabulary is the released model's.
    "gpt1": _gpt1(512, 12, 12, 768, 40478),
    # Radford et al. 2019, table 2.
    "gpt2": _gpt2(1024, 12, 12, 768),
    "gpt2-medium": _gpt2(1024, 24, 16, 1024),
    "gpt2-large": _gpt2(1024, 36, 20, 1280),
    "gpt2-xl": _gpt2(1024, 48, 25, 1600),
    # Brown et al. 2020, table 2.1; see `papers.GPT3_TABLE` for the two rows that do not add up.
    "gpt3-small": _gpt3(2048, 12, 12, 768),
    "gpt3-medium": _gpt3(2048, 24, 16, 1024),
    "gpt3-large": _gpt3(2048, 24, 16, 1536),
    "gpt3-xl": _gpt3(2048, 24, 16, 2048),
    "gpt3-2.7b": _gpt3(2048, 32, 32, 2560),
    "gpt3-6.7b": _gpt3(2048, 32, 32, 4096),
    "gpt3-13b": _gpt3(2048, 40, 40, 5120),
    "gpt3-175b": _gpt3(2048, 96, 96, 12288),
    # The same depth and width for all three, so that only the papers' changes remain; the context
    # doubles twice, as it did in the papers, and dropout is off because tiny runs underfit. Drawn
    # with 0.02, weights 128 wide learn slowly for reasons that are not the papers'.
    "gpt1-tiny": _gpt1(64, **_TINY).replace(dropout=0.0, band=32, init_std=_std_by_width(128)),
    "gpt2-tiny": _gpt2(128, **_TINY).replace(dropout=0.0, band=32, init_std=_std_by_width(128)),
    "gpt3-tiny": _gpt3(256, **_TINY).replace(band=32, init_std=_std_by_width(128)),
}


def preset(name: str, **changes: Any) -> GPTConfig:
    """Return a named config, with some fields changed if asked.

    The initial weights of a tiny one follow its width, unless ``init_std`` is among the changes.

    >>> preset("gpt2").n_layer
    12
    >>> preset("gpt2-tiny", vocab_size=65).vocab_size
    65

    Raises:
        ValueError: for a name that is not in ``PRESETS``.
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    if not changes:
        return PRESETS[name]
    config = PRESETS[name].replace(**changes)
    if name.endswith("-tiny") and "init_std" not in changes:
        config = config.replace(init_std=_std_by_width(config.n_embd))
    return config
