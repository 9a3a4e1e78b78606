from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import neuronscope as ns
from neuronscope.core.errors import BadAddress, BadRequest, Conflict, Damaged, NotFound, PointUnavailable
from neuronscope.runtime.groups import change_group, delete_group, get_group, list_groups, units_for
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


def test_a_group_may_name_the_index_that_it_was_found_over(scope: Scope) -> None:
    index_id = "x_" + "0" * 26
    with pytest.raises(NotFound):
        scope.make_group("a", UNITS, index_id=index_id)
    scope.workspace.index_path(index_id).mkdir(parents=True)
    made = scope.make_group("a", UNITS, index_id=index_id)
    # What is deleted later stays its origin, and a group of an earlier version has none.
    scope.workspace.index_path(index_id).rmdir()
    assert get_group(scope.workspace, made.group_id).index_id == index_id
    assert scope.change_group(made.group_id, name="b").index_id == index_id
    path = scope.workspace.group_path(made.group_id)
    plain = json.loads(path.read_text("utf-8"))
    del plain["index_id"]
    path.write_text(json.dumps(plain), encoding="utf-8")
    assert get_group(scope.workspace, made.group_id).index_id is None


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


def test_a_group_is_renamed_and_changed_in_place(scope: Scope) -> None:
    made = scope.make_group("a", UNITS, made_by="lasso")
    changed = scope.change_group(made.group_id, name=" b ", add=["mlp_act.0:1", UNITS[2]], remove=UNITS[:1])
    assert (changed.name, changed.units) == ("b", (*UNITS[1:], "mlp_act.0:1"))
    for name in ("group_id", "model_id", "model_key", "made_by", "created_at"):
        assert getattr(changed, name) == getattr(made, name)
    assert get_group(scope.workspace, made.group_id) == changed
    assert change_group(scope.workspace, made.group_id, name="c").units == changed.units
    assert change_group(scope.workspace, made.group_id, remove=UNITS[1:]).units == ("mlp_act.0:1",)
    replaced = scope.change_group(made.group_id, add=UNITS[:1], remove=["mlp_act.0:1"])
    assert replaced.units == (UNITS[0],)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({}, BadRequest),
        ({"name": " "}, BadRequest),
        ({"name": 7}, BadRequest),
        ({"remove": UNITS}, BadRequest),
        ({"remove": ["mlp_act.0:1"]}, BadRequest),
        ({"remove": UNITS[0]}, BadRequest),
        ({"add": ["mlp_act.0:1"] * 2}, BadRequest),
        ({"add": [UNITS[0]], "remove": [UNITS[0]]}, BadRequest),
        ({"add": ["mlp_act.1:24"]}, BadAddress),
        ({"add": ["router.1:0"]}, PointUnavailable),
        ({"add": [f"resid_post.0:{n}" for n in range(10_000)]}, BadRequest),
    ],
)
def test_a_change_that_is_none_leaves_the_group_as_it_was(
    scope: Scope, change: dict[str, object], error: type[Exception]
) -> None:
    made = scope.make_group("a", UNITS)
    with pytest.raises(error):
        scope.change_group(made.group_id, **change)  # type: ignore[arg-type]
    assert get_group(scope.workspace, made.group_id) == made


def test_units_are_added_from_the_groups_own_model_only(scope: Scope, tiny_models: Path) -> None:
    made = scope.make_group("a", UNITS)
    other = ns.load(tiny_models / "two", workspace=scope.workspace)
    with pytest.raises(Conflict, match="was made on"):
        other.change_group(made.group_id, add=["mlp_act.0:1"])
    with pytest.raises(BadRequest, match="checked against the group's model"):
        change_group(scope.workspace, made.group_id, add=["mlp_act.0:1"])
    assert other.change_group(made.group_id, name="b").units == made.units
    with pytest.raises(NotFound):
        scope.change_group("g_" + "0" * 26, name="b")


def test_changes_at_one_time_are_all_kept(scope: Scope) -> None:
    made = scope.make_group("a", UNITS[:1])
    units = [f"mlp_act.0:{n}" for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda unit: scope.change_group(made.group_id, add=[unit]), units))
    assert set(get_group(scope.workspace, made.group_id).units) == {UNITS[0], *units}
