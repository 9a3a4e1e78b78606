"""What loading a model will take, and whether it fits."""

from __future__ import annotations

import psutil

from neuronscope.core.errors import InsufficientMemory

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
# Python, torch's buffers and the activations of a prompt, beside the weights.
OVERHEAD = 1.10


def estimate_bytes(parameters: int, dtype: str) -> int:
    """Bytes that the weights take in a dtype, with a tenth for what lies around them."""
    return int(parameters * BYTES[dtype] * OVERHEAD)


def free_bytes(device: str) -> int:
    """Bytes free on a device: a GPU's own memory, else the machine's."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def check_fits(model_id: str, parameters: int, dtype: str, device: str) -> None:
    """Raises :class:`InsufficientMemory` with the numbers, and what would fit, before anything is loaded."""
    needed, free = estimate_bytes(parameters, dtype), free_bytes(device)
    if needed <= free:
        return
    smaller = [
        other for other in ("bfloat16", "float16") if other != dtype and estimate_bytes(parameters, other) <= free
    ]
    hint = f"In {smaller[0]} it would fit." if smaller else "Choose a smaller model, or unload others."
    raise InsufficientMemory(
        f"{model_id} needs about {readable(needed)} in {dtype} on {device}; {readable(free)} are free.", hint
    )


def readable(count: int) -> str:
    """Bytes for a person: ``1.5 GB``, ``0.02 MB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"
