"""4-bit and 8-bit weights, by bitsandbytes: how they are asked for, made the same on every machine, and counted."""

from __future__ import annotations

import logging
from typing import Any

import torch
from transformers import PreTrainedModel

from neuronscope.core.errors import UnsupportedModel


def quantization_options(quantization: str, dtype: str) -> dict[str, Any]:
    """What ``from_pretrained`` is told. NF4 (Dettmers et al. 2023) computes in ``dtype``, its scales stay float32."""
    if quantization == "none":
        return {}
    import_bitsandbytes()
    from transformers import BitsAndBytesConfig

    if quantization == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=getattr(torch, dtype)
        )
    }


def import_bitsandbytes() -> Any:
    """bitsandbytes, without its remark on a kernel of the hub that is never fetched here."""
    noisy = logging.getLogger("bitsandbytes.backends.cpu.ops")
    level = noisy.level
    noisy.setLevel(logging.ERROR)
    try:
        import bitsandbytes
    except (ImportError, OSError) as error:
        raise UnsupportedModel(
            f"4-bit and 8-bit loading need bitsandbytes, which can't be imported here: {error}.",
            "Install it with pip, or load without quantization.",
        ) from error
    finally:
        noisy.setLevel(level)
    return bitsandbytes


def keep_as_stored(model: PreTrainedModel) -> None:
    """Keep bitsandbytes from packing 4-bit weights anew at the first forward pass.

    On CPUs with AVX512-BF16 it would round the scales and all computing to bfloat16, and fail on layers whose sizes
    are no multiples of 32 and 64. Without it the same model gives the same numbers on every CPU.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            setattr(module, "support_avx512bf16_for_cpu", False)  # noqa: B010 — nn.Module types attributes as tensors
