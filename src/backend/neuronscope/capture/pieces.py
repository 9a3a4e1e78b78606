"""A pass of one token in pieces that are replayed: all that lies between two attention calls is one CUDA graph.

Starting a pass's kernels one by one takes several times as long as computing them. Only attention depends on how long the
text is, so it alone is started anew, by the kernel and over the keys that the model would use: every number stays the same,
bit for bit. That is not taken on trust: see :class:`PiecedPasses`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import Cache

from neuronscope.capture.cache import RoomyLayer
from neuronscope.capture.device_graph import recording
from neuronscope.models.attention import Seen, attend, attention_cut

log = logging.getLogger("neuronscope.capture")
Forward = Callable[[Tensor], Tensor]
"""The pass over the token ``ids [1, 1]``; gives its logits."""


class _Call(NamedTuple):
    """An attention call that stands between two pieces: what it is made with, and where its output goes."""

    layer: RoomyLayer
    seen: Seen
    output: Tensor


class CannotCut(Exception):
    """The pass can't be replayed in pieces; nothing was computed."""


class Pieces:
    """A pass as it was recorded. ``forward`` must go through transformers' attention interface, within an
    :class:`~neuronscope.models.attention.AttentionHold`; ``layers`` are all that keep something of the text.

    Raises :class:`CannotCut`.
    """

    def __init__(self, forward: Forward, layers: Sequence[RoomyLayer], device: torch.device) -> None:
        self._layers = layers
        self._ids = torch.zeros(1, 1, dtype=torch.int64, device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)
        self._rooms = [layer.room for layer in layers]
        self._graphs: list[torch.cuda.CUDAGraph] = []
        self._calls: list[_Call] = []
        try:
            self._record(forward, device)
        except CannotCut:
            raise
        except Exception as error:
            # The very pass has just run: whatever it says now is of being recorded.
            raise CannotCut(str(error).strip().partition("\n")[0]) from error
        if len(self._calls) != len(layers):
            raise CannotCut(f"{len(self._calls)} attention calls of {len(layers)} layers go through the interface")

    def _record(self, forward: Forward, device: torch.device) -> None:
        by_keys = {layer.room[0].data_ptr(): layer for layer in self._layers if layer.room is not None}
        with recording(device) as recorder:

            def cut(seen: Seen) -> Tensor:
                _, query, key, value, mask, *_ = seen
                layer = by_keys.pop(key.data_ptr(), None)
                whole = None if layer is None or layer.room is None else layer.room[1]
                if layer is None or whole is None or value.data_ptr() != whole.data_ptr() or mask is not None:
                    raise CannotCut("attention is masked, or does not read what its layer keeps")
                self._graphs.append(recorder.end())
                output = query.new_empty(query.shape[0], query.shape[2], query.shape[1], value.shape[3])
                self._calls.append(_Call(layer, seen, output))
                recorder.begin()
                return output

            for layer in self._layers:
                layer.write_at(self._place)
            try:
                recorder.begin()
                with attention_cut(cut):
                    self._logits = forward(self._ids)
                self._graphs.append(recorder.end())
            finally:
                for layer in self._layers:
                    layer.write_at(None)

    def fits(self, pos0: int) -> bool:
        """Whether the layers keep what they keep where they kept it, with room for position ``pos0``."""
        stayed = all(layer.room is room for layer, room in zip(self._layers, self._rooms, strict=True))
        return stayed and has_room(self._layers, pos0)

    def replay(self, ids: Tensor, pos0: int, hold: Callable[[Seen], object]) -> Tensor:
        """The logits of the token ``ids [1, 1]`` at position ``pos0``; the next replay writes over them.

        ``hold`` is given each attention call. The layers' own counts are left as they are.
        """
        self._ids.copy_(ids)
        self._place.fill_(pos0)
        for graph, (layer, seen, output) in zip(self._graphs, self._calls, strict=False):
            graph.replay()
            module, query, _, _, _, kwargs, _ = seen
            call: Seen = (module, query, *layer.views(pos0 + 1), None, kwargs, output)
            output.copy_(attend(call))
            hold(call)
        self._graphs[-1].replay()
        return self._logits

    def count(self, pos0: int) -> None:
        """The layers hold the token at ``pos0`` now."""
        for layer in self._layers:
            layer.fill(pos0 + 1)


class PiecedPasses:
    """Replays passes once it is proved that replays give what the model gives.

    Two passes are made both ways, one after the other: what a replay computes must equal the model's own pass in every
    bit, of logits and of all that is watched. Where something differs, or can't be recorded, the model runs as it always does.
    """

    TRIALS = 2

    def __init__(self, cache: Cache, device: torch.device) -> None:
        self._layers = [layer for layer in cache.layers if isinstance(layer, RoomyLayer)]
        self._serves = len(self._layers) == len(cache.layers) > 0
        self._device = device
        self.forget()

    def forget(self) -> None:
        """What a pass computes has changed: record and prove it anew."""
        self._pieces: Pieces | None = None
        self._proved = 0

    def ready(self, pos0: int) -> Pieces | None:
        """The pieces for the pass at ``pos0``, where they are proved."""
        if self._pieces is not None and not self._pieces.fits(pos0):
            self.forget()
        return self._pieces if self._proved >= self.TRIALS else None

    def attempt(self, ids: Tensor, pos0: int, forward: Forward, watched: Callable[[], list[Tensor]]) -> list[Tensor]:
        """Replay the pass at ``pos0`` before the model makes it: its logits and what was ``watched``, copied.

        Empty where that can't be done. ``forward`` is recorded; ``watched`` gives the tensors that its taps hold.
        """
        if not self._serves or not has_room(self._layers, pos0):
            return []
        try:
            if self._pieces is None:
                self._pieces = Pieces(forward, self._layers, self._device)
                self._watched = watched()
        except CannotCut as error:
            self._give_up(str(error))
            return []
        logits = self._pieces.replay(ids, pos0, lambda _seen: None)
        return [tensor.clone() for tensor in (logits, *self._watched)]

    def compare(self, replayed: list[Tensor], own: list[Tensor]) -> None:
        """Take what the model's own pass gave in the same order."""
        if not replayed:
            return
        if len(replayed) == len(own) and all(torch.equal(a, b) for a, b in zip(replayed, own, strict=True)):
            self._proved += 1
        else:
            self._give_up("a replay differs from the model's own pass")

    def _give_up(self, why: str) -> None:
        log.debug("passes are not replayed in pieces: %s", why)
        self._serves = False
        self.forget()


def has_room(layers: Sequence[RoomyLayer], pos0: int) -> bool:
    """Whether what the layers keep can stay where it is when the token at ``pos0`` comes."""
    return all((room := layer.room) is not None and pos0 < room[0].shape[-2] for layer in layers)
