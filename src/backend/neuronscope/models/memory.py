"""What loading a model will take, in every precision, and whether it fits."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

import psutil

from neuronscope.core.errors import BadRequest
from neuronscope.models.sizes import Sizes

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
QUANTIZATIONS = ("none", "nf4", "int8")
PRECISIONS = ("float32", "float16", "bfloat16", "int8", "nf4")
# NF4 keeps half a byte a weight and a float32 scale for each 64 of them; int8 a byte, and a scale a row.
PER_WEIGHT = {"nf4": 0.5 + 4 / 64, "int8": 1.0 + 4 / 4096}
CONTEXT = 512
"""Positions that the cache and a capture are counted for, or the model's own context where it is shorter."""
FIXED = 32 << 20
"""Bytes that a first load takes whatever its size: code of transformers and torch's own buffers."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Bytes of a model in one precision. ``bytes`` is the peak: while loading, or running a prompt, whichever is more."""

    precision: str
    weights: int
    loading: int
    cache: int
    capture: int

    @property
    def bytes(self) -> int:
        return FIXED + self.weights + max(self.loading, self.cache + self.capture)


def precision_of(dtype: str, quantization: str) -> str:
    """The one word for both: the quantization where there is one, else the dtype."""
    return dtype if quantization == "none" else quantization


def demand(sizes: Sizes, dtype: str, quantization: str = "none") -> Demand:
    """What a model of these sizes takes. Raises :class:`BadRequest` for a precision that there is not."""
    if dtype not in BYTES:
        raise BadRequest(f"'{dtype}' is no dtype to load in.", "Use float32, float16 or bfloat16.")
    if quantization not in QUANTIZATIONS:
        raise BadRequest(f"'{quantization}' is no quantization.", "Use none, nf4 or int8.")
    each = BYTES[dtype]
    linear = 0 if quantization == "none" else sizes.linear
    weights = (sizes.parameters - linear) * each + int(linear * PER_WEIGHT.get(quantization, 0))
    positions = min(sizes.context or CONTEXT, CONTEXT)
    return Demand(
        precision=precision_of(dtype, quantization),
        weights=weights,
        loading=sizes.largest * 4,
        cache=2 * sizes.layers * sizes.kv_width * positions * each,
        capture=positions * (sizes.layers * (sizes.mlp + sizes.width) * 4 + sizes.vocabulary * each),
    )


def free_bytes(device: str) -> int:
    """Bytes free on a device: a GPU's own memory, all GPUs' together for ``auto``, else the machine's."""
    if device.startswith("cuda") or device == "auto":
        import torch

        if device == "auto":
            return sum(int(torch.cuda.mem_get_info(n)[0]) for n in range(torch.cuda.device_count()))
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def readable(count: int) -> str:
    """Bytes for a person: ``1.5 GB``, ``0.02 MB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def return_pages() -> None:
    """Give freed memory of the C library's heap back to the system, where it can be asked to (Linux)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
