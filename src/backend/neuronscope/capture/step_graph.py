"""The short way of a step on a GPU: all that is computed of the pass's tensors is queued by one call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.attend import TOP_KEYS, AttentionWatch, summaries_in_room, whole_keys
from neuronscope.capture.device_graph import DeviceGraph
from neuronscope.capture.fused import cross
from neuronscope.capture.watch import Group, Watch
from neuronscope.core.address import Address
from neuronscope.core.trace_config import Resolved
from neuronscope.models.attention import AttentionCall
from neuronscope.models.loaded import LoadedModel

log = logging.getLogger("neuronscope.capture")
_Rows = list[tuple[Group, list[Tensor]]]
_Calls = list[tuple[list[Address], list[AttentionCall]]]


class Recorded(Protocol):
    """Work that can be queued again, as :class:`DeviceGraph` has it."""

    def queue(self) -> None: ...
    def arrays(self) -> list[NDArray[Any]]: ...


class StepGraph:
    """Reduces steps of one token that are like the one before; any other is left to the plain way.

    On a GPU a step's statistics, strongest values and attention summaries are some hundreds of small kernels, and starting
    them one by one takes longer than the pass that they look at. Here the pass's tensors are put together in places of
    their own, and the kernels that read these are one graph. Keys are read where the cache keeps them.
    """

    def __init__(
        self,
        watch: Watch,
        attention: AttentionWatch,
        resolved: Resolved,
        device: torch.device,
        record: Callable[[Callable[[], Sequence[Tensor]], torch.device], Recorded] = DeviceGraph,
    ) -> None:
        config = resolved.config
        self._serves = config.capture_mode != "tile" and config.attention_tier == "summary"
        self._watch, self._attention = watch, attention
        self._device, self._record = device, record
        self._inputs: _Inputs | None = None
        self._graph: Recorded | None = None
        self._found: list[NDArray[Any]] | None = None

    def queue(self) -> bool:
        """Queue the step's work; false where the step must go the plain way, which finds all as it was."""
        rows = self._watch.chosen_rows() if self._serves else None
        calls = self._attention.standing_calls() if rows is not None else None
        if rows is None or calls is None or any(alike[0].key.shape[2] < TOP_KEYS for _, alike in calls):
            return False
        if self._inputs is None or not self._inputs.fit(rows, calls):
            self._inputs, self._graph, fresh = _Inputs(rows, calls, self._device), None, True
        else:
            fresh = False
        self._inputs.put(rows, calls)
        self._attention.note_forms(calls)
        if fresh:
            # Once by itself: the next step may be another again, and each kernel is loaded when it is first used.
            self._found = cross(self._inputs.reduce(self._watch))
            return True
        if self._graph is None and not self._recorded(self._inputs):
            self._found = cross(self._inputs.reduce(self._watch))
            return True
        assert self._graph is not None
        self._found = None
        self._graph.queue()
        return True

    def _recorded(self, inputs: _Inputs) -> bool:
        try:
            self._graph = self._record(lambda: inputs.reduce(self._watch), self._device)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.debug("a step's work is not recorded: %s", error)
            self._serves = False  # from the next step on
            return False
        return True

    def arrays(self) -> list[NDArray[Any]]:
        """The numbers of the step that was queued, in the order in which the watches' tables take them."""
        if self._found is None:
            assert self._graph is not None
            self._found = self._graph.arrays()
        found, self._found = self._found, None
        return found


def step_graph(loaded: LoadedModel, watch: Watch, attention: AttentionWatch, resolved: Resolved) -> StepGraph | None:
    """The short way for runs of this model; ``None`` where there is none. A CPU has one of its own."""
    return StepGraph(watch, attention, resolved, loaded.device) if loaded.on_one_card else None


class _Inputs:
    """Where a step's tensors are put so that each step finds them in the same place, and the keys that are there already."""

    def __init__(self, rows: _Rows, calls: _Calls, device: torch.device) -> None:
        self._groups = [group for group, _ in rows]
        self._rows = [torch.empty(len(t), group.width, dtype=t[0].dtype, device=device) for group, t in rows]
        self._forms = _forms(calls)
        self._queries = [torch.cat([call.query for call in alike]) for _, alike in calls]
        self._keys = [[whole for call in alike if (whole := whole_keys(call)) is not None] for _, alike in calls]
        self._scales = [alike[0].scale for _, alike in calls]
        self._seen = [torch.zeros((), dtype=torch.int64, device=device) for _ in calls]

    def fit(self, rows: _Rows, calls: _Calls) -> bool:
        """Whether these can be put there, and their keys are where they were."""
        groups = [group for group, _ in rows]
        same = len(groups) == len(self._groups) and all(a is b for a, b in zip(groups, self._groups, strict=True))
        return same and _forms(calls) == self._forms

    def put(self, rows: _Rows, calls: _Calls) -> None:
        """Put a step's tensors there."""
        for (group, tensors), place in zip(rows, self._rows, strict=True):
            group.rows(tensors, place)
        for (_, alike), place, seen in zip(calls, self._queries, self._seen, strict=True):
            torch.cat([call.query for call in alike], out=place)
            seen.fill_(alike[0].key.shape[2])

    def reduce(self, watch: Watch) -> list[Tensor]:
        """The numbers of what was put there."""
        found = watch.reduce_of(list(zip(self._groups, self._rows, strict=True)))
        for queries, keys, scale, seen in zip(self._queries, self._keys, self._scales, self._seen, strict=True):
            found += summaries_in_room(queries, keys, scale, seen)
        return found


def _forms(calls: _Calls) -> list[tuple[object, ...]]:
    """What must stay for the keys to be found again: whose they are, where they lie, and how they are used."""
    return [
        (addresses, alike[0].query.shape, alike[0].scaling, [(c.key.data_ptr(), c.key.stride()) for c in alike])
        for addresses, alike in calls
    ]
