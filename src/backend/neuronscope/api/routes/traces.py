"""Traces: listed, described, read, exported."""

from __future__ import annotations

from flask import Response, request
from flask_openapi.models.schema import Schema

from neuronscope.api import keeping, traces
from neuronscope.api.exports import export
from neuronscope.api.reply import reply, stream
from neuronscope.api.routes.common import binary, blueprint, services
from neuronscope.api.schemas.traces import (
    Deleted,
    ExportQuery,
    Heatmap,
    HeatmapQuery,
    Layers,
    LayersQuery,
    ReplayQuery,
    StepPath,
    TensorAnswer,
    TensorQuery,
    TraceDetail,
    TraceEntry,
    TraceLimit,
    TraceLimitAnswer,
    TraceList,
    TracePath,
    TracePin,
)
from neuronscope.api.uploads import uploaded

api = blueprint("traces", "Recorded runs.")

api.components_schemas["TensorAnswer"] = Schema(**TensorAnswer.model_json_schema())
_TENSOR = {
    "description": "The tensor, as JSON or, when asked for by Accept, as its bytes",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/TensorAnswer"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}
_TRACE_FILE = {
    "description": "The trace file",
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
_EXPORT = {
    "description": "The file, in the format asked for",
    "content": {
        "application/vnd.sqlite3": {"schema": {"type": "string", "format": "binary"}},
        "application/zip": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {"schema": {"type": "object"}},
    },
}


@api.get("/traces", responses={200: TraceList})
def list_traces() -> Response:
    """All traces of the workspace, newest first, and what they take"""
    return reply(keeping.entries(services().workspace))


@api.put("/traces/limit", responses={200: TraceLimitAnswer})
def limit_traces(body: TraceLimit) -> Response:
    """Set what all traces together may take: the oldest unpinned ones go when a run ends beyond it"""
    return reply(keeping.set_limit(services().workspace, body.bytes))


@api.post("/traces/import", responses={201: TraceEntry}, openapi_extensions={"requestBody": _TRACE_FILE})
def import_trace() -> Response:
    """Take in a trace file, sent as the body, once all of it has been read and found sound"""
    return reply(keeping.take_in(services().workspace, uploaded()), 201)


@api.get("/traces/<trace_id>", responses={200: TraceDetail})
def get_trace(path: TracePath) -> Response:
    """Tokens, points and first predictions of a trace"""
    return reply(traces.detail(services().workspace, path.trace_id))


@api.delete("/traces/<trace_id>", responses={200: Deleted})
def delete_trace(path: TracePath) -> Response:
    """Delete a trace, pinned or not; one that is being recorded is refused"""
    keeping.delete(services().workspace, path.trace_id)
    return reply(Deleted(deleted=path.trace_id))


@api.post("/traces/<trace_id>/pin", responses={200: TraceEntry})
def pin_trace(path: TracePath, body: TracePin) -> Response:
    """Keep a trace whatever the limit, or let it go with the others again"""
    return reply(keeping.pin(services().workspace, path.trace_id, body.pinned))


@api.get("/traces/<trace_id>/steps/<step>", responses={200: binary("application/msgpack", "The step event")})
def get_step(path: StepPath) -> Response:
    """One step of a trace as the MessagePack map that the live stream sent"""
    return Response(traces.step(services().workspace, path.trace_id, path.step), mimetype="application/msgpack")


@api.get(
    "/traces/<trace_id>/events", responses={200: binary("application/msgpack", "MessagePack maps, one after another")}
)
def replay_trace(path: TracePath, query: ReplayQuery) -> Response:
    """Replay: the events of the run, in order, from a step and at a speed, as a sequence of MessagePack maps"""
    return stream(traces.replay(services().workspace, path.trace_id, query), "application/msgpack")


@api.get("/traces/<trace_id>/export", responses={200: _EXPORT})
def export_trace(path: TracePath, query: ExportQuery) -> Response:
    """The trace as one file: the trace file itself, NumPy arrays, or JSON"""
    chunks, mimetype, name = export(services().workspace, path.trace_id, query.format)
    return stream(chunks, mimetype, name)


@api.get("/traces/<trace_id>/tensor", responses={200: _TENSOR})
def get_tensor(path: TracePath, query: TensorQuery) -> Response:
    """One tensor of a trace, float32"""
    values = traces.tensor(services().workspace, path.trace_id, query.address)
    kinds = ["application/json", "application/octet-stream"]
    if request.accept_mimetypes.best_match(kinds, "application/json") == kinds[1]:
        return Response(values.tobytes(), mimetype=kinds[1], headers={"X-Shape": ",".join(map(str, values.shape))})
    return reply(TensorAnswer.model_validate(traces.encoded(query.address, values)))


@api.get("/traces/<trace_id>/heatmap", responses={200: Heatmap})
def get_heatmap(path: TracePath, query: HeatmapQuery) -> Response:
    """The strongest units of one tensor by token"""
    return reply(traces.heatmap(services().workspace, path.trace_id, query))


@api.get("/traces/<trace_id>/layers", responses={200: Layers})
def get_layers(path: TracePath, query: LayersQuery) -> Response:
    """Statistics of a point, layer by layer"""
    return reply(traces.layers(services().workspace, path.trace_id, query))
