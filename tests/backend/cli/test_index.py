from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import good, run

pytestmark = pytest.mark.usefixtures("home")


def test_an_index_is_built_once_and_listed(model: str, corpus: str, index_id: str) -> None:
    result = run("index", "build", corpus, "-m", model, "-k", "4")
    assert result.exit_code == 0, result.output
    assert index_id in result.stdout
    entry = next(entry for entry in good("index", "list") if entry["index_id"] == index_id)
    assert (entry["documents"], entry["k"], entry["layers"]) == (3, 4, [0, 1])
    assert index_id in run("index", "list").stdout


def test_the_field_of_a_corpus_can_be_named(model: str, tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"body": "A cat."}\n', encoding="utf-8")
    refused = run("index", "build", str(path), "-m", model)
    assert refused.exit_code == 2
    assert "on the command line" in refused.stderr
    assert good("index", "build", str(path), "-m", model, "--field", "body")["documents"] == 1


def test_progress_is_plain_lines_where_there_is_no_terminal(model: str, corpus: str) -> None:
    result = run("index", "build", corpus, "-m", model, "-k", "3")
    assert "Indexing: 3 of 3 documents" in result.stderr
    assert "\x1b" not in result.output


def test_other_points_are_indexed_and_asked_about(model: str, corpus: str) -> None:
    made = good("index", "build", corpus, "-m", model, "-k", "2", "--point", "resid_post", "--point", "head_norm.1")
    assert made["points"] == ["head_norm", "resid_post"]
    assert "head_norm, resid_post" in run("index", "list").stdout
    found = good("query", "neuron", "resid_post.0:3", "-m", model)
    assert found["index_id"] == made["index_id"]
    assert run("query", "neuron", "head_norm.1:1", "-m", model).stdout.splitlines()[1].startswith("head_norm.1:1\t")
    driven = good("query", "token", "t", "--index", made["index_id"], "--point", "resid_post", "-k", "1000")["neurons"]
    assert {neuron["point"] for neuron in driven} <= {"resid_post"}
    rows = good("query", "neurons", "-m", model, "--point", "head_norm")["neurons"]
    assert [(row["point"], row["layer"]) for row in rows] == [("head_norm", 1)] * 2
    refused = run("index", "build", corpus, "-m", model, "--point", "q")
    assert refused.exit_code == 2
    assert "head_norm" in refused.stderr
    assert run("index", "delete", made["index_id"]).exit_code == 0


def test_what_cut_off_builds_left_is_removed(index_id: str, home: Path) -> None:
    (home / "indexes" / ".x_left.unfinished").mkdir()
    assert run("index", "clean").stdout == "1 removed\nx_left\n"
    assert run("index", "clean").stdout == "0 removed\n"
    assert index_id in run("index", "list").stdout


def test_an_index_can_be_deleted(model: str, corpus: str) -> None:
    index_id = good("index", "build", corpus, "-m", model, "-k", "2")["index_id"]
    assert run("index", "delete", index_id).exit_code == 0
    assert run("index", "delete", index_id).exit_code == 2
