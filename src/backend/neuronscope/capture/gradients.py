"""Passes that record nothing for gradients, and don't even ask whether to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_below: Any = getattr(torch._C, "_AutoDispatchBelowAutograd", None)


@contextmanager
def without_gradients() -> Iterator[None]:
    """As ``torch.no_grad``, but operations skip the layer of torch that would find out, each of them, that it has no work.

    Numbers are the same bit for bit. Unlike in ``torch.inference_mode``, tensors count the changes that are made to them in
    place, and what a model keeps of such a pass can be differentiated later. The name is torch's own, for its compiler;
    where a version lacks it, this is ``no_grad``.
    """
    with torch.no_grad():
        guard = _below() if _below is not None else None
        try:
            yield
        finally:
            del guard
