"""Traces as the routes answer them."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from neuronscope.api.reply import Pause
from neuronscope.api.schemas.common import TokenOut
from neuronscope.api.schemas.traces import (
    Heatmap,
    HeatmapQuery,
    LayerRow,
    Layers,
    LayersQuery,
    ReplayQuery,
    Stats,
    TraceDetail,
)
from neuronscope.core.events import Token
from neuronscope.runtime.keeping import Keeping, described
from neuronscope.runtime.summaries import layer_rows, top_units
from neuronscope.runtime.workspace import Workspace
from neuronscope.traces.store import Trace
from neuronscope.traces.wire import step_frame


def open_trace(workspace: Workspace, trace_id: str) -> Trace:
    """The trace of an id; :class:`NotFound` where there is none."""
    return Trace.open(workspace.trace_path(trace_id))


def detail(workspace: Workspace, trace_id: str) -> TraceDetail:
    """Everything about a trace but its values."""
    with open_trace(workspace, trace_id) as trace:
        return TraceDetail(
            **asdict(described(trace, trace_id in Keeping(workspace.traces).pinned)),
            model_key=trace.model_key,
            tokens=_tokens(trace.tokens),
            points=list(trace.points),
            layers=trace.layers,
            unavailable=trace.unavailable,
            top=list(trace.step(0).top) if trace.step_count else [],
        )


def step(workspace: Workspace, trace_id: str, number: int) -> bytes:
    """One step event as a MessagePack map."""
    with open_trace(workspace, trace_id) as trace:
        return step_frame(trace, number)


def replay(workspace: Workspace, trace_id: str, query: ReplayQuery) -> Iterator[bytes | Pause]:
    """The events of a run as MessagePack maps, its steps at the speed asked for, if one is.

    What can't be replayed is raised here, before the answer has begun.
    """
    trace = open_trace(workspace, trace_id)
    try:
        found = trace.replay(query.from_step)
    except BaseException:
        trace.close()
        raise

    def events() -> Iterator[bytes | Pause]:
        begun = time.monotonic()
        with trace:
            for event in found:
                if event["type"] == "step" and query.speed is not None:
                    yield Pause(begun + (event["step"] - query.from_step) / query.speed)
                yield _pack(event)

    return events()


def tensor(workspace: Workspace, trace_id: str, address: str) -> NDArray[np.float32]:
    """A tensor, little-endian float32 in C order."""
    with open_trace(workspace, trace_id) as trace:
        return np.ascontiguousarray(trace[address], dtype="<f4")


def encoded(address: str, values: NDArray[np.float32]) -> dict[str, Any]:
    """A tensor as the fields of ``TensorAnswer``."""
    data = base64.b64encode(values.tobytes()).decode()
    return {"address": address, "dtype": "float32", "shape": values.shape, "data": data}


def heatmap(workspace: Workspace, trace_id: str, query: HeatmapQuery) -> Heatmap:
    """The strongest units of a tensor with their value on every token."""
    with open_trace(workspace, trace_id) as trace:
        units, values = top_units(trace, query.address, query.top, query.by)
        return Heatmap(
            address=query.address,
            by=query.by,
            units=units.tolist(),
            tokens=_tokens(trace.tokens_of(values.shape[1])),
            values=values.tolist(),
        )


def layers(workspace: Workspace, trace_id: str, query: LayersQuery) -> Layers:
    """Statistics of a point in each layer that the trace keeps."""
    with open_trace(workspace, trace_id) as trace:
        rows = [
            LayerRow(layer=row.layer, stats=Stats(**row.stats), per_token=row.per_token.tolist())
            for row in layer_rows(trace, query.point, query.by)
        ]
        tokens = trace.tokens_of(len(rows[0].per_token))
        return Layers(point=query.point, by=query.by, tokens=_tokens(tokens), layers=rows)


def _tokens(tokens: Iterable[Token]) -> list[TokenOut]:
    return [TokenOut(id=token.id, text=token.text, special=token.special) for token in tokens]


def _pack(event: dict[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(event)
    return packed
