"""The key-value cache of a run: transformers' own, with room to append to, so that a step does not copy the steps before it."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from neuronscope.models.inspection.structure import text_config

ROOM = 128
"""Positions that a layer has room for beyond those it needs, when it grows; half as many again where that is more."""


class RoomyLayer(DynamicLayer):
    """Gives the same keys and values as :class:`DynamicLayer`, which makes both anew at each step.

    They are views of the filled part of a larger tensor. What was written is never written again.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._filled = 0
        self._room: tuple[Tensor, Tensor] | None = None
        self._place: Tensor | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append ``[b, g, p, e]`` and give all keys and values so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        if self._place is not None and self._room is not None:
            for room, states in zip(self._room, (key_states, value_states), strict=True):
                room.index_copy_(-2, self._place, states)
            return self.views(self._filled + 1)
        before, more = self._filled, key_states.shape[-2]
        filled = before + more
        if self._room is None or filled > self._room[0].shape[-2]:
            self._grow(filled, key_states, value_states)
        assert self._room is not None
        all_keys, all_values = self._room
        all_keys.narrow(-2, before, more).copy_(key_states)
        all_values.narrow(-2, before, more).copy_(value_states)
        return self.fill(filled)

    @property
    def room(self) -> tuple[Tensor, Tensor] | None:
        """All of the keys and values that there is room for."""
        return self._room

    def views(self, count: int) -> tuple[Tensor, Tensor]:
        """The first ``count`` keys and values, which there is room for."""
        assert self._room is not None
        return self._room[0].narrow(-2, 0, count), self._room[1].narrow(-2, 0, count)

    def fill(self, count: int) -> tuple[Tensor, Tensor]:
        """So many are there now."""
        self.keys, self.values = self.views(count)
        self._filled = count
        return self.keys, self.values

    def write_at(self, place: Tensor | None) -> None:
        """Put the next states at the position that ``place [1]`` holds on the device when they are computed, and count none.

        For passes that are recorded: a position that is known outside of the device would be recorded as a constant.
        """
        self._place = place

    def get_seq_length(self) -> Any:
        """How many keys there are; on the device where that is where they are counted."""
        if self._place is not None:
            return self._place[0]
        return self._filled

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many keys a mask has columns for, and the first one's position."""
        return self._filled + query_length, 0

    def _grow(self, needed: int, *states: Tensor) -> None:
        room = needed + max(ROOM, needed // 2)
        new = tuple(state.new_empty((*state.shape[:-2], room, state.shape[-1])) for state in states)
        if self._room is not None:
            for old, larger in zip(self._room, new, strict=True):
                larger.narrow(-2, 0, self._filled).copy_(old.narrow(-2, 0, self._filled))
        self._room = (new[0], new[1])


class RunCache(DynamicCache):
    """transformers' own, which says outside of the device where a pass begins, also where its layers count on it."""

    def get_query_offset(self, layer_idx: int = 0) -> int:
        """Tokens before the pass."""
        layer = self.layers[layer_idx]
        return layer.get_mask_sizes(0)[0] if isinstance(layer, RoomyLayer) else super().get_query_offset(layer_idx)


def run_cache(model: PreTrainedModel) -> DynamicCache:
    """An empty cache for one run. Layers of other kinds (sliding windows, state spaces) stay transformers' own."""
    cache = RunCache(config=text_config(model))  # type: ignore[arg-type]  # typed as object there
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
