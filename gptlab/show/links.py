"""The strongest link between two tokens: one rule, for every picture and view of attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def strongest_link(
    weights: Tensor,
    tokens: Sequence[str],
    layers: Sequence[int] = (),
    heads: Sequence[int] = (),
) -> str:
    """Say which token looks most at another one.

    A link joins two places: a token that looks at itself learns nothing from the others, and the
    first token of a causal model cannot do anything else, so neither is a finding. The same word at
    another place is one. Weights are compared in hundredths, as they are printed, and of equal ones
    the first counts (by layer, head, query, key), so that machines which differ in the last digits
    tell the same link.

    Args:
        weights: of one head (query, key) or of several (layer, head, query, key), rows sum to 1.
        tokens: one printable token for each query.
        layers: the numbers of the layers, by default from 0.
        heads: the numbers of the heads, by default from 0.

    Returns:
        Words for "strongest link: …", such as “is” looks at “name” (0.75), with layer and head in
        front where there are several.
    """
    if len(tokens) < 2:
        return "none, as there is one token"
    # A query that may look nowhere has weights that are no number.
    hundredths = (weights.detach().cpu().double().nan_to_num() * 100 + 0.5).floor()
    hundredths.diagonal(dim1=-2, dim2=-1).zero_()
    first = int(hundredths.argmax())
    *of, query, key = (int(n) for n in torch.unravel_index(torch.tensor(first), weights.shape))
    weight = hundredths.flatten()[first].item() / 100
    if weight == 0:
        return "none of 0.01 or more"
    link = f"“{tokens[query]}” looks at “{tokens[key]}” ({weight:.2f})"
    if not of:
        return link
    layer, head = of
    layer, head = layers[layer] if layers else layer, heads[head] if heads else head
    return f"layer {layer} head {head}, {link}"
