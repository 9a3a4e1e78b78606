"""Stands in for graphs on a GPU where there is none: work that is done anew, on the tensors that it was recorded with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


class Again:
    """As :class:`neuronscope.capture.device_graph.DeviceGraph`: recording computes nothing."""

    def __init__(self, work: Callable[[], Sequence[Tensor]]) -> None:
        self._work, self.queued = work, 0

    def queue(self) -> None:
        """Do the work once more."""
        self.queued += 1
        self._found = [tensor.clone().numpy() for tensor in self._work()]

    def arrays(self) -> list[NDArray[Any]]:
        """What it gave."""
        return self._found


class Records(list[Again]):
    """Records work and keeps what it recorded, to be counted."""

    def __call__(self, work: Callable[[], Sequence[Tensor]], _device: torch.device) -> Again:
        self.append(Again(work))
        return self[-1]

    @property
    def queued(self) -> list[int]:
        """How often each was queued."""
        return [one.queued for one in self]
