"""``neuronscope models estimate``: what a load would take, said before it starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from neuronscope.cli.main import cli
from neuronscope.models.loading import memory


def estimate(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["models", "estimate", *arguments])


def test_every_precision_has_its_numbers(tiny_models: Path) -> None:
    done = estimate(str(tiny_models / "one"), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    sizes = {option["precision"]: option["bytes"] for option in told["options"]}
    assert list(sizes) == ["float32", "float16", "bfloat16", "nf4"]
    assert sizes["float32"] > sizes["bfloat16"]
    assert told["fits"]


def test_what_cannot_fit_is_said_with_the_numbers(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _device: 1000)
    done = estimate(str(tiny_models / "one"))
    assert "in float32 on cpu" in done.output
    assert "fits in no precision" in done.output


def test_a_model_that_is_nowhere() -> None:
    assert estimate("local/none").exit_code == 2
