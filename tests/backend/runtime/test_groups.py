from __future__ import annotations

import json
from pathlib import Path

import pytest

import neuronscope as ns
from neuronscope.core.errors import BadAddress, BadRequest, Conflict, Damaged, NotFound, PointUnavailable
from neuronscope.runtime.groups import delete_group, get_group, list_groups, units_for
from neuronscope.runtime.scope import Scope
from neuronscope.runtime.workspace import Workspace

UNITS = ["mlp_act.1:3", "resid_post.0:15", "mlp_act.0:23"]


@pytest.fixture
def scope(tiny_models: Path, tmp_path: Path) -> Scope:
    return ns.load(tiny_models / "one", workspace=Workspace(tmp_path / "space"))


def test_a_group_is_kept_as_it_was_made(scope: Scope) -> None:
    made = scope.make_group(" The cats ", UNITS, made_by="lasso")
    assert (made.name, made.units, made.made_by) == ("The cats", tuple(UNITS), "lasso")
    assert (made.model_id, made.model_key) == (scope.model_id, scope.loaded.key)
    path = scope.workspace.group_path(made.group_id)
    assert json.loads(path.read_text("utf-8"))["units"] == UNITS
    assert path.stat().st_mode & 0o077 == 0
    assert get_group(Workspace(scope.workspace.root), made.group_id) == made


def test_groups_are_listed_newest_first_and_by_model(scope: Scope, tiny_models: Path) -> None:
    other = ns.load(tiny_models / "two", workspace=scope.workspace)
    first, second = scope.make_group("a", UNITS[:1]), scope.make_group("a", UNITS[1:])
    third = other.make_group("b", UNITS)
    assert list(list_groups(scope.workspace)) == [third, second, first]
    assert list(list_groups(scope.workspace, scope.model_id)) == scope.groups() == [second, first]
    scope.workspace.group_path("g_" + "0" * 26).write_text('{"units": []}', encoding="utf-8")
    assert other.groups() == [third]
    with pytest.raises(Damaged):
        get_group(scope.workspace, "g_" + "0" * 26)


def test_a_deleted_group_is_gone(scope: Scope) -> None:
    made = scope.make_group("a", UNITS)
    delete_group(scope.workspace, made.group_id)
    assert scope.groups() == []
    for gone in (
        lambda: delete_group(scope.workspace, made.group_id),
        lambda: get_group(scope.workspace, made.group_id),
    ):
        with pytest.raises(NotFound):
            gone()
    with pytest.raises(NotFound):
        delete_group(scope.workspace, "../../etc/passwd")


@pytest.mark.parametrize(
    ("name", "units", "error"),
    [
        ("", UNITS, BadRequest),
        ("   ", UNITS, BadRequest),
        ("x" * 201, UNITS, BadRequest),
        (7, UNITS, BadRequest),
        ("a", [], BadRequest),
        ("a", "mlp_act.1:3", BadRequest),
        ("a", [3], BadRequest),
        ("a", ["mlp_act.1:3", "mlp_act.1:3"], BadRequest),
        ("a", ["mlp_act.1"], BadAddress),
        ("a", ["mlp_act.1:24"], BadAddress),
        ("a", ["mlp_act.2:0"], BadAddress),
        ("a", ["q.1:0"], BadAddress),
        ("a", ["router.1:0"], PointUnavailable),
        ("a", [f"resid_post.0:{n}" for n in range(10_001)], BadRequest),
    ],
)
def test_what_is_no_group_of_the_model_is_refused_and_nothing_is_kept(
    scope: Scope, name: object, units: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        scope.make_group(name, units)  # type: ignore[arg-type]
    assert list(scope.workspace.groups.iterdir()) == []


def test_a_group_belongs_to_its_weights(scope: Scope, tiny_models: Path) -> None:
    made = scope.make_group("a", UNITS)
    change = [{"group_id": made.group_id, "op": "ablate_zero"}]
    assert scope.generate("Hi", max_new_tokens=2, interventions=change).receipts[0].interventions[0]["units"] == 3
    other = ns.load(tiny_models / "two", workspace=scope.workspace)
    with pytest.raises(Conflict, match="was made on"):
        other.generate("Hi", max_new_tokens=2, interventions=change)
    half = ns.load(tiny_models / "one", dtype="bfloat16", workspace=scope.workspace)
    with pytest.raises(Conflict, match="another state of it"):
        units_for(scope.workspace, half.loaded, made.group_id)
    delete_group(scope.workspace, made.group_id)
    with pytest.raises(NotFound):
        scope.generate("Hi", max_new_tokens=2, interventions=change)
