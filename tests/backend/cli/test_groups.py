from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from neuronscope.cli.main import cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["groups", *arguments])


@pytest.fixture
def model(tiny_models: Path) -> str:
    return str(tiny_models / "one")


def test_groups_are_made_listed_shown_and_deleted(model: str) -> None:
    made = run("make", "the cats", "mlp_act.1:3", "mlp_act.0:2,resid_post.1:4", "-m", model)
    assert made.exit_code == 0, made.output
    group_id = made.stdout.strip()
    shown = run("show", group_id)
    assert shown.stdout.split() == ["mlp_act.1:3", "mlp_act.0:2", "resid_post.1:4"]
    assert "the cats, 3 units" in shown.stderr
    (listed,) = json.loads(run("list", "--json").stdout)
    assert listed == json.loads(run("show", group_id, "--json").stdout)
    assert listed["group_id"] == group_id
    assert run("list").stdout.splitlines()[1].split("\t")[:2] == [group_id, "the cats"]
    assert json.loads(run("list", "-m", "nobody", "--json").stdout) == []
    assert run("delete", group_id).exit_code == 0
    assert json.loads(run("list", "--json").stdout) == []


@pytest.mark.parametrize(
    "arguments", [("make", "a", "mlp_act.1:99"), ("make", "a", "mlp_act.1:9,mlp_act.1:9"), ("make", " ", "mlp_act.1:9")]
)
def test_a_mistake_is_one_sentence_and_exit_code_two(model: str, arguments: tuple[str, ...]) -> None:
    found = run(*arguments, "-m", model)
    assert (found.exit_code, found.stderr.startswith("Error: ")) == (2, True)
    assert run("show", "g_" + "0" * 26).exit_code == 2


def test_groups_are_changed(model: str) -> None:
    group_id = run("make", "cats", "mlp_act.1:3", "-m", model).stdout.strip()
    change = ("change", group_id, "--name", "dogs", "--add", "mlp_act.0:2,mlp_act.0:3")
    assert run(*change, "-m", model).stdout == "dogs has 3 units\n"
    changed = run("change", group_id, "--remove", "mlp_act.1:3", "--json")
    assert json.loads(changed.stdout)["units"] == ["mlp_act.0:2", "mlp_act.0:3"]
    for wrong in ((), ("--remove", "mlp_act.1:3"), ("--add", "mlp_act.1:99", "-m", model)):
        found = run("change", group_id, *wrong)
        assert (found.exit_code, found.stderr.startswith("Error: ")) == (2, True)
