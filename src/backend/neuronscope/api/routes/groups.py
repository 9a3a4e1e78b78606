"""Groups: sets of units under a name, to be changed or asked about together."""

from __future__ import annotations

from flask import Response

from neuronscope.api import groups
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.groups import GroupChange, GroupList, GroupOut, GroupPath, GroupQuery, GroupRequest
from neuronscope.api.schemas.traces import Deleted
from neuronscope.runtime.groups import delete_group

api = blueprint("groups", "Saved sets of units of one model, over any layers.")


@api.get("/groups", responses={200: GroupList})
def list_groups(query: GroupQuery) -> Response:
    """All groups, or those of a model, newest first"""
    return reply(groups.entries(services(), query.model_id))


@api.post("/groups", responses={201: GroupOut})
def create_group(body: GroupRequest) -> Response:
    """Keep units of a model under a name"""
    return reply(groups.create(services(), body), 201)


@api.get("/groups/<group_id>", responses={200: GroupOut})
def get_group(path: GroupPath) -> Response:
    """One group with its units"""
    return reply(groups.one(services(), path.group_id))


@api.patch("/groups/<group_id>", responses={200: GroupOut})
def change_group(path: GroupPath, body: GroupChange) -> Response:
    """Rename a group, add units of its model at the end, remove units"""
    return reply(groups.change(services(), path.group_id, body))


@api.delete("/groups/<group_id>", responses={200: Deleted})
def remove_group(path: GroupPath) -> Response:
    """Delete a group; what was recorded with it keeps its units"""
    delete_group(services().workspace, path.group_id)
    return reply(Deleted(deleted=path.group_id))
