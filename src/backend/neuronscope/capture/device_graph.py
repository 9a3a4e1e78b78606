"""Work on a GPU that one call queues: recorded once as a CUDA graph, then replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.fused import Flat, put_together


class Recorder:
    """Records what is queued between :meth:`begin` and :meth:`end`, as often as wanted; nothing of it is computed.

    Its graphs share their memory, so they must be replayed in the order in which they were recorded. To be used within
    :func:`recording`. Raises :class:`RuntimeError` where something waits for the device.
    """

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        self._graph: torch.cuda.CUDAGraph | None = None

    def begin(self) -> None:
        """Record from here on."""
        self._graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile: to tell how much memory is free, for one.
        self._graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")

    def end(self) -> torch.cuda.CUDAGraph:
        """What was recorded."""
        assert self._graph is not None
        graph, self._graph = self._graph, None
        graph.capture_end()
        return graph

    def abandon(self) -> None:
        """Record no more, after an error."""
        try:
            if self._graph is not None:
                self.end()
        except RuntimeError:
            pass  # it says again what the error said


@contextmanager
def recording(device: torch.device) -> Iterator[Recorder]:
    """A recorder, on a stream of its own, since what else is queued on a stream that records would be recorded too."""
    recorder = Recorder()
    before = torch.cuda.current_stream(device)
    stream = torch.cuda.Stream(device)
    stream.wait_stream(before)
    with torch.cuda.stream(stream):
        try:
            yield recorder
        except BaseException:
            recorder.abandon()
            raise
    before.wait_stream(stream)


class DeviceGraph:
    """Records what ``work`` queues on ``device``; nothing is computed until :meth:`queue`.

    A replay reads and writes the very memory of the recording, so ``work`` must read tensors that stay where they are, and
    must not wait for the device. Run it once beforehand, since a GPU loads each kernel when it is first used.
    Raises what ``work`` raises, and :class:`RuntimeError` where it does what can't be recorded.
    """

    def __init__(self, work: Callable[[], Sequence[Tensor]], device: torch.device) -> None:
        self._device = device
        with recording(device) as recorder:
            recorder.begin()
            found = work()
            self._flat = put_together(found)
            self._graph = recorder.end()
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
