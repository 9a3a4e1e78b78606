"""A text through a model for the comparison of precisions: its neurons layer by layer, its loss, and what it would say next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.taps import read_taps
from neuronscope.core.address import Address
from neuronscope.models.loaded import Encoded, LoadedModel

ROWS = 128
"""Positions whose logits are turned into probabilities at once, so that a large vocabulary needs little room."""


@torch.no_grad()
def run_tokens(
    loaded: LoadedModel, encoded: Encoded, layers: Sequence[int], keep: Callable[[int, NDArray[np.float32]], None]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Run a text once. ``keep(layer, values)`` gets float32 ``[position, neuron]`` of each layer as it passes.

    Returns the negative log-likelihood (nats) of each token after the first, ``[position - 1]``, and the likeliest next
    token at every position, ``[position]``.
    """

    def sink(address: Address, tensor: Tensor) -> None:
        assert address.layer is not None
        keep(address.layer, tensor[0].detach().to("cpu", torch.float32).numpy())

    ids = torch.tensor([encoded.ids], device=loaded.device)
    addresses = [Address("mlp_act", layer) for layer in layers]
    with loaded.lock, read_taps(loaded, addresses, (1, len(encoded.ids)), sink):
        logits = loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0]
    losses = [
        torch.nn.functional.cross_entropy(
            logits[start : min(start + ROWS, len(encoded.ids) - 1)].float(),
            ids[0, start + 1 : start + 1 + ROWS].to(logits.device),
            reduction="none",
        )
        for start in range(0, len(encoded.ids) - 1, ROWS)
    ]
    loss = torch.cat(losses).cpu().numpy() if losses else np.empty(0, dtype=np.float32)
    return loss, logits.argmax(dim=-1).cpu().numpy()
