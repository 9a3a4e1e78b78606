"""``neuronscope precision``: its tables, its JSON, its CSV and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from neuronscope.cli.main import cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["precision", *arguments])


@pytest.fixture
def model(tiny_models: Path) -> str:
    return str(tiny_models / "one")


def test_json_and_csv_say_the_same(model: str, tmp_path: Path) -> None:
    table = tmp_path / "neurons.csv"
    done = run(model, "Hi there, you", "--to", "bfloat16", "--csv", str(table), "--worst", "3", "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["a"], found["b"], found["tokens"], found["neurons"]) == ("float32", "bfloat16", 13, 48)
    assert len(found["layers"]) == 2
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert len(rows) == 48
    lowest = sorted((float(r["correlation"]), int(r["layer"]), int(r["unit"])) for r in rows if r["correlation"])[:3]
    told = [(row["correlation"], row["layer"], row["unit"]) for row in found["worst"]]
    assert [t[1:] for t in told] == [low[1:] for low in lowest]
    assert [t[0] for t in told] == pytest.approx([low[0] for low in lowest])


def test_prompts_come_from_a_file_too_and_layers_are_listed_worst_first(model: str, tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("one line\n\nand another\n", encoding="utf-8")
    done = run(model, "--file", str(file), "--from", "bfloat16", "--to", "float16")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{model}: 19 tokens; loss ")
    assert lines[1].startswith("Layers, least alike first.")
    head = lines[2].split("\t")
    medians = [float(line.split("\t")[head.index("median_correlation")]) for line in lines[3:5]]
    assert medians == sorted(medians)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "No prompts are given"),
        (("Hi there", "--to", "float32"), "Both precisions are float32"),
        (("Hi there", "--to", "q4"), "Invalid value"),
        (("Hi there", "--to", "int8", "--device", "cpu"), "int8"),
        (("x",), "fewer than two tokens"),
    ],
)
def test_mistakes_of_the_caller(model: str, arguments: tuple[str, ...], words: str) -> None:
    done = run(model, *arguments)
    assert done.exit_code == 2, done.output
    assert words in done.output
