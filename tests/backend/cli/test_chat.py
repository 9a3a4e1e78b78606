from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from neuronscope.cli.main import cli
from neuronscope.traces.store import Trace
from support.chat_server import Answer, delta, listed, scripted

TOKENS = [
    delta("The", logprobs={"content": [listed("The", -0.5, ("The", -0.5), ("A", -1.0))]}),
    delta(" cat", logprobs={"content": [listed(" cat", -0.25)]}),
]
GOOD = Answer([*TOKENS, delta(finish="stop")])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["chat", *arguments])


def traces(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "home" / "traces").glob("*"))


def test_the_answer_goes_to_standard_output_and_its_tokens_into_a_trace(tmp_path: Path) -> None:
    with scripted(GOOD) as server:
        server.pages["/models"] = {"data": [{"id": "only"}]}
        found = run("Hi", "--server", server.url, "--system", "Be short.")
        assert server.asked[0]["messages"][0] == {"role": "system", "content": "Be short."}
    assert found.exit_code == 0, found.output
    assert found.stdout == "The cat\n"
    assert "2 tokens, ended by eos" in found.stderr
    (path,) = traces(tmp_path)
    assert str(path) in found.stderr
    with Trace.open(path) as trace:
        assert (trace.model_id, trace.closed, trace.step_count) == ("openai/only", True, 2)
        assert [trace.step(n).token for n in range(2)] == ["The", " cat"]
        assert trace.step(0).logprob == -0.5
        assert trace.step(0).top[1] == {"id": None, "text": "A", "logprob": -1.0}
        assert trace.end == {"type": "done", "reason": "eos", "unfired": []}
        assert "no activations" in trace.unavailable["mlp_act"]


def test_as_json_with_the_trace_where_it_is_wanted(tmp_path: Path) -> None:
    out = tmp_path / "a.trace"
    with scripted(GOOD) as server:
        found = json.loads(run("Hi", "--server", server.url, "-m", "m", "--json", "-o", str(out)).stdout)
        assert (found["text"], found["reason"], found["path"]) == ("The cat", "eos", str(out))
        assert found["tokens"][0]["logprob"] == -0.5
        assert run("Hi", "--server", server.url, "-m", "m", "-o", str(out)).exit_code == 1
        assert json.loads(run("Hi", "--server", server.url, "-m", "m", "--json", "--no-trace").stdout)["path"] is None
    assert Trace.open(out).step_count == 2
    assert traces(tmp_path) == []


def test_which_model_is_asked_where_there_are_several() -> None:
    with scripted(GOOD) as server:
        server.pages["/models"] = {"data": [{"id": "one"}, {"id": "two"}]}
        found = run("Hi", "--server", server.url)
    assert found.exit_code == 2
    assert "has 2 models" in found.stderr
    assert "one, two" in found.stderr


def test_what_came_before_a_failure_is_kept(tmp_path: Path) -> None:
    with scripted(Answer(TOKENS, breaks_off=True)) as server:
        found = run("Hi", "--server", server.url, "-m", "m")
    assert found.exit_code == 1
    assert "broke off" in found.stderr
    (path,) = traces(tmp_path)
    with Trace.open(path) as trace:
        assert (trace.step_count, trace.end["code"]) == (2, "chat_server_failed")


def test_a_failure_before_any_token_leaves_nothing(tmp_path: Path) -> None:
    with scripted(Answer([b'{"error": "model not found"}'], status=404)) as server:
        found = run("Hi", "--server", server.url, "-m", "m")
    assert found.exit_code == 1
    assert "model not found" in found.stderr
    assert traces(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--server", "nobody"),
        ("--server", "a=ftp://x"),
        ("--temperature", "-1"),
        ("--top-k", "5"),
        ("--no-trace", "-o", "x.trace"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(arguments: tuple[str, ...]) -> None:
    with scripted(GOOD) as server:
        given = arguments if "--server" in arguments else ("--server", server.url, *arguments)
        found = run("Hi", "-m", "m", *given)
    assert found.exit_code == 2, found.output
    assert found.stderr.startswith("Error: ")
