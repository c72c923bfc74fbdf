"""What a GPT costs: parameters, operations, memory; and with a machine, time, energy and money.

All of it follows from the config; no model is built. An operation is one multiplication or one
addition, so a product with a matrix of n weights takes 2n a token.

Letters: L layers, C = n_embd, V = vocab_size, T tokens read at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from gptlab.config import GPTConfig
from gptlab.runtime.checks import real_number, whole_number

#: Bytes a parameter while AdamW trains in float32: the weight, its gradient, two running means.
TRAINING_BYTES = {"weights": 4, "gradients": 4, "AdamW's two means": 8}


def parameters(config: GPTConfig) -> int:
    """Count the weights; a tied output layer counts once.

    Per layer 12C² in the four matrices, and 13C in biases and norms: 9C and 4C.
    """
    C, V = config.n_embd, config.vocab_size
    layer = 12 * C**2 + 2 * C + (11 * C if config.bias else 0)
    norm = (2 if config.bias else 1) * C if config.final_norm else 0
    output = 0 if config.tie_weights else V * C
    return V * C + config.n_ctx * C + config.n_layer * layer + norm + output


def forward_operations(config: GPTConfig, n_token: int | None = None) -> int:
    """Count the operations of the matrix products in one pass over a sequence.

    Per layer 24C² a token for the matrices and 4C a pair of query and key for scores and mixing;
    then 2CV a token for the logits. Pairs count whether the mask lets them through or not, as they
    do in torch's counter; a banded layer has no more than its band for a query. Norms, softmax and
    GELU are left out: they grow with C, not with C².

    Args:
        config: of the model.
        n_token: how long the sequence is; by default ``n_ctx``.

    Raises:
        ValueError: if it is longer than ``n_ctx``, or empty.
    """
    T = config.n_ctx if n_token is None else n_token
    whole_number("n_token", T, least=1, most=config.n_ctx)
    C = config.n_embd
    total = 2 * T * C * config.vocab_size
    for layer in range(config.n_layer):
        band = config.layer_band(layer)
        pairs = T * (T if band is None else min(T, band))
        total += 24 * T * C**2 + 4 * C * pairs
    return total


def training_operations(config: GPTConfig, tokens: float) -> float:
    """Count the operations of reading so many tokens in training, in sequences of ``n_ctx``.

    A backward pass takes twice what a forward pass does: each product has two operands that want a
    gradient (Kaplan et al. 2020, section 2.1).
    """
    real_number("tokens", tokens)
    return 3 * forward_operations(config) * tokens / config.n_ctx


def training_bytes(config: GPTConfig) -> dict[str, int]:
    """Return the bytes that each part takes in training with AdamW, without activations."""
    return {part: size * parameters(config) for part, size in TRAINING_BYTES.items()}


def cache_bytes(config: GPTConfig, n_token: int | None = None, width: int = 2) -> int:
    """Return the bytes of the keys and values kept while one text is written.

    Args:
        config: of the model.
        n_token: tokens of the text; by default ``n_ctx``.
        width: bytes of a number, 2 in bfloat16.
    """
    T = config.n_ctx if n_token is None else n_token
    whole_number("n_token", T)
    bands = [config.layer_band(layer) for layer in range(config.n_layer)]
    kept = sum(T if band is None else min(T, band) for band in bands)
    return 2 * kept * config.n_embd * width


@dataclass(frozen=True)
class Processor:
    """What trains, by its maker's data sheet.

    Attributes:
        name: what it is called.
        operations: a second at most, in dense products of 16-bit numbers.
        memory: in bytes.
        watts: at most.
    """

    name: str
    operations: float
    memory: float
    watts: float


#: NVIDIA's data sheets: V100 SXM2, A100 SXM 80 GB, H100 SXM.
PROCESSORS = {
    one.name: one
    for one in (
        Processor("V100", 125e12, 32e9, 300),
        Processor("A100", 312e12, 80e9, 400),
        Processor("H100", 989e12, 80e9, 700),
    )
}


@dataclass(frozen=True)
class Bill:
    """What a computation takes on one kind of processor.

    Attributes:
        hours: of processors, all of them together.
        kilowatt_hours: drawn from the socket.
        money: in the currency of the price.
    """

    hours: float
    kilowatt_hours: float
    money: float


def bill(
    operations: float,
    processor: Processor,
    *,
    utilisation: float = 0.4,
    price: float = 2.0,
    overhead: float = 1.2,
) -> Bill:
    """Return what so many operations take.

    Args:
        operations: to be made.
        processor: on what.
        utilisation: share of its operations that are reached, above 0 and up to 1.
        price: of an hour of one processor.
        overhead: energy drawn for each unit that the processors use; cooling is in it.

    Raises:
        ValueError: for a share outside 0 to 1, or a negative number.
    """
    for name, value in (("operations", operations), ("price", price), ("overhead", overhead)):
        real_number(name, value)
    if not 0 < utilisation <= 1:
        raise ValueError(f"utilisation is {utilisation}; it is a share, above 0 and at most 1.")
    hours = operations / (processor.operations * utilisation) / 3600
    return Bill(hours, hours * processor.watts * overhead / 1000, hours * price)
