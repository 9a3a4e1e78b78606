"""Work on a GPU that one call queues: recorded once as a CUDA graph, then replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.fused import Flat, put_together


class DeviceGraph:
    """Records what ``work`` queues on ``device``; nothing is computed until :meth:`queue`.

    A replay reads and writes the very memory of the recording, so ``work`` must read tensors that stay where they are, and
    must not wait for the device. Run it once beforehand, since a GPU loads each kernel when it is first used.
    Raises what ``work`` raises, and :class:`RuntimeError` where it does what can't be recorded.
    """

    def __init__(self, work: Callable[[], Sequence[Tensor]], device: torch.device) -> None:
        self._graph = torch.cuda.CUDAGraph()
        self._device = device
        before = torch.cuda.current_stream(device)
        stream = torch.cuda.Stream(device)
        stream.wait_stream(before)
        with torch.cuda.stream(stream):
            # Other threads may use the device meanwhile: to tell how much memory is free, for one.
            self._graph.capture_begin(capture_error_mode="thread_local")
            try:
                found = work()
                self._flat = put_together(found)
            finally:
                self._graph.capture_end()
        before.wait_stream(stream)
        self._apart = Flat(found)
        self._host = torch.empty(self._flat.shape, dtype=torch.uint8, pin_memory=True)

    def queue(self) -> None:
        """Queue the work once more, and its results' way to the CPU."""
        self._graph.replay()
        self._host.copy_(self._flat, non_blocking=True)

    def arrays(self) -> list[NDArray[Any]]:
        """What ``work`` gave, of the last time that it was queued; waits for the device."""
        torch.cuda.current_stream(self._device).synchronize()
        data: NDArray[np.uint8] = self._host.numpy().copy()
        return self._apart.apart(data)
