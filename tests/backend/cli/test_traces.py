from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import neuronscope as ns
from neuronscope.cli.main import cli
from neuronscope.cli.traces import read_size
from neuronscope.core.errors import BadRequest


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture
def scope(tiny_models: Path) -> ns.Scope:
    return ns.load(tiny_models / "one")


def test_traces_are_listed_pinned_limited_and_deleted(
    scope: ns.Scope, tiny_models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [scope.capture(f"Text {n}").trace_id for n in range(3)]
    found = json.loads(run("traces", "list", "--json").stdout)
    assert [one["trace_id"] for one in found["traces"]] == ids[::-1]
    assert found["total_bytes"] == sum(one["bytes"] for one in found["traces"])
    assert run("traces", "pin", ids[0]).exit_code == 0
    rows = [line.split("\t") for line in run("traces", "list").stdout.splitlines()]
    assert [(row[0], row[5], row[6]) for row in rows[1:]] == [
        (ids[2], "", "Text 2"), (ids[1], "", "Text 1"), (ids[0], "pinned", "Text 0"),
    ]  # fmt: skip
    assert "no limit" in run("traces", "limit").stdout
    told = run("traces", "limit", "1kB")
    assert told.stdout.splitlines()[-1] == ids[1]
    assert json.loads(run("traces", "limit", "--json").stdout) == {
        "limit_bytes": 1000, "total_bytes": found["total_bytes"], "would_go": [ids[1]],
    }  # fmt: skip
    for command in (("generate", "--max-new-tokens", "1"), ("capture",)):
        assert run(*command, "Hi", "-m", str(tiny_models / "one")).exit_code == 0
    # Without a log of one's own, warnings go to standard error.
    assert all(f"{gone} (" in caplog.text for gone in ids[1:])
    assert caplog.text.count("was removed to hold the limit of the traces") == 3
    assert run("traces", "unpin", ids[0]).exit_code == 0
    assert run("traces", "limit", "off").exit_code == 0
    assert run("traces", "delete", ids[0]).exit_code == 0
    assert len(json.loads(run("traces", "list", "--json").stdout)["traces"]) == 1


def test_a_trace_is_shown(scope: ns.Scope) -> None:
    trace = scope.capture("Hi\tthere")
    found = json.loads(run("traces", "show", trace.trace_id, "--json").stdout)
    assert (found["points"], found["end"]["reason"]) == (list(trace.points), "length")
    shown = dict(line.split("\t", 1) for line in run("traces", "show", str(trace.path)).stdout.splitlines())
    assert (shown["text"], shown["points"], shown["pinned"]) == ("Hi\\tthere", "mlp_act, resid_post", "False")


def test_traces_go_out_and_come_in(scope: ns.Scope, tmp_path: Path) -> None:
    trace = scope.capture("Hi")
    for name in ("a.trace", "a.npz", "a.json"):
        assert run("traces", "export", trace.trace_id, str(tmp_path / name)).exit_code == 0
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["trace_id"] == trace.trace_id
    assert run("traces", "export", trace.trace_id, str(tmp_path / "a.trace")).exit_code == 1
    assert run("traces", "export", trace.trace_id, str(tmp_path / "a.txt")).exit_code == 2
    assert run("traces", "import", str(tmp_path / "a.trace")).exit_code == 1, "it is here already"
    run("traces", "delete", trace.trace_id)
    assert run("traces", "import", str(tmp_path / "a.trace")).stdout.strip() == trace.trace_id
    broken = run("traces", "import", str(tmp_path / "a.json"))
    assert broken.exit_code == 1
    assert "a.json" in broken.stderr


@pytest.mark.parametrize(
    ("text", "count"),
    [("2GB", 2 * 10**9), ("1.5 GiB", 3 << 29), ("800", 800), ("7k", 7000), ("3 MB", 3 * 10**6), ("1TB", 10**12)],
)
def test_sizes_are_read(text: str, count: int) -> None:
    assert read_size(text) == count


@pytest.mark.parametrize("text", ["", "GB", "-1", "2XB", "1e9", "2iB", "many"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="is no size"):
        read_size(text)


@pytest.mark.parametrize(
    "arguments", [("limit", "0"), ("limit", "much"), ("pin", "t_" + "0" * 26), ("delete", "x"), ("show", "nowhere")]
)
def test_a_mistake_is_one_sentence_and_exit_code_two(arguments: tuple[str, ...]) -> None:
    found = run("traces", *arguments)
    assert (found.exit_code, found.stderr.startswith("Error: ")) == (2, True), found.output


@pytest.mark.parametrize("kind", ["json", "npz"])
def test_an_export_for_other_programs_is_refused_with_what_can_be_taken_in(
    scope: ns.Scope, tmp_path: Path, kind: str
) -> None:
    trace_id = scope.capture("Hi").trace_id
    exported = tmp_path / f"x.{kind}"
    assert run("traces", "export", trace_id, str(exported)).exit_code == 0
    refused = run("traces", "import", str(exported))
    assert refused.exit_code == 1
    assert f"{exported}:" in refused.stderr
    assert "That is no trace file." in refused.stderr
    assert "--format trace" in refused.stderr
