"""Devices that models run on: which there are, and how a model is spread over several."""

from __future__ import annotations

import sys

from neuronscope.core.errors import BadRequest


def default_device() -> str:
    """``cuda``, else ``mps``, else ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def known_device() -> str:
    """The same without importing torch, which takes seconds: the CPU until something else has imported it."""
    return default_device() if "torch" in sys.modules else "cpu"


def cards() -> int:
    """CUDA devices of this machine."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def check_device(device: str | None) -> str | None:
    """The device if this machine has it, else :class:`BadRequest`; ``None`` stays the choice of the program."""
    if device is None:
        return None
    import torch

    kind, _, number = device.partition(":")
    present = {
        "cpu": not number,
        "mps": not number and torch.backends.mps.is_available(),
        "cuda": (number or "0").isdecimal() and int(number or 0) < cards(),
        "auto": not number and cards() > 0,
    }
    if not present.get(kind, False):
        raise BadRequest(f"This machine has no device '{device}'.", f"Leave it out to use {default_device()}.")
    return device


def placement(device: str) -> str | dict[str, str]:
    """What ``from_pretrained`` takes as ``device_map``: one place for everything, or accelerate's own plan."""
    return "auto" if device == "auto" else {"": device}
