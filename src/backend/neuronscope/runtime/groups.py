"""Groups: saved sets of units, over any layers, of one model; a small file each in the workspace."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest, Conflict, Damaged, NeuronScopeError, NotFound
from neuronscope.core.group import Group, MadeBy
from neuronscope.core.ids import new_id
from neuronscope.runtime.workspace import Workspace, write_private

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

log = logging.getLogger("neuronscope.groups")


def make_group(
    workspace: Workspace, loaded: LoadedModel, name: str, units: Sequence[str], made_by: MadeBy = "hand"
) -> Group:
    """Keep units under a name, once each is known to be one of the model's. Several groups may have one name.

    Raises :class:`BadRequest` for a name or a list that is none, :class:`BadAddress` and :class:`PointUnavailable` for a
    unit that the model lacks, :class:`StorageFull`.
    """
    group = Group(
        group_id=new_id("g"),
        name=name.strip() if isinstance(name, str) else name,
        model_id=loaded.model_id,
        model_key=loaded.key,
        units=_listed(units),
        made_by=made_by,
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
    for unit in group.units:
        loaded.anatomy.check_unit(Unit.parse(unit))
    write_private(workspace.group_path(group.group_id), json.dumps(asdict(group), ensure_ascii=False))
    return group


def get_group(workspace: Workspace, group_id: str) -> Group:
    """The group of an id. Raises :class:`NotFound` where there is none, :class:`Damaged` where it can't be read."""
    return _read(workspace.group_path(group_id))


def list_groups(workspace: Workspace, model_id: str | None = None) -> Iterator[Group]:
    """All groups, or those of a model, newest first; a file that can't be read is left out and logged."""
    for path in sorted(workspace.groups.glob("g_*.json"), reverse=True):
        try:
            group = _read(path)
        except NeuronScopeError as failure:
            log.warning("%s was left out of the list: %s", path.name, failure)
            continue
        if model_id in (None, group.model_id):
            yield group


def delete_group(workspace: Workspace, group_id: str) -> None:
    """Remove a group. Raises :class:`NotFound` where there is none."""
    try:
        workspace.group_path(group_id).unlink()
    except FileNotFoundError:
        raise NotFound(f"There is no group '{group_id}'.", "It may have been deleted.") from None


def units_for(workspace: Workspace, loaded: LoadedModel, group_id: str) -> tuple[str, ...]:
    """A group's units, for use on a model; :class:`Conflict` where it was made on other weights or in another precision."""
    group = get_group(workspace, group_id)
    if group.model_key != loaded.key:
        other = "another state of it" if group.model_id == loaded.model_id else group.model_id
        raise Conflict(
            f"Group '{group.name}' was made on {other}, not on {loaded.model_id} as it is loaded.",
            "Units of other weights, or of the same in another precision, are other units; make a group of this model's.",
        )
    return group.units


def _listed(units: Sequence[str]) -> tuple[str, ...]:
    if isinstance(units, str) or not isinstance(units, Sequence) or not all(isinstance(unit, str) for unit in units):
        raise BadRequest("A group lists its units.", 'For example ["mlp_act.7:42"].')
    return tuple(units)


def _read(path: Path) -> Group:
    try:
        plain = json.loads(path.read_text("utf-8"))
        group = Group(**{**plain, "units": tuple(plain["units"])})
    except FileNotFoundError:
        raise NotFound(f"There is no group '{path.stem}'.", "It may have been deleted.") from None
    except (OSError, ValueError, TypeError, KeyError, BadRequest) as error:
        raise Damaged(f"The group '{path.stem}' can't be read.", "Delete it, and make it again.") from error
    return group
