"""Weights to and from `transformers`: OpenAI GPT is our GPT-1, GPT-2 our GPT-2, GPT-Neo our GPT-3.

What differs between the libraries is handled here and nowhere else:

- GPT-1 and GPT-2 keep linear weights as (in, out) ("Conv1D"); ours are (out, in).
- GPT-Neo has separate projections without bias, and leaves out the factor 1/√D on the scores; we
  multiply its query weights by √D.
- GPT-1's embeddings have other names.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gptlab.config import GPTConfig, preset
from gptlab.model import GPT
from gptlab.tokenizer import (
    END_OF_TEXT,
    BPETokenizer,
    Tokenizer,
    load_tokenizer,
    tokenizer_from_json,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CONV1D = ("c_attn.weight", "c_proj.weight", "c_fc.weight")


def from_transformers(theirs: PreTrainedModel) -> GPT:
    """Return our model with the weights of a `transformers` one.

    Args:
        theirs: an OpenAIGPTLMHeadModel, GPT2LMHeadModel or GPTNeoForCausalLM.

    Raises:
        ValueError: for another architecture, or an option our config cannot express.
    """
    kind = theirs.config.model_type
    readers = {"openai-gpt": _openai_config, "gpt2": _gpt2_config, "gpt_neo": _neo_config}
    if kind not in readers:
        raise ValueError(f"model_type is {kind!r}; gptlab reads {', '.join(readers)}.")
    model = GPT(readers[kind](theirs.config))
    with torch.no_grad():
        ours = {name: torch.zeros_like(w) for name, w in model.state_dict().items()}
        for name, value in theirs.state_dict().items():
            if not name.endswith((".attn.bias", ".masked_bias", ".attention.bias")):  # their masks
                _place(ours, name, value.detach(), model.config)
        if model.config.tie_weights:
            ours["lm_head.weight"] = ours["wte.weight"]
        model.load_state_dict(ours)
    return model.eval()


def to_transformers(model: GPT) -> PreTrainedModel:
    """Return a `transformers` model with our weights: OpenAI GPT for GPT-1, GPT-2 for GPT-2.

    Raises:
        ValueError: for banded attention or a mix of generations, which they cannot express.
    """
    from transformers import GPT2Config, GPT2LMHeadModel, OpenAIGPTConfig, OpenAIGPTLMHeadModel

    c = model.config
    shape: dict[str, Any] = {
        "vocab_size": c.vocab_size,
        "n_positions": c.n_ctx,
        "n_embd": c.n_embd,
        "n_layer": c.n_layer,
        "n_head": c.n_head,
        "resid_pdrop": c.dropout,
        "embd_pdrop": c.dropout,
        "attn_pdrop": c.dropout,
        "tie_word_embeddings": c.tie_weights,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    dense = set(c.attention) == {"dense"} and c.bias
    theirs: PreTrainedModel
    if dense and c.norm == "pre" and c.final_norm:
        theirs = GPT2LMHeadModel(GPT2Config(**shape))
    elif dense and c.norm == "post" and not c.final_norm:
        theirs = OpenAIGPTLMHeadModel(OpenAIGPTConfig(**shape))
    else:
        raise ValueError(
            f"transformers has no class for norm={c.norm!r}, final_norm={c.final_norm}, "
            f"attention={c.attention}, bias={c.bias}; GPT-1's and GPT-2's configs can be exported."
        )
    weights = {}
    for name, value in model.state_dict().items():
        if name.endswith(_CONV1D):
            value = value.T
        weights[_their_name(name, c)] = value.detach().clone().contiguous()
    theirs.load_state_dict(weights, strict=False)
    missing = set(theirs.state_dict()) - set(weights)
    assert all(name.endswith(".attn.bias") for name in missing), missing
    return theirs.eval()


def save(folder: Path | str, model: GPT, tokenizer: Tokenizer) -> None:
    """Write a model and its tokenizer so that `transformers` loads them with its Auto classes.

    Args:
        folder: made if missing.
        model: a GPT-1 or GPT-2 (see `to_transformers`).
        tokenizer: byte-level BPE; there is no class for characters there.

    Raises:
        ValueError: for a model or a tokenizer that `transformers` has no class for.
    """
    from tokenizers import Tokenizer as FastTokenizer
    from transformers import PreTrainedTokenizerFast

    if not isinstance(tokenizer, BPETokenizer):
        raise ValueError(
            f"transformers has no class for a {type(tokenizer).__name__}; train with the bpe "
            f"tokenizer, or export the weights alone with to_transformers."
        )
    to_transformers(model).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=FastTokenizer.from_str(tokenizer.to_json()),
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
    ).save_pretrained(folder)


def load(name: Path | str, revision: str = "main") -> tuple[GPT, Tokenizer]:
    """Read a model and its tokenizer that `transformers` can read.

    Args:
        name: a folder that ``save_pretrained`` wrote, or a name on the Hugging Face hub, such as
            "openai-community/gpt2"; that one is taken from the user's cache or the network.
        revision: branch or commit, for a name on the hub.

    Raises:
        OSError: for a name that is neither cached nor, without a network, to be had.
        ValueError: for another architecture or another kind of tokenizer.
    """
    from transformers import AutoTokenizer

    model = load_model(name, revision)
    if (file := Path(name) / "tokenizer.json").is_file():
        return model, load_tokenizer(file)
    try:
        theirs = AutoTokenizer.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        raise OSError(f"{name} has no tokenizer that can be read ({_first_line(error)}).") from None
    return model, tokenizer_from_json(theirs.backend_tokenizer.to_str())


def load_model(name: Path | str, revision: str = "main") -> GPT:
    """Read the model alone: see `load`. Only safetensors are read, nothing is unpickled."""
    from transformers import AutoModelForCausalLM

    try:
        theirs = AutoModelForCausalLM.from_pretrained(
            name, revision=revision, use_safetensors=True, dtype=torch.float32
        )
    except OSError as error:
        raise OSError(
            f"{name} cannot be had: it is no folder with a model.safetensors, it is not in the "
            f"Hugging Face cache, or huggingface.co cannot be reached ({_first_line(error)}). "
            f"Download it once with a network, or copy a folder that save_pretrained wrote."
        ) from None
    return from_transformers(theirs)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _their_name(name: str, config: GPTConfig) -> str:
    if name.startswith("lm_head"):
        return name
    if config.norm == "post":
        name = name.replace("wte.", "tokens_embed.").replace("wpe.", "positions_embed.")
    return f"transformer.{name}"


def _place(ours: dict[str, Tensor], name: str, value: Tensor, config: GPTConfig) -> None:
    """Put one of their tensors where it belongs among ours."""
    name = name.removeprefix("transformer.")
    name = name.replace("tokens_embed.", "wte.").replace("positions_embed.", "wpe.")
    part = re.search(r"attn\.attention\.([qkv])_proj\.weight$", name)
    if part:
        name = name.replace(f"attention.{part[1]}_proj", "c_attn")
        # Scores without 1/√D are ours with queries √D times as long.
        value = value * math.sqrt(config.head_dim) if part[1] == "q" else value
        start = "qkv".index(part[1]) * config.n_embd
        ours[name][start : start + config.n_embd] = value
        return
    if ".attention.out_proj" in name:
        name = name.replace("attention.out_proj", "c_proj")
    elif name.endswith(_CONV1D) and value.shape != ours[name].shape:
        value = value.T
    elif name.endswith(_CONV1D) and set(config.attention) == {"dense"}:
        value = value.T  # a square Conv1D: the shape does not tell
    if name not in ours or ours[name].shape != value.shape:
        raise ValueError(f"{name} of shape {tuple(value.shape)} has no place in gptlab's GPT.")
    ours[name] = value.clone()


def _openai_config(theirs: Any) -> GPTConfig:
    return _shaped("gpt1", theirs, "afn", ("gelu", "gelu_new", "gelu_pytorch_tanh"))


def _gpt2_config(theirs: Any) -> GPTConfig:
    return _shaped("gpt2", theirs, "activation_function", ("gelu_new", "gelu_pytorch_tanh"))


def _shaped(name: str, theirs: Any, gelu: str, allowed: tuple[str, ...]) -> GPTConfig:
    _refuse(theirs, gelu, allowed)
    _refuse(theirs, "layer_norm_epsilon", (1e-5,))
    _refuse(theirs, "scale_attn_weights", (True,))
    _refuse(theirs, "scale_attn_by_inverse_layer_idx", (False,))
    names = ("vocab_size", "n_layer", "n_head", "n_embd")
    return preset(
        name,
        n_ctx=theirs.n_positions,
        dropout=theirs.resid_pdrop,
        tie_weights=getattr(theirs, "tie_word_embeddings", True),
        **{field: getattr(theirs, field) for field in names},
    )


def _neo_config(theirs: Any) -> GPTConfig:
    _refuse(theirs, "activation_function", ("gelu_new", "gelu_pytorch_tanh"))
    _refuse(theirs, "layer_norm_epsilon", (1e-5,))
    kinds = {"global": "dense", "local": "banded"}
    pattern = tuple(kinds[kind] for kind in theirs.attention_layers)
    return preset(
        "gpt3-small",
        vocab_size=theirs.vocab_size,
        n_ctx=theirs.max_position_embeddings,
        n_layer=theirs.num_layers,
        n_head=theirs.num_heads,
        n_embd=theirs.hidden_size,
        band=theirs.window_size,
        attention=pattern,
    )


def _refuse(theirs: Any, field: str, allowed: tuple[object, ...]) -> None:
    value = getattr(theirs, field, allowed[0])
    if value not in allowed:
        raise ValueError(f"its {field} is {value!r}; gptlab's GPT has {allowed[0]!r} only.")
