"""4-bit weights on a CPU, unpacked rightly: a correction to bitsandbytes for rows that are no multiple of its blocks.

Quantizing cuts the flattened weights into blocks of 64, each with its own scale. The CPU's unpacking (bitsandbytes
0.48 to 0.50) starts a new block with every row instead, so rows that are no multiple of 64 get the scales of others:
weights are then off by a quarter of their length rather than by a tenth. Flattened to one row, the same kernel is right.
A test fails as soon as bitsandbytes gets such rows right itself; then this file can go.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


def unpacked(weight: nn.Parameter) -> Tensor:
    """The numbers that a 4-bit weight stands for, ``[out, in]`` in the dtype it was quantized from."""
    from bitsandbytes.functional import dequantize_4bit

    state: Any = getattr(weight, "quant_state")  # noqa: B009  # Params4bit brings it, nn.Parameter does not know it
    shape = state.shape
    flat = copy.copy(state)
    flat.shape = torch.Size([1, shape.numel()])
    values: Tensor = dequantize_4bit(weight.data, flat)
    return values.view(shape).detach()


def mend(model: PreTrainedModel) -> None:
    """Let every 4-bit layer on a CPU whose rows are no multiple of a block unpack its weights by :func:`unpacked`."""
    for module in model.modules():
        weight: Any = getattr(module, "weight", None)
        state = getattr(weight, "quant_state", None)
        if state is not None and weight.device.type == "cpu" and state.shape[-1] % state.blocksize:
            kind: Any = type(module)
            module.__class__ = _mended(kind)


@cache
def _mended(kind: Any) -> type[nn.Module]:
    class Mended(kind):  # type: ignore[misc]  # the class of the layer is known only when one is met
        def forward(self, x: Tensor) -> Tensor:
            dtype = self.compute_dtype or x.dtype
            bias = None if self.bias is None else self.bias.to(dtype)
            return nn.functional.linear(x.to(dtype), unpacked(self.weight).to(dtype), bias).to(x.dtype)

    Mended.__name__ = Mended.__qualname__ = kind.__name__
    return Mended
