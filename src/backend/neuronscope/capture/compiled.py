"""Compiled decoding: each token's whole pass, with all that is read of it, is one CUDA graph over a static cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import StaticCache
from transformers.cache_utils import StaticLayer, StaticSlidingWindowLayer

from neuronscope.capture.device_graph import DeviceGraph
from neuronscope.capture.fused import cross
from neuronscope.capture.run_taps import Learnt
from neuronscope.capture.step_graph import Recorded
from neuronscope.core.errors import BadRequest, WorkFailed
from neuronscope.models.inspection.structure import text_config
from neuronscope.models.loaded import LoadedModel

_recorded: WeakKeyDictionary[LoadedModel, dict[str, Learnt]] = WeakKeyDictionary()
"""Of each model the kinds of passes that were recorded once, and what their taps had learnt: the next run begins with it."""
LEAVE_OUT = "Leave compiled out: runs without it go with every model and device."


class CompiledDecode:
    """Passes of one token that are recorded once and then replayed, over a cache of ``length`` positions.

    Starting a pass's kernels one by one takes longer than computing them, on most GPUs; a replay starts all at once. The
    kernels are the model's own, but attention goes over all positions that the cache has room for, so that numbers may
    differ in their last bits from those of other runs.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        length: int,
        record: Callable[[Callable[[], Sequence[Tensor]], torch.device], Recorded] = DeviceGraph,
    ) -> None:
        self.cache = _static_cache(loaded, length)
        self._loaded, self._device, self._record = loaded, loaded.device, record
        self._ids = torch.zeros(1, 1, dtype=torch.int64, device=loaded.device)
        self._ahead = False
        self.forget()

    def learnt(self, kind: str) -> Learnt | None:
        """What another run had learnt when it recorded passes of this ``kind``: then this one's need not be tried."""
        found = _recorded.get(self._loaded, {}).get(kind)
        self._known = found is not None
        return found

    def learn(self, kind: str, learnt: Learnt) -> None:
        """Passes of this kind can be recorded."""
        if self._graph is not None:
            _recorded.setdefault(self._loaded, {})[kind] = learnt

    def forget(self) -> None:
        """What a pass computes has changed: record it anew."""
        self.rewind()
        self._graph: Recorded | None = None
        self._tried = self._known = False

    def step(self, ids: Tensor, work: Callable[[Tensor], Sequence[Tensor]]) -> list[NDArray[Any]]:
        """What ``work`` gives for the token ``ids [1, 1]``, on the CPU. ``work`` is called with a tensor of that token.

        Raises :class:`WorkFailed` where it can't be recorded.
        """
        if self._ahead and self._graph is not None:
            self._ahead = False
            return self._graph.arrays()
        self._ids.copy_(ids)
        if self._graph is None and (self._tried or self._known):
            try:
                self._graph = self._record(lambda: work(self._ids), self._device)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                if self._tried:
                    reason = str(error).strip().partition("\n")[0].rstrip(".")[:200]
                    raise WorkFailed(f"This model's pass can't be compiled: {reason}.", LEAVE_OUT) from error
        if self._graph is None:
            # By itself first: a GPU loads each kernel when it is first used, which can't be recorded.
            self._tried = True
            return cross(work(self._ids))
        self._graph.queue()
        return self._graph.arrays()

    def go_ahead(self, ids: Tensor) -> None:
        """Queue the pass of the token ``ids [1, 1]``, which the next :meth:`step` will ask for, so that the device computes while
        others work on what the last one gave."""
        if self._graph is not None:
            self._ids.copy_(ids)
            self._graph.queue()
            self._ahead = True

    def rewind(self) -> None:
        """What was queued ahead is not wanted: the next pass is at the same position."""
        if self._ahead:
            self._ahead = False
            for layer in self.cache.layers:
                assert isinstance(layer, StaticLayer)
                layer.cumulative_length.sub_(1)


def compiled_decode(loaded: LoadedModel, length: int) -> CompiledDecode:
    """For a run of up to ``length`` tokens in all. Raises :class:`BadRequest` where the model can't be compiled."""
    if loaded.device.type != "cuda":
        raise BadRequest(f"Compiled decoding needs an NVIDIA card, and this model is on {loaded.device}.", LEAVE_OUT)
    if not loaded.on_one_card:
        raise BadRequest("Compiled decoding needs a model on one card, and this one is spread over several.", LEAVE_OUT)
    if not getattr(loaded.model, "_can_compile_fullgraph", False):
        name = type(loaded.model).__name__
        raise BadRequest(f"{name} can't be compiled: transformers says that its passes aren't all alike.", LEAVE_OUT)
    return CompiledDecode(loaded, length)


def _static_cache(loaded: LoadedModel, length: int) -> StaticCache:
    cache = StaticCache(config=text_config(loaded.model), max_cache_len=length)  # type: ignore[arg-type]
    for number, layer in enumerate(cache.layers):
        if type(layer) is StaticSlidingWindowLayer:
            # It counts its positions outside of the device. The mask keeps a layer that holds all to its window.
            cache.layers[number] = StaticLayer(max_cache_len=length)
        elif type(layer) is not StaticLayer:
            kind = type(layer).__name__
            raise BadRequest(f"This model remembers the text in a way that can't be compiled ({kind}).", LEAVE_OUT)
    return cache
