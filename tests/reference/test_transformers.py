"""The same numbers as the `transformers` implementations: logits, loss and every gradient."""

from itertools import product
from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoConfig,
    GPTNeoForCausalLM,
    OpenAIGPTConfig,
    OpenAIGPTLMHeadModel,
)

from gptlab.config import preset
from gptlab.generation import Sampling, sample
from gptlab.huggingface import from_transformers, to_transformers
from gptlab.model import GPT

SHAPES = [(2, 2, 16, 16, 40), (3, 4, 64, 33, 101)]  # layers, heads, width, context, vocabulary


def theirs(kind: str, shape: tuple[int, ...]) -> Any:
    layers, heads, width, context, vocabulary = shape
    torch.manual_seed(0)
    common = {"vocab_size": vocabulary, "bos_token_id": None, "eos_token_id": None}
    old = {"n_positions": context, "n_embd": width, "n_layer": layers, "n_head": heads, **common}
    pattern = [["local"], layers] if layers % 2 else [["global", "local"], layers // 2]
    model = {
        "GPT-1": lambda: OpenAIGPTLMHeadModel(OpenAIGPTConfig(**old)),
        "GPT-2": lambda: GPT2LMHeadModel(GPT2Config(**old)),
        "GPT-Neo": lambda: GPTNeoForCausalLM(
            GPTNeoConfig(
                max_position_embeddings=context,
                hidden_size=width,
                num_layers=layers,
                num_heads=heads,
                attention_types=[pattern],
                window_size=5,
                **common,
            )
        ),
    }[kind]().eval()  # fmt: skip
    with torch.no_grad():  # larger than the initial weights, so that differences show
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return model


def their_gradients(model: Any, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    loss = model(x, labels=x).loss  # it shifts the labels itself
    loss.backward()
    return loss, {name: w.grad for name, w in model.named_parameters() if w.grad is not None}


@pytest.mark.parametrize("shape", [*SHAPES, (6, 2, 32, 24, 50)])
@pytest.mark.parametrize("kind", ["GPT-1", "GPT-2", "GPT-Neo"])
def test_logits_loss_and_gradients(kind: str, shape: tuple[int, ...]) -> None:
    reference = theirs(kind, shape)
    ours = from_transformers(reference)
    x = torch.randint(shape[-1], (2, shape[3]), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(x), reference(x).logits, atol=1e-4, rtol=1e-4)

    their_loss, their_grads = their_gradients(reference, x)
    _, loss = ours(x[:, :-1], x[:, 1:])
    torch.testing.assert_close(loss, their_loss, atol=1e-4, rtol=1e-4)
    loss.backward()
    # Their gradients, carried over as weights are, must be ours. The last position has no target
    # in either, but theirs still reads it: its position's embedding gets no gradient in both.
    compared = 0
    for name, weight in ours.named_parameters():
        plain = name.replace("wte.", "tokens_embed.").replace("wpe.", "positions_embed.")
        key = f"transformer.{plain if kind == 'GPT-1' else name}"
        if kind == "GPT-Neo" and ".attn." in name:
            if name.endswith("c_attn.weight"):
                parts = [their_grads[key.replace("c_attn", f"attention.{p}_proj")] for p in "qkv"]
                # Our queries are √D times theirs, so their gradient is √D times ours.
                parts[0] = parts[0] / ours.config.head_dim**0.5
                expected = torch.cat(parts)
            elif name.endswith("c_attn.bias"):
                continue  # GPT-Neo has none
            else:
                expected = their_grads[key.replace("c_proj", "attention.out_proj")]
        else:
            expected = their_grads[key]
            if kind != "GPT-Neo" and name.endswith(
                ("c_attn.weight", "c_proj.weight", "c_fc.weight")
            ):
                expected = expected.T
        assert weight.grad is not None
        torch.testing.assert_close(weight.grad, expected, atol=1e-4, rtol=1e-4)
        compared += 1
    assert compared >= 12 * shape[0] - shape[0]


OLD = {"n_positions": 24, "n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 50}
NEO = {"max_position_embeddings": 24, "hidden_size": 32, "num_layers": 4, "num_heads": 4}
NEO |= {"vocab_size": 50}
#: Every field that is honoured, with each of its values; all combinations are tried.
HONOURED: dict[type, dict[str, list[Any]]] = {
    OpenAIGPTConfig: {"tie_word_embeddings": [True, False], "n_head": [1, 4], "n_positions": [24]},
    GPT2Config: {
        "tie_word_embeddings": [True, False],
        "activation_function": ["gelu_new", "gelu_pytorch_tanh"],
        "n_inner": [None, 128],
        "reorder_and_upcast_attn": [False, True],
        "n_head": [1, 4],
    },
    GPTNeoConfig: {
        "tie_word_embeddings": [True, False],
        "activation_function": ["gelu_new", "gelu_pytorch_tanh"],
        "intermediate_size": [None, 128],
        "attention_types": [
            [[["global"], 4]],
            [[["local"], 4]],
            [[["global", "local"], 2]],
            [[["local", "global"], 2]],
            [[["global"], 1], [["local"], 3]],
        ],
        "window_size": [1, 5, 24],
    },
}
MODELS = {
    OpenAIGPTConfig: OpenAIGPTLMHeadModel,
    GPT2Config: GPT2LMHeadModel,
    GPTNeoConfig: GPTNeoForCausalLM,
}


@pytest.mark.parametrize("kind", HONOURED, ids=lambda kind: kind.__name__)
def test_every_combination_of_what_is_honoured(kind: type) -> None:
    fields = HONOURED[kind]
    for values in product(*fields.values()):
        chosen = dict(zip(fields, values, strict=True))
        torch.manual_seed(0)
        base = NEO if kind is GPTNeoConfig else OLD
        reference = MODELS[kind](kind(**{**base, **chosen, "bos_token_id": None})).eval()
        with torch.no_grad():
            for weight in reference.parameters():
                weight.add_(torch.randn_like(weight) * 0.2)
        ours = from_transformers(reference)
        x = torch.randint(50, (2, 24), generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            expected, actual = reference(x).logits, ours(x)
        torch.testing.assert_close(
            actual, expected, atol=1e-4, rtol=1e-4, msg=lambda m, c=chosen: f"{c}: {m}"
        )


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (OpenAIGPTConfig, {"afn": "relu"}, "afn is 'relu'"),
        (OpenAIGPTConfig, {"layer_norm_epsilon": 1e-3}, "layer_norm_epsilon is 0.001"),
        (OpenAIGPTConfig, {"attn_pdrop": 0.2}, "attn_pdrop.*one"),
        (GPT2Config, {"activation_function": "gelu"}, "activation_function is 'gelu'"),
        (GPT2Config, {"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon"),
        (GPT2Config, {"scale_attn_weights": False}, "scale_attn_weights is False"),
        (GPT2Config, {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        (GPT2Config, {"add_cross_attention": True}, "add_cross_attention"),
        (GPT2Config, {"n_inner": 64}, "n_inner is 64.*128"),
        (GPT2Config, {"embd_pdrop": 0.0}, "embd_pdrop.*one"),
        (GPTNeoConfig, {"intermediate_size": 64}, "intermediate_size is 64"),
        (GPTNeoConfig, {"activation_function": "relu"}, "activation_function is 'relu'"),
        (GPTNeoConfig, {"resid_dropout": 0.1}, "resid_dropout.*one"),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(
    kind: type, changes: dict[str, Any], message: str
) -> None:
    base = NEO | {"attention_types": [[["global"], 4]]} if kind is GPTNeoConfig else OLD
    with pytest.raises(ValueError, match=message):
        from_transformers(MODELS[kind](kind(**base, **changes)))


@pytest.mark.parametrize("name", ["gpt1-tiny", "gpt2-tiny"])
def test_there_and_back_unchanged_and_generates_the_same(name: str) -> None:
    torch.manual_seed(0)
    ours = GPT(preset(name, vocab_size=50, n_ctx=24, n_embd=32)).eval()
    with torch.no_grad():
        for weight in ours.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    exported = to_transformers(ours)
    again = from_transformers(exported)
    assert again.config.replace(band=32) == ours.config
    for key, value in ours.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
    prompt = torch.tensor([[3, 1, 4, 1, 5]])
    written = exported.generate(prompt, max_new_tokens=19, do_sample=False, pad_token_id=0)
    assert list(sample(ours, prompt[0], Sampling(19, temperature=0))) == written[0, 5:].tolist()


def test_what_cannot_be_carried_over_is_refused() -> None:
    with pytest.raises(ValueError, match="banded"):
        to_transformers(GPT(preset("gpt3-tiny")))
    model = theirs("GPT-2", SHAPES[0])
    model.config.activation_function = "relu"
    with pytest.raises(ValueError, match="activation_function is 'relu'"):
        from_transformers(model)
    model.config.model_type = "bert"
    with pytest.raises(ValueError, match="'bert'"):
        from_transformers(model)
