from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from neuronscope.cli.main import cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["calibrate", *arguments])


@pytest.fixture
def model(tiny_models: Path) -> str:
    return str(tiny_models / "one")


def test_found_shown_enforced_and_forgotten(model: str) -> None:
    asked = (model, "--text", "The cat sat.", "--point", "mlp_act", "--per-layer", "4", "--bound", "1e-6")
    found = json.loads(run(*asked, "--json").stdout)
    assert (found["tested"], found["units"], found["points"]) == (8, 48, ["mlp_act"])
    assert json.loads(run(model, "--show", "--json").stdout) == found
    unit = found["protected"][0]["unit"]
    shown = run(model, "--show")
    assert shown.stdout.splitlines()[1].split("\t")[0] == unit
    assert "8 of 48 units tested" in shown.stderr
    change = ("generate", "Hi", "-m", model, "--max-new-tokens", "1", "--intervene", f"{unit} scale 0")
    refused = CliRunner().invoke(cli, change)
    assert refused.exit_code == 1
    assert f"{unit} is protected" in refused.stderr
    assert CliRunner().invoke(cli, [*change, "--override-protection"]).exit_code == 0
    assert run(model, "--forget").exit_code == 0
    assert CliRunner().invoke(cli, change).exit_code == 0
    assert run(model, "--show").exit_code == 2


def test_where_nothing_is_critical_it_says_so(model: str) -> None:
    found = run(model, "--text", "The cat sat.", "--all", "--bound", "50")
    assert found.exit_code == 0
    assert "80 of 80 units tested" in found.stderr
    assert "no unit is protected; the largest rise was" in found.stderr


@pytest.mark.parametrize("arguments", [("--text", ""), ("--bound", "-1", "--text", "ab"), ("--show", "--forget")])
def test_a_mistake_is_one_sentence_and_exit_code_two(model: str, arguments: tuple[str, ...]) -> None:
    found = run(model, *arguments)
    assert (found.exit_code, found.stderr.startswith("Error: ")) == (2, True)
