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

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Begin without any room."""
        super().lazy_initialization(key_states, value_states)
        self._filled = 0
        self._room: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append ``[b, g, p, e]`` and give all keys and values so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        before, more = self._filled, key_states.shape[-2]
        filled = before + more
        if self._room is None or filled > self._room[0].shape[-2]:
            self._grow(filled, key_states, value_states)
        assert self._room is not None
        all_keys, all_values = self._room
        all_keys.narrow(-2, before, more).copy_(key_states)
        all_values.narrow(-2, before, more).copy_(value_states)
        self.keys, self.values = all_keys.narrow(-2, 0, filled), all_values.narrow(-2, 0, filled)
        self._filled = filled
        return self.keys, self.values

    def _grow(self, needed: int, *states: Tensor) -> None:
        room = needed + max(ROOM, needed // 2)
        new = tuple(state.new_empty((*state.shape[:-2], room, state.shape[-1])) for state in states)
        if self._room is not None:
            for old, larger in zip(self._room, new, strict=True):
                larger.narrow(-2, 0, self._filled).copy_(old.narrow(-2, 0, self._filled))
        self._room = (new[0], new[1])


def run_cache(model: PreTrainedModel) -> DynamicCache:
    """An empty cache for one run. Layers of other kinds (sliding windows, state spaces) stay transformers' own."""
    cache = DynamicCache(config=text_config(model))  # type: ignore[arg-type]  # typed as object there
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
