from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from neuronscope.cli.main import cli
from support.tokenizers import save_tiny


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEURONSCOPE_HOME", str(tmp_path / "home"))
    return save_tiny(tmp_path / "gemma", "gemma2")


def test_the_card_is_printed_with_its_formulas(folder: Path) -> None:
    done = CliRunner().invoke(cli, ["card", str(folder)])
    assert done.exit_code == 0, done.output
    rows = [line.split("\t") for line in done.output.splitlines()]
    assert ["architecture", "Gemma2ForCausalLM"] in rows
    assert any(row[0].endswith("layers 0, 2: one after the other, norms before and after") for row in rows)
    attention = [row for row in rows if row[0] == "Attention"]
    assert [row[1] for row in attention] == ["layers 0, 2", "layer 1"]
    assert r"50\tanh" in attention[0][3]
    assert ["router", "p x", "this block is not a mixture of experts"] in [row[:3] for row in rows]


def test_as_json_with_the_weights(folder: Path) -> None:
    done = CliRunner().invoke(cli, ["card", str(folder), "--weights", "--json"])
    assert done.exit_code == 0, done.output
    card = json.loads(done.stdout.splitlines()[-1])
    assert card["diagram"]["stack"][0]["times"] == 1
    assert len(card["weights"]["layers"]) == 3
    assert card["weights"]["model_key"] == card["model_key"]


def test_what_is_no_model_is_said_to_be_none(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["card", str(tmp_path / "nothing")])
    assert done.exit_code == 2
    assert "Error:" in done.output
