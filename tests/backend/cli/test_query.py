from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from support.commands import good, run

pytestmark = pytest.mark.usefixtures("home")


def test_queries(model: str, index_id: str) -> None:
    found = good("query", "neuron", "mlp_act.1:5", "-m", model, "-k", "3")
    values = [context["activation"] for context in found["contexts"]]
    assert values == sorted(values, reverse=True)
    assert found["stats"]["max"] == values[0]
    token = found["tokens"][0]["token"]
    driven = good("query", "token", token, "--index", index_id, "-k", "1000")
    assert {"layer": 1, "unit": 5} in [{name: n[name] for name in ("layer", "unit")} for n in driven["neurons"]]
    plain = run("query", "neuron", "mlp_act.1:5", "mlp_act.0:2", "--index", index_id)
    assert plain.stdout.startswith("unit\tactivation")
    assert run("query", "token", token, "--index", index_id).stdout.startswith("unit\tmax")


@pytest.mark.parametrize("command", [("query", "neuron", "mlp_act.1:5"), ("query", "token", " "), ("analyse", "pca")])
def test_a_table_says_which_index_answered(index_id: str, command: tuple[str, ...]) -> None:
    entry = next(entry for entry in good("index", "list") if entry["index_id"] == index_id)
    result = run(*command, "--index", index_id)
    assert result.exit_code == 0, result.output
    assert f"over corpus, {entry['tokens']} tokens ({index_id})" in result.stderr
    assert index_id not in result.stdout
    assert run(*command, "--index", index_id, "--json").stderr == ""


def test_a_token_without_an_answer_is_explained(index_id: str) -> None:
    nowhere = run("query", "token", " cow", "--index", index_id)
    assert (nowhere.exit_code, nowhere.stdout) == (0, "")
    assert "' cow' does not occur in this corpus as one to five tokens" in nowhere.stderr
    assert good("query", "token", " cow", "--index", index_id)["neurons"] == []


def test_the_table_of_neurons_is_shown_and_written(index_id: str, tmp_path: Path) -> None:
    found = good("query", "neurons", "--index", index_id, "--sort", "unit", "--ascending", "-k", "3")
    assert (found["found"], [row["unit"] for row in found["neurons"]]) == (48, [0, 0, 1])
    assert run("query", "neurons", "--index", index_id, "-k", "2").stdout.startswith("point\tlayer\tunit\tfiring_rate")
    for name in ("all.csv", "all.parquet"):
        assert run("query", "neurons", "--index", index_id, "--output", str(tmp_path / name)).exit_code == 0
        assert (tmp_path / name).stat().st_size > 500
    assert run("query", "neurons", "--index", index_id, "--output", str(tmp_path / "all.xls")).exit_code == 2
    shown = good("query", "examples", "mlp_act.1:5", "--index", index_id, "--band", "near_zero", "-k", "4")
    assert len(shown["examples"]) == 4
    assert run("query", "examples", "mlp_act.1:5", "--index", index_id).stdout.startswith("unit\tactivation")
    contexts = good("query", "neuron", "mlp_act.1:5", "--index", index_id, "--contains", "CAT")["contexts"]
    assert all("cat" in "".join(context["tokens"]).casefold() for context in contexts)


def test_a_token_on_which_nothing_peaks_is_explained(index_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from neuronscope.corpus.index import Index

    monkeypatch.setattr(Index, "token_neurons", lambda *_: [])
    assert "'a' occurs in the corpus, but no neuron" in run("query", "token", "a", "--index", index_id).stderr


def test_without_an_index_the_hint_says_how_to_build_one(tiny_models: Path) -> None:
    other = str(tiny_models / "two")
    result = run("query", "token", "a", "-m", other)
    assert result.exit_code == 2
    assert f"`neuronscope index build bundled -m {shlex.quote(other)}`" in result.stderr
    assert "POST /api/indexes" in result.stderr
