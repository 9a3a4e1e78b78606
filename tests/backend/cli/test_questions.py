from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from neuronscope.cli.main import cli

TEXT = "The cat sat.\n\nA dog ran after the cat.\n\nÜber den Wolken ☃.\n\n" + "so on and on " * 9


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One workspace for this module's tests, so that an index is built once."""
    folder = tmp_path_factory.getbasetemp() / "cli-questions"
    monkeypatch.setenv("NEURONSCOPE_HOME", str(folder))
    return folder


@pytest.fixture
def model(tiny_models: Path) -> str:
    return str(tiny_models / "one")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def good(*arguments: str) -> Any:
    """The JSON that a command prints."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def index_id(model: str, tmp_path: Path) -> str:
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(good("index", "build", str(path), "-m", model, "-k", "4")["index_id"])


def test_neighbours(model: str, index_id: str) -> None:
    found = good("query", "neighbours", "mlp_act.1:5", "-m", model, "-k", "3")
    assert (found["index_id"], found["units"], len(found["neighbours"])) == (index_id, ["mlp_act.1:5"], 3)
    lines = run("query", "neighbours", "mlp_act.1:5", "mlp_act.0:2", "--index", index_id, "-k", "3").stdout.splitlines()
    assert lines[0] == "unit\tcorrelation\twithout its strongest token"
    assert len(lines) == 4


def test_several_units_together_and_a_group(model: str, index_id: str) -> None:
    group = good("groups", "make", "mine", "mlp_act.1:5", "mlp_act.0:2", "-m", model)["group_id"]
    found = good("query", "together", "mlp_act.0:2", "mlp_act.1:5", "-m", model, "-k", "3")
    assert good("query", "together", "--group", group, "--index", index_id, "-m", model, "-k", "3") == found
    assert [c["score"] for c in found["contexts"]] == sorted((c["score"] for c in found["contexts"]), reverse=True)
    plain = run("query", "together", "--group", group, "-m", model, "-k", "3")
    assert plain.stdout.startswith("score\tdocument")
    assert "windows run; certain up to context" in plain.stderr
    assert good("query", "neuron", "--group", group, "-m", model)["units"] == ["mlp_act.1:5", "mlp_act.0:2"]
    assert run("query", "together", "-m", model).exit_code == 2
    assert run("query", "together", "mlp_act.0:2", "--group", group, "-m", model).exit_code == 2


def test_the_shortest_text(model: str, index_id: str) -> None:
    found = good("query", "shortest", "mlp_act.1:5", "-m", model, "--share", "0.7")
    assert found["after"] >= 0.7 * found["before"] > 0
    lines = run("query", "shortest", "mlp_act.1:5", "-m", model).stdout.splitlines()
    assert lines[0] == "text\tactivation\ttokens"
    assert len(lines) == 3
    own = good(
        "query", "shortest", "mlp_act.1:5", "-m", model, "--text", "".join(found["context"]).lstrip(), "--share", "0.7"
    )
    assert own["after"] >= 0.7 * own["before"] > 0
    cut = run("query", "shortest", "mlp_act.1:5", "-m", model, "--budget", "5", "--share", "0.999")
    assert "The budget ran out" in cut.stderr
    assert run("query", "shortest", "mlp_act.1:5", "-m", model, "--text", "a", "--rank", "1").exit_code == 2
    assert run("query", "shortest", "mlp_act.1:5", "-m", model, "--rank", "99").exit_code == 2
    assert run("query", "shortest", "mlp_act.1:5", "--share", "0").exit_code == 2


def test_one_unit_over_two_corpora(model: str, index_id: str, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("A dog ran.\n\nThe cat slept.", encoding="utf-8")
    other = good("index", "build", str(tmp_path / "other.txt"), "-m", model, "-k", "4")["index_id"]
    found = good("query", "compare", "mlp_act.1:5", index_id, other)
    assert (found["first"]["index_id"], found["second"]["index_id"]) == (index_id, other)
    plain = run("query", "compare", "mlp_act.1:5", index_id, other)
    assert plain.exit_code == 0, plain.output
    assert "token_overlap: " in plain.stdout
    assert "shared_places: -" in plain.stdout
    assert "token\tfirst\tsecond" in plain.stdout
    refused = run("query", "compare", "mlp_act.1:5", index_id, index_id)
    assert refused.exit_code == 2
    assert "compared with itself" in refused.stderr


def test_what_a_unit_writes(model: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    found = good("query", "writes", "mlp_act.1:5", "-m", model, "-k", "3")
    bare = AutoModelForCausalLM.from_pretrained(model)
    logits = bare.lm_head.weight @ (bare.model.norm.weight * bare.model.layers[1].mlp.down_proj.weight[:, 5])
    order = torch.argsort(logits[1:], descending=True) + 1  # token 0 is special
    assert [token["id"] for token in found["top"]] == order[:3].tolist()
    assert [token["id"] for token in found["bottom"]] == order.flip(0)[:3].tolist()
    plain = run("query", "writes", "mlp_act.1:5", "-m", model, "-k", "3")
    assert plain.stdout.splitlines()[0] == "raises\tlogit\tlowers\tlogit"
    assert "in the final norm" in plain.stderr
    refused = run("query", "writes", "head_norm.1:0", "-m", model)
    assert (refused.exit_code, "not added to the residual stream" in refused.stderr) == (2, True)
