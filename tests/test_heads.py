"""What heads do is told right of heads whose job is known because it was given to them."""

import pytest
import torch

from gptlab.config import preset
from gptlab.corpora import from_text
from gptlab.heads import head_scores, loss_without, repeated_tokens
from gptlab.model import GPT
from gptlab.objective import evaluate
from gptlab.tracing import Trace


def test_tokens_are_said_twice() -> None:
    tokens = repeated_tokens(50, 6, rows=3, seed=1)
    assert tokens.shape == (3, 12)
    assert torch.equal(tokens[:, :6], tokens[:, 6:])
    assert torch.equal(tokens, repeated_tokens(50, 6, rows=3, seed=1))
    assert not torch.equal(tokens, repeated_tokens(50, 6, rows=3, seed=2))


def test_scores_of_heads_with_a_known_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layer 0: previous token, first token; layer 1: the pattern of induction, everything alike."""
    model = GPT(preset("gpt2-tiny", n_layer=2, n_head=2, n_embd=8, n_ctx=12, vocab_size=20))
    T, length = 12, 6
    attention = torch.zeros(2, 2, T, T)
    for query in range(T):
        attention[0, 0, query, max(0, query - 1)] = 1
        attention[0, 1, query, 0] = 1
        attention[1, 0, query, query - length + 1 if query >= length else 0] = 1
        attention[1, 1, query, : query + 1] = 1 / (query + 1)

    def trace(tokens: torch.Tensor) -> Trace:
        nothing = torch.zeros(0)
        return Trace(tokens, nothing, attention, nothing, nothing, nothing, {})

    monkeypatch.setattr(model, "trace", trace)
    scores = head_scores(model, rows=2)
    assert scores["previous"][0, 0] == 1 and scores["first"][0, 1] == 1
    assert scores["induction"][1, 0] == 1
    even = sum(1 / n for n in range(length + 1, T + 1)) / length
    assert scores["induction"][1, 1].item() == pytest.approx(even)
    assert scores["induction"][0].max() < 0.2 and scores["previous"][1].max() < 0.3


def test_silent_heads_by_the_trace() -> None:
    corpus = from_text("to be or not to be, that is the question. " * 60, tokenizer="char")
    torch.manual_seed(0)
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 16, "n_ctx": 32}
    model = GPT(preset("gpt2-tiny", vocab_size=corpus.tokenizer.vocab_size, **shape))
    assert loss_without(model, corpus) == pytest.approx(evaluate(model, corpus), abs=1e-5)
    x, y = corpus.val_windows(32, 64)
    expected = [
        torch.nn.functional.cross_entropy(model.trace(a, ablate=[(0, 1), (1, 0)]).logits, b).item()
        for a, b in zip(x, y, strict=True)
    ]
    found = loss_without(model, corpus, [(0, 1), (1, 0)], 64)
    assert found == pytest.approx(sum(expected) / len(expected), abs=1e-5)
    assert found != pytest.approx(loss_without(model, corpus, (), 64), abs=1e-5)


def test_what_does_not_exist_is_refused() -> None:
    model = GPT(preset("gpt2-tiny", n_layer=2, vocab_size=4, n_ctx=3))
    with pytest.raises(ValueError, match="no head 4 in layer 0"):
        loss_without(model, from_text("abcd" * 50, tokenizer="char"), [(0, 4)])
    with pytest.raises(ValueError, match="n_ctx is 3"):
        head_scores(model)
