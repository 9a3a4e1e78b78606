"""Groups as the routes send them."""

from __future__ import annotations

from dataclasses import asdict

from neuronscope.api.schemas.groups import GroupChange, GroupList, GroupOut, GroupRequest
from neuronscope.api.services import Services
from neuronscope.core.group import Group
from neuronscope.runtime.groups import change_group, get_group, list_groups, make_group


def entries(services: Services, model_id: str | None) -> GroupList:
    """All groups, or those of a model, newest first."""
    return GroupList(groups=[_sent(group) for group in list_groups(services.workspace, model_id)])


def create(services: Services, body: GroupRequest) -> GroupOut:
    """Keep a group. The model is loaded where it isn't, since its units are checked; nothing waits for what runs on it."""
    loaded = services.engine.load(services.present(body.model_id))
    return _sent(make_group(services.workspace, loaded, body.name, body.units, body.made_by, body.index_id))


def one(services: Services, group_id: str) -> GroupOut:
    """The group of an id."""
    return _sent(get_group(services.workspace, group_id))


def change(services: Services, group_id: str, body: GroupChange) -> GroupOut:
    """Rename a group, or change its units. Its model is loaded only where there are units to check against it."""
    workspace = services.workspace
    model_id = get_group(workspace, group_id).model_id
    loaded = services.engine.load(services.present(model_id)) if body.add else None
    changed = change_group(workspace, group_id, name=body.name, add=body.add, remove=body.remove, loaded=loaded)
    return _sent(changed)


def _sent(group: Group) -> GroupOut:
    return GroupOut.model_validate(asdict(group))
