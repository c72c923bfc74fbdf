"""An LSTM beside a GPT: as many weights, the same text, the same loop.

Before the Transformer, language models were mostly recurrent: one state that is carried from token
to token and changed at each (Hochreiter & Schmidhuber 1997). GPT-1's paper compares with one
(Radford et al. 2018, section 5). Here both learn from windows that begin with nothing known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptlab.compare import as_run, counted
from gptlab.config import GPTConfig, preset
from gptlab.corpora import Corpus, python_docs
from gptlab.model import GPT
from gptlab.objective import Objective, position_losses
from gptlab.results import History, Results
from gptlab.runtime.device import describe_machine
from gptlab.runtime.progress import tell
from gptlab.settings import TrainSettings
from gptlab.training import train

MODELS = ("GPT", "LSTM")
#: The learning rate of each. Tried with one seed and 300,000 tokens, validation loss at the end:
#: GPT 2e-3 4.64, 4e-3 4.46, 8e-3 4.61; LSTM 4e-3 3.95, 8e-3 3.78, 1.6e-2 3.77, of which the lower
#: is the safer for longer runs. Two LSTMs, one on top of the other, with as many weights: 4.31.
TUNED = {"GPT": 4e-3, "LSTM": 8e-3}
#: Read by each in training, as recorded.
TOKENS = 3_000_000


class RecurrentLM(nn.Module):
    """An LSTM that predicts the next token, with the face of `gptlab.GPT`.

    The embedding is the output layer too, as in a GPT, so the state is brought to its width before.
    """

    def __init__(self, config: GPTConfig) -> None:
        """Make a model with about as many weights as the GPT of this config, and never more.

        Args:
            config: that GPT's; vocabulary, width of the embedding and context are taken from it.
        """
        super().__init__()
        self.config = config
        n_state = equal_state(config)
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.lstm = nn.LSTM(config.n_embd, n_state, batch_first=True)
        self.project = nn.Linear(n_state, config.n_embd)
        # Drawn as small as an output layer must be, the embedding would hardly move a gate.
        self.ln_in, self.ln_out = (nn.LayerNorm(config.n_embd) for _ in range(2))
        with torch.no_grad():
            self.wte.weight.normal_(0.0, config.init_std)
            for name, weight in self.lstm.named_parameters():
                if name.startswith("bias_ih"):
                    # Forget little to begin with (Jozefowicz et al. 2015, section 2.2). The gates
                    # stand in the order input, forget, cell, output.
                    weight[n_state : 2 * n_state] = 1.0

    def forward(
        self, tokens: Tensor, targets: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Predict the next token at every position, as `gptlab.GPT.forward` does.

        Args:
            tokens: ids (B, T).
            targets: ids (B, T); -100 marks a position that does not count.

        Returns:
            logits (B, T, V), or (logits, mean loss in nats over the targets that count).
        """
        state, _ = self.lstm(self.ln_in(self.wte(tokens)))  # (B, T, n_state)
        logits = F.linear(self.ln_out(self.project(state)), self.wte.weight)  # (B, T, V)
        if targets is None:
            return logits
        total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
        return logits, total / (targets != -100).sum().clamp(min=1)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.wte.weight.device

    def num_parameters(self, embeddings: bool = True) -> int:
        """Count the weights, with or without the embedding."""
        total = sum(weight.numel() for weight in self.parameters())
        return total if embeddings else total - self.wte.weight.numel()


def equal_state(config: GPTConfig) -> int:
    """Return the largest state with which an LSTM has no more weights than the GPT of a config."""
    with torch.device("meta"):
        allowed = GPT(config).num_parameters()
    e = config.n_embd
    rest = allowed - e * (config.vocab_size + 5)  # embedding, two LayerNorms, a bias
    # Four gates, each from the token (e) and the state (n), with two biases; then n · e back:
    # 4n² + (4e + 8)n + en ≤ rest.
    b = 5 * e + 8
    return int((math.sqrt(b * b + 16 * rest) - b) / 8)


def make(kind: str, config: GPTConfig, seed: int = 1) -> GPT:
    """Return a fresh model of a kind in `MODELS`, both with about as many weights.

    An LSTM passes for a GPT: training and measuring ask for nothing that it has not.

    Raises:
        ValueError: for another kind.
    """
    if kind not in MODELS:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(MODELS)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPT(config) if kind == "GPT" else cast(GPT, RecurrentLM(config))


def shape() -> GPTConfig:
    """Return the shape of the GPT: 0.55M parameters, narrow enough for two minutes on one core."""
    return preset("gpt2-tiny", n_ctx=64, n_embd=96)


def how(kind: str, tokens: int = TOKENS, seed: int = 1) -> TrainSettings:
    """Return how a kind is trained: 1,024 tokens an update, at the rate that suits it."""
    steps = tokens // 1024
    return TrainSettings(
        steps, batch_size=16, learning_rate=TUNED[kind], warmup=min(50, steps // 2), seed=seed
    )


def record(path: Path, seeds: Sequence[int] = (1, 2, 3), tokens: int = TOKENS) -> Results:
    """Train both on Python's documentation; keep each run's loss by place in ``extra``."""
    corpus = python_docs()
    results = Results(
        title="recurrent",
        corpus=corpus.describe(),
        machine=describe_machine(),
        variants=variants(shape(), {kind: how(kind, tokens) for kind in MODELS}),
        runs=[],
        baselines=counted(corpus),
    )

    def places(model: GPT, _: History) -> dict[str, Any]:
        return {"places": position_losses(model, corpus).tolist()}

    return train_both(results, corpus, shape(), seeds, places, path)


def variants(
    config: GPTConfig, settings: Mapping[str, TrainSettings]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Describe both kinds as `Results` keeps them; both have one config."""
    return {
        kind: {"config": config.to_dict(), "settings": asdict(one)}
        for kind, one in settings.items()
    }


def train_both(
    results: Results,
    objective: Corpus | Objective,
    config: GPTConfig,
    seeds: Sequence[int],
    extra: Callable[[GPT, History], dict[str, Any]],
    path: Path,
) -> Results:
    """Train the kinds that some results name, with each seed; save after each run.

    Args:
        results: without runs; those are added.
        objective: what both learn.
        config: the GPT's shape.
        seeds: the outer loop.
        extra: what to keep of a trained model and its history besides.
        path: where to save.
    """
    for seed in seeds:
        for kind, about in results.variants.items():
            tell(f"{kind}, seed {seed}")
            model = make(kind, config, seed)
            history = train(model, objective, TrainSettings(**about["settings"] | {"seed": seed}))
            if history.interrupted:
                return results
            results.runs.append(as_run(kind, seed, model, history, extra=extra(model, history)))
            results.save(path)
    return results
