"""What loading a model will take, in every precision, and whether it fits."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from neuronscope.core.errors import BadRequest
from neuronscope.models.loading.sizes import Sizes

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
QUANTIZATIONS = ("none", "nf4", "int8")
PRECISIONS = ("float32", "float16", "bfloat16", "int8", "nf4")
# NF4 keeps half a byte a weight and a float32 scale for each 64 of them; int8 a byte, and a scale a row.
PER_WEIGHT = {"nf4": 0.5 + 4 / 64, "int8": 1.0 + 4 / 4096}
_MMAP_THRESHOLD = -3
_kept = False
CONTEXT = 512
"""Positions that the cache and a capture are counted for, or the model's own context where it is shorter."""
FIXED = 4 << 20
"""Bytes that a load takes whatever the model's size."""
PROBE = 420
"""Bytes that inspection and the parity check take for each value of a position (24 tokens, some copies of each)."""
ACTIVATIONS = {"none": 1.5, "nf4": 1.3, "int8": 1.3}
"""What a capture takes, over the tensors that it keeps: those that the model itself has in hand meanwhile, and the holes
between them, of which quantized models leave fewer (see :func:`large_blocks_apart`)."""


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
        loading=max(sizes.largest * 4, sizes.layers * (5 * sizes.width + 4 * sizes.mlp) * PROBE),
        cache=2 * sizes.layers * sizes.kv_width * positions * each,
        capture=int(
            positions
            * (
                sizes.layers * (sizes.mlp + sizes.width) * 4 * ACTIVATIONS[quantization]
                + sizes.vocabulary * (each + BYTES["float32"])
            )
        ),
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
    trim = _c("malloc_trim")
    if trim is not None:
        trim(0)


@contextmanager
def large_blocks_apart(*, keep: bool) -> Iterator[None]:
    """Within it, every tensor over a megabyte gets pages of its own, which go back to the system once it is freed.

    In glibc's heap each converted tensor leaves a hole that the next one may not fill: measured, loading in 4 bits held
    five times the model. Afterwards the heap is used again, which is faster for activations (by a fifth for 512 tokens),
    unless ``keep``: a quantized model unpacks its weights at every pass, and would fill the heap with holes then too.
    """
    global _kept
    _kept = _kept or keep
    tune = _c("mallopt")
    if tune is not None:
        tune(_MMAP_THRESHOLD, 1 << 20)
    try:
        yield
    finally:
        if tune is not None and not _kept:
            tune(_MMAP_THRESHOLD, 32 << 20)


def _c(name: str) -> Any:
    """A function of glibc, else None."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
