"""Generation: one prompt, greedy, with a key-value cache, the same weights in both libraries."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.harness import Row, interleaved
from gptlab.config import preset
from gptlab.generation import Sampling, sample
from gptlab.huggingface import to_transformers
from gptlab.model import GPT

#: name, changes to GPT-2's preset, new tokens, target
SHAPES = (
    ("4 layers, width 128", {"n_layer": 4, "n_embd": 128, "n_head": 4, "vocab_size": 1024}, 200, 2),
    ("6 layers, width 384", {"n_layer": 6, "n_embd": 384, "n_head": 6, "vocab_size": 1024}, 200, 2),
    ("GPT-2 small", {}, 48, 1.2),
)


def rows() -> Iterator[Row]:
    """Yield one comparison a size."""
    for name, changes, count, target in SHAPES:
        torch.manual_seed(0)
        model = GPT(preset("gpt2", **changes, n_ctx=256)).eval()
        theirs = to_transformers(model)
        prompt = torch.randint(model.config.vocab_size, (16,))

        def ours(model: GPT = model, prompt: torch.Tensor = prompt, count: int = count) -> None:
            list(sample(model, prompt, Sampling(count, temperature=0)))

        def peer(
            theirs: torch.nn.Module = theirs, prompt: torch.Tensor = prompt, count: int = count
        ) -> None:
            theirs.generate(  # type: ignore[operator]
                prompt[None],
                attention_mask=torch.ones_like(prompt[None]),
                max_new_tokens=count,
                min_new_tokens=count,
                do_sample=False,
                pad_token_id=0,
            )

        mine, other = (count / s for s in interleaved(ours, peer, repeats=5))
        yield Row(
            f"Generation, {name} (tokens/s)",
            f"{mine:,.0f}",
            f"{other:,.0f}, transformers",
            mine / other,
            target,
        )
