"""Groups: saved sets of units, over any layers, of one model; a small file each in the workspace."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest, Conflict, Damaged, NeuronScopeError, NotFound
from neuronscope.core.group import Group, MadeBy
from neuronscope.core.ids import new_id
from neuronscope.runtime.locks import locked
from neuronscope.runtime.workspace import Workspace, write_private

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

log = logging.getLogger("neuronscope.groups")


def make_group(
    workspace: Workspace,
    loaded: LoadedModel,
    name: str,
    units: Sequence[str],
    made_by: MadeBy = "hand",
    index_id: str | None = None,
) -> Group:
    """Keep units under a name, once each is known to be one of the model's. Several groups may have one name.

    ``index_id`` is the index over which they were found, kept beside them.

    Raises :class:`BadRequest` for a name or a list that is none, :class:`BadAddress` and :class:`PointUnavailable` for a
    unit that the model lacks, :class:`NotFound` for an index that is not there, :class:`StorageFull`.
    """
    group = Group(
        group_id=new_id("g"),
        name=name.strip() if isinstance(name, str) else name,
        model_id=loaded.model_id,
        model_key=loaded.key,
        units=_listed(units),
        made_by=made_by,
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        index_id=index_id,
    )
    if index_id is not None and not workspace.index_path(index_id).is_dir():
        raise NotFound(f"There is no index '{index_id}'.", "Leave it out for a group of no index.")
    _check(loaded, group.units)
    _write(workspace, group)
    return group


def change_group(
    workspace: Workspace,
    group_id: str,
    *,
    name: str | None = None,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    loaded: LoadedModel | None = None,
) -> Group:
    """Rename a group, take units in at its end, leave units out. Its id, its model and how it was made stay.

    ``loaded`` is the model that units to add are checked against; without any it isn't asked for. A unit to add that is
    in the group already stays where it is.

    Raises :class:`NotFound`; :class:`BadRequest` for a change that is none or leaves no group, and for a unit to remove
    that is not in it; :class:`Conflict` where the model is not as it was; for units to add as :func:`make_group`.
    """
    added, removed = _listed(add), _listed(remove)
    if name is None and not added and not removed:
        raise BadRequest("Nothing of the group is to change.", "Give a name, units to add, or units to remove.")
    leaving = set(removed)
    both = next((unit for unit in added if unit in leaving), None)
    if both is not None:
        raise BadRequest(f"{both} is to be added and removed.", "Name it in one of the two.")
    # Two who change a group at a time must not lose what either did, nor bring back what one deleted.
    with locked(_lock(workspace)):
        group = get_group(workspace, group_id)
        present = set(group.units)
        absent = next((unit for unit in removed if unit not in present), None)
        if absent is not None:
            raise BadRequest(
                f"Group '{group.name}' has no unit {str(absent)[:60]} to remove.", "Name units as the group lists them."
            )
        left = tuple(unit for unit in group.units if unit not in leaving)
        if not left and not added:
            raise BadRequest(f"Group '{group.name}' would have no units left.", "Delete the group instead.")
        changed = replace(
            group,
            name=group.name if name is None else name.strip() if isinstance(name, str) else name,
            units=(*left, *(unit for unit in added if unit not in present)),
        )
        if added:
            if loaded is None:
                raise BadRequest("Units to add are checked against the group's model.", "Load it, and name it.")
            _check_same(group, loaded)
            _check(loaded, added)
        _write(workspace, changed)
    return changed


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
    path = workspace.group_path(group_id)
    with locked(_lock(workspace)):
        try:
            path.unlink()
        except FileNotFoundError:
            raise NotFound(f"There is no group '{group_id}'.", "It may have been deleted.") from None


def units_for(workspace: Workspace, loaded: LoadedModel, group_id: str) -> tuple[str, ...]:
    """A group's units, for use on a model; :class:`Conflict` where it was made on other weights or in another precision."""
    group = get_group(workspace, group_id)
    _check_same(group, loaded)
    return group.units


def _check_same(group: Group, loaded: LoadedModel) -> None:
    if group.model_key != loaded.key:
        other = "another state of it" if group.model_id == loaded.model_id else group.model_id
        raise Conflict(
            f"Group '{group.name}' was made on {other}, not on {loaded.model_id} as it is loaded.",
            "Units of other weights, or of the same in another precision, are other units; make a group of this model's.",
        )


def _check(loaded: LoadedModel, units: Sequence[str]) -> None:
    for unit in units:
        loaded.anatomy.check_unit(Unit.parse(unit))


def _write(workspace: Workspace, group: Group) -> None:
    write_private(workspace.group_path(group.group_id), json.dumps(asdict(group), ensure_ascii=False))


def _lock(workspace: Workspace) -> Path:
    return workspace.root / "groups.lock"


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
