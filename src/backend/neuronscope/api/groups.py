"""Groups as the routes send them."""

from __future__ import annotations

from dataclasses import asdict

from neuronscope.api.schemas.groups import GroupList, GroupOut, GroupRequest
from neuronscope.api.services import Services
from neuronscope.core.group import Group
from neuronscope.runtime.groups import get_group, list_groups, make_group


def entries(services: Services, model_id: str | None) -> GroupList:
    """All groups, or those of a model, newest first."""
    return GroupList(groups=[_sent(group) for group in list_groups(services.workspace, model_id)])


def create(services: Services, body: GroupRequest) -> GroupOut:
    """Keep a group. The model is loaded where it isn't, since its units are checked; nothing waits for what runs on it."""
    loaded = services.engine.load(services.present(body.model_id))
    return _sent(make_group(services.workspace, loaded, body.name, body.units, body.made_by))


def one(services: Services, group_id: str) -> GroupOut:
    """The group of an id."""
    return _sent(get_group(services.workspace, group_id))


def _sent(group: Group) -> GroupOut:
    return GroupOut.model_validate(asdict(group))
