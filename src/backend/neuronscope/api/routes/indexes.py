"""Indexes: the strongest contexts of every neuron, for one model and one corpus."""

from __future__ import annotations

from flask import Response

from neuronscope.api import indexes
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.indexes import IndexList, IndexPath, IndexRequest
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.schemas.traces import Deleted

api = blueprint("indexes", "The strongest contexts of every neuron over a corpus.")


@api.get("/indexes", responses={200: IndexList})
def list_indexes() -> Response:
    """All indexes of the workspace, newest first"""
    return reply(indexes.entries(services()))


@api.post("/indexes", responses={202: JobOut})
def create_index(body: IndexRequest) -> Response:
    """Start building an index; the job's result names it"""
    return reply(indexes.start_index(services(), body), 202)


@api.delete("/indexes/<index_id>", responses={200: Deleted})
def delete_index(path: IndexPath) -> Response:
    """Delete an index"""
    services().shelf.delete(path.index_id)
    return reply(Deleted(deleted=path.index_id))
