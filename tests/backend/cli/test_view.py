from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import neuronscope as ns
from neuronscope.cli.main import cli
from neuronscope.runtime.run import Generated


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["view", *arguments])


@pytest.fixture
def scope(tiny_models: Path) -> ns.Scope:
    return ns.load(tiny_models / "one")


@pytest.fixture
def trace(scope: ns.Scope) -> Generated:
    changes = [{"units": ["mlp_act.1:3"], "op": "scale", "value": 9}]
    return scope.generate("Hi", max_new_tokens=5, interventions=changes)


def test_tokens_come_with_their_probabilities(trace: Generated) -> None:
    lines = run(trace.start.trace_id).stdout.splitlines()
    assert lines[0] == f"{trace.start.model_id}, 3 tokens before the first step"
    assert lines[1] == "Hi"
    steps = [line for line in lines[2:-1] if line[:5].strip()]
    for number, (line, logprob) in enumerate(zip(steps, trace.logprobs, strict=True)):
        assert line.split()[:2] == [str(number), f"{math.exp(logprob):.1%}"]
    told = [line.strip() for line in lines if "changed by" in line]
    assert told == [f"i1: changed by {r.interventions[0]['delta_l2']:.4g}" for r in trace.receipts]
    assert lines[-1] == "ended by length"


def test_from_a_step_at_a_speed_and_as_events(trace: Generated) -> None:
    begun = time.monotonic()
    lines = run(trace.start.trace_id, "--from", "2", "--speed", "10", "--json").stdout.splitlines()
    assert time.monotonic() - begun >= 0.2
    events = [json.loads(line) for line in lines]
    assert [event["type"] for event in events] == ["start", *["step", "receipt"] * 3, "done"]
    assert [event["step"] for event in events if event["type"] == "step"] == [2, 3, 4]
    assert all("payload" not in entry for entry in events[1]["entries"])


def test_a_capture_tells_what_was_likely_next(scope: ns.Scope) -> None:
    kept = scope.capture("Hi")
    lines = run(str(kept.path)).stdout.splitlines()
    assert lines[2].strip().startswith("0  read 3 tokens; likely next: ")
    likely = math.exp(kept.step(0).top[0]["logprob"])
    assert f"{likely:.0%}" in lines[2]


@pytest.mark.parametrize("arguments", [("--from", "9"), ("--speed", "0"), ("--speed", "-3")])
def test_a_mistake_is_one_sentence_and_exit_code_two(trace: Generated, arguments: tuple[str, ...]) -> None:
    found = run(trace.start.trace_id, *arguments)
    assert (found.exit_code, found.stderr.startswith("Error: ")) == (2, True), found.output
    assert run("t_" + "0" * 26).exit_code == 2
