"""Weights as they lie in memory, also where they are stored in 4 or 8 bits: unpacked, and counted."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import PreTrainedModel

from neuronscope.models.four_bits import unpacked


def is_quantized(weight: object) -> bool:
    """Whether a parameter holds packed 4-bit or 8-bit values, not numbers to compute with."""
    return type(weight).__name__ in ("Params4bit", "Int8Params")


def dense_weight(module: nn.Module) -> Tensor | None:
    """The weight that a layer computes with, ``[out, in]`` in a float dtype: unpacked where it is stored in 4 or 8 bits.

    ``None`` for a module without one.
    """
    weight = getattr(module, "weight", None)
    if not isinstance(weight, nn.Parameter):
        return weight if isinstance(weight, Tensor) else None
    if not is_quantized(weight):
        return weight.detach()
    if type(weight).__name__ == "Params4bit":
        return unpacked(weight)
    from transformers.integrations.bitsandbytes import dequantize_bnb_weight

    dense: Tensor = dequantize_bnb_weight(weight, getattr(module, "state", None))
    return dense.detach()


def stored_tensors(model: PreTrainedModel) -> list[Tensor]:
    """Every tensor that keeps memory for the model, tied ones once: parameters, buffers, and the scales of quantization."""
    found: dict[int, Tensor] = {}

    def add(tensor: object) -> None:
        if isinstance(tensor, Tensor) and tensor.device.type != "meta":
            found.setdefault(tensor.data_ptr(), tensor)

    for tensor in (*model.parameters(), *model.buffers()):
        add(tensor)
        state = getattr(tensor, "quant_state", None)
        while state is not None:
            for part in (state.absmax, state.code, getattr(state, "offset", None)):
                add(part)
            state = getattr(state, "state2", None)
        for name in ("SCB", "CB"):
            add(getattr(tensor, name, None))
    for module in model.modules():
        state = getattr(module, "state", None)
        for name in ("SCB", "CB"):
            add(getattr(state, name, None))
    return list(found.values())
