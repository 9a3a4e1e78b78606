from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from neuronscope.cli.main import COMMANDS, cli
from neuronscope.traces.store import Trace

TEXT = "The cat sat.\n\nA dog ran after the cat.\n\nÜber den Wolken ☃."


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One workspace for this module's tests, so that an index is built once."""
    folder = tmp_path_factory.getbasetemp() / "cli-home"
    monkeypatch.setenv("NEURONSCOPE_HOME", str(folder))
    return folder


@pytest.fixture
def model(tiny_models: Path) -> str:
    return str(tiny_models / "one")


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(arguments), input=stdin)


def good(*arguments: str, stdin: str | None = None) -> Any:
    """The JSON that a command prints."""
    result = run(*arguments, "--json", stdin=stdin)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.fixture
def index_id(model: str, corpus: str) -> str:
    return str(good("index", "build", corpus, "-m", model, "-k", "4")["index_id"])


def test_help_is_there_at_once_and_names_every_command() -> None:
    command = [sys.executable, "-m", "neuronscope.cli.main", "--help"]
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - begin)
    assert min(times) <= 2, "S8 asks for 0.5 s and is measured in benchmarks/; here it must only not import torch"
    for name in COMMANDS:
        assert name in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "Usage: cli" in result.output
    assert "Options" in result.output


def test_models_are_listed(model: str) -> None:
    listed = good("models", "list", "--model-dir", str(Path(model).parent))
    assert {"local/one", "local/two", "openai-community/gpt2"} <= {entry["model_id"] for entry in listed}
    plain = run("models").stdout.splitlines()
    assert plain[0].split("\t")[:3] == ["model", "source", "family"]


def test_a_model_is_checked(model: str) -> None:
    card = good("models", "check", model)
    assert (card["layers"], card["d_mlp"], card["family"]) == (2, 24, "llama")
    assert "LlamaForCausalLM" in run("models", "check", model).stdout


def test_capture_writes_a_trace(model: str, tmp_path: Path) -> None:
    out = tmp_path / "a.trace"
    found = good("capture", "Hi there", "-m", model, "--point", "mlp_act", "--layers", "1", "-o", str(out))
    assert found["path"] == str(out)
    assert found["points"] == ["mlp_act.1"]
    with Trace.open(out) as trace:
        assert trace["mlp_act.1"].shape == (len(found["tokens"]), 24)
    assert run("capture", "Hi", "-m", model, "-o", str(out)).exit_code == 1


def test_capture_reads_standard_input_and_keeps_the_trace_in_the_workspace(model: str, home: Path) -> None:
    found = good("capture", "-", "-m", model, stdin="From a pipe")
    assert "".join(token["text"] for token in found["tokens"][1:]) == "From a pipe"
    assert Path(found["path"]).parent == home / "traces"
    plain = run("capture", "Hi", "-m", model)
    assert plain.exit_code == 0
    assert "3 tokens, 4 tensors" in plain.stdout


def test_layers_of_a_prompt_equal_layers_of_its_trace(model: str, home: Path) -> None:
    traces = home / "traces"
    made = good("capture", "Hi there", "-m", model)
    before = sorted(traces.iterdir())
    of_trace = good("layers", "--trace", made["trace_id"])
    assert of_trace == good("layers", "--trace", made["path"]) == good("layers", "Hi there", "-m", model)
    assert sorted(traces.iterdir()) == before
    assert [row["layer"] for row in of_trace["layers"]] == [0, 1]
    with Trace.open(Path(made["path"])) as trace:
        plain = trace["mlp_act.1"][1:]
    assert np.isclose(of_trace["layers"][1]["stats"]["mean"], plain.mean())
    lines = run("layers", "Hi there", "-m", model).stdout.splitlines()
    assert lines[0].split("\t")[:2] == ["layer", "mean"]
    assert len(lines) == 3


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


def test_options_of_an_analysis_come_from_its_declaration(model: str, index_id: str) -> None:
    assert "--perplexity" in run("analyse", "tsne", "--help").output
    assert "kmeans" in run("analyse", "--help").output
    found = good("analyse", "kmeans", "--index", index_id, "--k", "3", "--seed", "1")
    assert len(found["sizes"]) == 3
    assert len(found["clusters"]) == len(found["units"])
    plain = run("analyse", "pca", "--index", index_id, "--layers", "0")
    assert plain.exit_code == 0, plain.output
    assert "mlp_act.0:0\t" in plain.stdout
    assert "mlp_act.1:" not in plain.stdout


def test_the_largest_seed_is_printed_plainly() -> None:
    said = " ".join(run("analyse", "kmeans", "--help").output.split())
    assert "from 0 to 4294967295" in said
    assert "e+09" not in said


def test_a_hint_is_printed_once(tmp_path: Path) -> None:
    result = run("index", "build", str(tmp_path / "gone.txt"), "-m", "neuronscope/tiny")
    assert result.stderr.count("A corpus is a text") == 1


def test_analysis_of_a_trace(model: str) -> None:
    made = good("capture", "Hi there", "-m", model)
    found = good("analyse", "pca", "--trace", made["trace_id"], "--point", "resid_post", "--layers", "1")
    assert found["units"][0] == "resid_post.1:0"


def test_an_index_can_be_deleted(model: str, corpus: str) -> None:
    index_id = good("index", "build", corpus, "-m", model, "-k", "2")["index_id"]
    assert run("index", "delete", index_id).exit_code == 0
    assert run("index", "delete", index_id).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing",), 2, "No such command"),
        (("capture", "", "-m", "MODEL"), 2, "prompt is empty"),
        (("capture", "Hi", "-m", "local/none"), 2, "There is no model"),
        (("capture", "Hi", "-m", "nobody/nothing-here"), 1, "can't be reached"),
        (("capture", "a" * 97, "-m", "MODEL"), 2, "reads at most 96"),
        (("capture", "Hi", "-m", "MODEL", "--layers", "9"), 2, "Layer 9 is out of range"),
        (("capture", "Hi", "-m", "MODEL", "--layers", "x"), 2, "no list of numbers"),
        (("capture", "Hi", "-m", "MODEL", "--point", "router"), 2, "router"),
        (("capture", "Hi", "-m", "EMPTY"), 2, "no config.json"),
        (("layers",), 2, "Give a prompt"),
        (("layers", "--trace", "nonsense"), 2, "not the id of a trace"),
        (("index", "delete", "nonsense"), 2, "not the id of an index"),
        (("layers", "--trace", "gone.trace"), 2, "no trace"),
        (("index", "build", "gone.txt", "-m", "MODEL"), 2, "no file"),
        (("index", "build", "bundled", "-m", "MODEL", "--threads", "2"), 2, "Say how many with --workers"),
        (("index", "build", "bundled", "-m", "MODEL", "--workers", "0"), 2, "--workers"),
        (("query", "neuron", "mlp_act.1:99", "-m", "MODEL"), 2, ""),
        (("query", "neuron", "5", "-m", "MODEL"), 2, ""),
        (("analyse", "kmeans", "--k", "1"), 2, "'k' is 1"),
        (("analyse", "kmeans", "--k", "many"), 2, "not a valid integer"),
        (("analyse", "nothing"), 2, "No such command"),
        (("token",), 1, "No server is running"),
    ],
)
def test_mistakes_are_one_sentence_and_a_code(
    model: str, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"MODEL": model, "EMPTY": str(tmp_path / "empty")}
    result = run(*(places.get(argument, argument) for argument in arguments))
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_the_unexpected_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from neuronscope.models.loading.sources import Sources

    def fail(self: object) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(Sources, "list", fail)
    result = run("models")
    assert result.exit_code == 1
    assert "something went wrong (RuntimeError: odd)" in result.stderr


def test_token_of_a_running_server(home: Path) -> None:
    from neuronscope.api.server import token_file
    from neuronscope.api.settings import Settings

    home.mkdir(exist_ok=True)
    with token_file(home / "server.json", Settings(token="secret", port=5004)):
        assert run("token").stdout == "secret\n"
        assert run("token", "--url").stdout == "http://127.0.0.1:5004/?token=secret\n"
        assert good("token") == {"url": "http://127.0.0.1:5004/?token=secret", "port": 5004, "token": "secret"}


def test_token_of_each_of_several_servers(home: Path) -> None:
    from neuronscope.api.server import token_file
    from neuronscope.api.settings import Settings

    home.mkdir(exist_ok=True)
    newest = home / "server.json"
    with token_file(newest, Settings(token="first", port=5004)):
        with token_file(newest, Settings(token="second", port=5005)):
            assert run("token").stdout == "second\n"
            assert run("token", "--port", "5004").stdout == "first\n"
            unknown = run("token", "--port", "5006")
            assert unknown.exit_code == 1
            assert "5005, 5004" in unknown.stderr
        assert run("token").stdout == "first\n"
    assert run("token").exit_code == 1
