"""Weights to and from `transformers`: OpenAI GPT is our GPT-1, GPT-2 our GPT-2, GPT-Neo our GPT-3.

What differs between the libraries is handled here and nowhere else:

- OpenAI GPT and GPT-2 keep linear weights as (in, out) ("Conv1D"); ours are (out, in).
- GPT-Neo has separate projections without bias, and leaves out the factor 1/√D on the scores; we
  multiply its query weights by √D.
- OpenAI GPT's embeddings have other names.

A field of their config is honoured, or refused by its name where our GPT has only one value of it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
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
#: GPT-2's tokenizer in two files.
_BARE = ("vocab.json", "merges.txt")
#: The tanh form of GELU, by the names it has there.
_GELU = ("gelu_new", "gelu_pytorch_tanh")


@dataclass(frozen=True)
class _Kind:
    """One of their architectures: what its config calls things, and what ours can express of it.

    Attributes:
        preset: our config that is like it.
        fields: our field → theirs.
        dropouts: their dropouts, which have to agree: ours has one.
        inner: their width inside the MLP; ours is 4 · n_embd.
        only: their field → the values that mean what our GPT does.
        conv1d: whether linear weights are kept as (in, out).
    """

    preset: str
    fields: dict[str, str]
    dropouts: tuple[str, ...]
    inner: str
    only: dict[str, tuple[object, ...]]
    conv1d: bool


_OLD_FIELDS = {name: name for name in ("vocab_size", "n_layer", "n_head", "n_embd")}
_OLD_FIELDS |= {"n_ctx": "n_positions", "init_std": "initializer_range"}
_OLD_DROPOUTS = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
_KINDS = {
    "openai-gpt": _Kind(
        "gpt1",
        _OLD_FIELDS,
        _OLD_DROPOUTS,
        "n_inner",
        {"afn": ("gelu",), "layer_norm_epsilon": (1e-5,)},  # its "gelu" is the tanh form
        conv1d=True,
    ),
    "gpt2": _Kind(
        "gpt2",
        _OLD_FIELDS,
        _OLD_DROPOUTS,
        "n_inner",
        {
            "activation_function": _GELU,
            "layer_norm_epsilon": (1e-5,),
            "scale_attn_weights": (True,),
            "scale_attn_by_inverse_layer_idx": (False,),
            "add_cross_attention": (False,),
        },
        conv1d=True,
    ),
    "gpt_neo": _Kind(
        "gpt3-small",
        {
            "vocab_size": "vocab_size",
            "n_ctx": "max_position_embeddings",
            "n_layer": "num_layers",
            "n_head": "num_heads",
            "n_embd": "hidden_size",
            "band": "window_size",
            "init_std": "initializer_range",
        },
        ("resid_dropout", "embed_dropout", "attention_dropout"),
        "intermediate_size",
        {"activation_function": _GELU, "layer_norm_epsilon": (1e-5,)},
        conv1d=False,
    ),
}


def from_transformers(theirs: PreTrainedModel) -> GPT:
    """Return our model, in float32, with the weights of a `transformers` one.

    Args:
        theirs: an OpenAIGPTLMHeadModel, GPT2LMHeadModel or GPTNeoForCausalLM.

    Raises:
        ValueError: for another architecture, or an option our config cannot express.
    """
    kind = _kind_of(theirs.config)
    model = GPT(_read_config(theirs.config))
    with torch.no_grad():
        ours = {name: torch.zeros_like(w) for name, w in model.state_dict().items()}
        for name, value in theirs.state_dict().items():
            if not name.endswith((".attn.bias", ".masked_bias", ".attention.bias")):  # their masks
                _place(ours, name, value.detach(), model.config, kind)
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
        "initializer_range": c.init_std,
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
        weights[their_name(name, c)] = value.detach().clone().contiguous()
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
        ValueError: for a model or a tokenizer that `transformers` has no class for, or that do not
            fit each other.
    """
    from tokenizers import Tokenizer as FastTokenizer
    from transformers import PreTrainedTokenizerFast

    if not isinstance(tokenizer, BPETokenizer):
        raise ValueError(
            f"transformers has no class for a {type(tokenizer).__name__}; train with the bpe "
            f"tokenizer, or export the weights alone with to_transformers."
        )
    tokenizer.check_fits(model.config.vocab_size)
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
        OSError: for a name that is neither cached nor, without a network, to be had, or a folder
            without a tokenizer.
        ValueError: for another architecture or another kind of tokenizer, or a tokenizer that is
            not the model's.
    """
    model = load_model(name, revision)
    tokenizer = _load_tokenizer(name, revision)
    tokenizer.check_fits(model.config.vocab_size)
    return model, tokenizer


def load_model(name: Path | str, revision: str = "main") -> GPT:
    """Read the model alone: see `load`. Only safetensors are read, nothing is unpickled."""
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        _kind_of(AutoConfig.from_pretrained(name, revision=revision))  # before gigabytes are read
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            name,
            revision=revision,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except OSError as error:
        raise OSError(
            f"{name} cannot be had: it is no folder with a model.safetensors, it is not in the "
            f"Hugging Face cache, or huggingface.co cannot be reached ({_first_line(error)}). "
            f"Download it once with a network, or copy a folder that save_pretrained wrote."
        ) from None
    theirs, report = loaded
    if missing := sorted(report["missing_keys"]):
        # The library would draw them at random, and the model would write noise.
        raise ValueError(f"{name} lacks the weights {', '.join(missing)}; it is not a whole GPT.")
    return from_transformers(theirs)


def _load_tokenizer(name: Path | str, revision: str) -> Tokenizer:
    from transformers import AutoTokenizer

    if (file := Path(name) / "tokenizer.json").is_file():
        return load_tokenizer(file)
    if Path(name).is_dir() and not all((Path(name) / f).is_file() for f in _BARE):
        raise FileNotFoundError(
            f"{name} holds a model but no tokenizer: no tokenizer.json, nor {' and '.join(_BARE)}. "
            f"Copy them from where the model came from, or read the model alone with load_model."
        )
    try:
        theirs = AutoTokenizer.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        raise OSError(f"{name} has no tokenizer that can be read ({_first_line(error)}).") from None
    return tokenizer_from_json(theirs.backend_tokenizer.to_str())


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def their_name(name: str, config: GPTConfig) -> str:
    """Return what `transformers` calls one of our tensors, in a model of this config."""
    if name.startswith("lm_head"):
        return name
    if config.norm == "post":
        name = name.replace("wte.", "tokens_embed.").replace("wpe.", "positions_embed.")
    return f"transformer.{name}"


def _place(
    ours: dict[str, Tensor], name: str, value: Tensor, config: GPTConfig, kind: _Kind
) -> None:
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
    name = name.replace("attention.out_proj", "c_proj")
    if kind.conv1d and name.endswith(_CONV1D):
        value = value.T
    if name not in ours or ours[name].shape != value.shape:
        raise ValueError(f"{name} of shape {tuple(value.shape)} has no place in gptlab's GPT.")
    ours[name] = value.clone()


def _kind_of(theirs: Any) -> _Kind:
    if theirs.model_type not in _KINDS:
        raise ValueError(f"model_type is {theirs.model_type!r}; gptlab reads {', '.join(_KINDS)}.")
    return _KINDS[theirs.model_type]


def _read_config(theirs: Any) -> GPTConfig:
    """Turn their config into ours.

    Raises:
        ValueError: for a field that ours cannot express, by its name.
    """
    kind = _kind_of(theirs)
    for field, allowed in kind.only.items():
        value = getattr(theirs, field, allowed[0])
        if value not in allowed:
            raise ValueError(f"its {field} is {value!r}; gptlab's GPT has {allowed[0]!r} only.")
    dropouts = {field: getattr(theirs, field) for field in kind.dropouts}
    if len(set(dropouts.values())) > 1:
        raise ValueError(
            f"its dropouts are {dropouts}; gptlab's GPT has one: make them equal in its config."
        )
    changes = {ours: getattr(theirs, field) for ours, field in kind.fields.items()}
    inner = getattr(theirs, kind.inner, None)
    if inner not in (None, 4 * changes["n_embd"]):
        raise ValueError(
            f"its {kind.inner} is {inner}; the MLP of gptlab's GPT is 4 · n_embd = "
            f"{4 * changes['n_embd']} wide."
        )
    if theirs.model_type == "gpt_neo":
        names = {"global": "dense", "local": "banded"}
        changes["attention"] = tuple(names[layer] for layer in theirs.attention_layers)
    tied = getattr(theirs, "tie_word_embeddings", True)
    dropout = dropouts[kind.dropouts[0]]
    return preset(kind.preset, dropout=dropout, tie_weights=tied, **changes)
