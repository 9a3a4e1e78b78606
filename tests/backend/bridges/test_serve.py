"""Both bridges in the program as a user starts it, with a chat server beside it."""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.chat_server import Answer, Scripted, delta, listed, scripted
from support.live import live_client, recorded, without_id
from support.mri_viewer import Viewer, values
from support.process import Program, program

MODEL = "lab/small:latest"
TOKENS = [
    delta("The", logprobs={"content": [listed("The", -0.5, ("The", -0.5), ("A", -1.0))]}),
    delta(" cat", logprobs={"content": [listed(" cat", -0.25)]}),
]
GOOD = Answer([*TOKENS, delta(finish="stop")])


@dataclass
class Setup:
    program: Program
    chat: Scripted
    mri_port: int


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    """One program for all tests of this file: starting it takes seconds."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with scripted(GOOD) as chat:
        chat.pages["/v1/models"] = {"data": [{"id": "small:latest"}]}
        options = ["--chat-server", f"lab={chat.url}/v1", "--chat-server", "away=http://127.0.0.1:1/v1"]
        with program(tmp_path_factory.mktemp("home"), [*options, "--mri-server", str(port)]) as running:
            yield Setup(running, chat, port)


@pytest.fixture
def server(setup: Setup) -> Program:
    setup.chat.answers[:] = [GOOD]
    return setup.program


def ask(server: Program, model: str = MODEL, **fields: Any) -> list[dict[str, Any]]:
    with live_client(server.client) as client:
        client.send("generate", **{"model_id": model, "prompt": "Hi", "max_new_tokens": 9, **fields})
        events = [client.receive()]
        while events[-1]["type"] not in ("done", "error"):
            events.append(client.receive())
    return events


def test_its_models_are_listed_as_what_they_are(server: Program) -> None:
    listed = {one["model_id"]: one for one in server.get("/api/models")["models"]}
    entry = listed[MODEL]
    assert (entry["source"], entry["category"], entry["loaded"], entry["loadable"]) == (
        "chat",
        "chat-only",
        True,
        False,
    )
    assert "no activations" in entry["note"]
    assert not [name for name in listed if name.startswith("away/")]


def test_a_run_on_it_is_a_run_like_any_other(server: Program) -> None:
    events = ask(server, temperature=0.5)
    assert [event["type"] for event in events] == ["queued", "start", "step", "step", "done"]
    start, first, second = events[1:4]
    assert (start["model_id"], start["points"]) == (MODEL, [])
    assert start["unavailable"]["mlp_act"] == "a chat-only server gives tokens, no activations"
    assert [first["token"], second["token"]] == ["The", " cat"]
    assert (first["logprob"], first["entries"], first["top"][1]["text"]) == (-0.5, [], "A")
    trace_id = start["trace_id"]
    assert without_id(events) == recorded(server.client, trace_id)
    assert server.get("/api/generations")["generations"][0]["reason"] == "eos"
    with live_client(server.client) as client:
        client.send("watch", trace_id=trace_id, from_step=1)
        assert without_id(client.to_end()) == [events[1], *without_id(events[3:])]


def test_its_trace_can_be_read_and_taken_away(server: Program) -> None:
    trace_id = ask(server)[1]["trace_id"]
    found = server.get(f"/api/traces/{trace_id}")
    assert (found["model_id"], found["steps"], found["text"], found["closed"]) == (MODEL, 2, "Hi", True)
    assert found["top"][1] == {"id": None, "text": "A", "logprob": -1.0}
    assert trace_id in [one["trace_id"] for one in server.get("/api/traces")["traces"]]
    asked = server.client.get(f"/api/traces/{trace_id}/export", params={"format": "npz"})
    with np.load(io.BytesIO(asked.content)) as arrays:
        assert arrays["generated"].tolist() == ["The", " cat"]
        assert arrays["logprobs"].tolist() == [-0.5, -0.25]
    told = server.client.get(f"/api/traces/{trace_id}/export", params={"format": "json"}).json()
    assert [step["token"] for step in told["steps"]] == ["The", " cat"]
    refused = server.client.get(f"/api/traces/{trace_id}/heatmap", params={"address": "mlp_act.0"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_captured")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/models/load", {"model_id": MODEL}),
        ("/api/captures", {"model_id": MODEL, "prompt": "Hi"}),
        ("/api/indexes", {"model_id": MODEL, "corpus": "bundled"}),
    ],
)
def test_what_needs_its_inside_is_refused_with_the_reason(server: Program, path: str, body: dict[str, Any]) -> None:
    refused = server.client.post(path, json=body)
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "unsupported_model"
    assert "no activations" in refused.json()["error"]["message"]


def test_an_address_can_not_be_given_over_rest(setup: Setup, server: Program) -> None:
    before = len(setup.chat.asked)
    for model in (f"{setup.chat.url}/v1/small", f"openai={setup.chat.url}/v1", "ollama/small"):
        answer = server.client.post("/api/generations", json={"model_id": model, "prompt": "Hi"})
        assert answer.status_code in (404, 409), answer.text
    assert len(setup.chat.asked) == before


def test_changes_to_it_are_refused_with_the_reason(server: Program) -> None:
    change = {"units": ["mlp_act.0:1"], "op": "scale", "value": 0}
    end = ask(server, interventions=[change])[-1]
    assert (end["type"], end["code"]) == ("error", "unsupported_model")
    assert re.search("no activations, so nothing can be changed", end["message"])


def test_what_goes_wrong_is_an_error_event_and_what_came_before_it_is_kept(setup: Setup, server: Program) -> None:
    setup.chat.answers[:] = [Answer(TOKENS, breaks_off=True)]
    events = ask(server)
    assert [event["type"] for event in events] == ["queued", "start", "step", "step", "error"]
    assert (events[-1]["code"], "broke off" in events[-1]["message"]) == ("chat_server_failed", True)
    assert without_id(events) == recorded(server.client, events[1]["trace_id"])
    away = ask(server, "away/model")
    assert "No chat server answers" in away[-1]["message"]


def test_a_run_on_it_can_be_stopped_while_it_says_nothing(setup: Setup, server: Program) -> None:
    leave = threading.Event()
    setup.chat.answers[:] = [Answer([*TOKENS, lambda: b"" * leave.wait(20), delta(finish="stop")])]
    try:
        with live_client(server.client) as client:
            trace_id = client.generate(model_id=MODEL)
            client.until(lambda event: event.get("step") == 1)
            client.send("stop", trace_id=trace_id)
            assert client.to_end()[-1]["reason"] == "stopped"
    finally:
        leave.set()


def test_a_viewer_sees_the_runs_of_the_program(setup: Setup, server: Program) -> None:
    with Viewer(setup.mri_port) as viewer:
        viewer.say(type="ping")
        viewer.until("pong")
        asked = server.client.post("/api/generations", json={"prompt": "The cat", "max_new_tokens": 2})
        trace_id = asked.raise_for_status().json()["trace_id"]
        assert viewer.until("turn_start")[0]["turn"] == 1
        scan = viewer.read()
        assert (scan["layer"], scan["token"]) == (0, 0)
        assert values(scan).shape == tuple(scan["shape"])
        with live_client(server.client) as client:
            client.send("watch", trace_id=trace_id)
            assert client.to_end()[-1]["type"] == "done"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--chat-server", "nobody"], 2, "names no chat server"),
        (["--chat-server", "ollama", "--chat-server", "ollama"], 2, "Two chat servers"),
        (["--mri-server", "taken"], 1, "is taken"),
    ],
)
def test_a_server_that_can_not_have_them_does_not_start(
    setup: Setup, tmp_path: Path, options: list[str], code: int, said: str
) -> None:
    given = [str(setup.mri_port) if option == "taken" else option for option in options]
    command = [sys.executable, "-m", "neuronscope.cli.main", "serve", "--no-browser", *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
