"""Scripted chat servers, and the LLMRI socket over tiny random models with a viewer of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from neuronscope.api.services import Services
from neuronscope.api.settings import Settings
from neuronscope.bridges.mri_socket import MriSocket
from neuronscope.runtime.workspace import Workspace
from support.chat_runs import LIKELY
from support.chat_server import Answer, Scripted, delta, event, line, scripted
from support.mri_viewer import Viewer


@pytest.fixture
def nothing_left_open(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What asyncio says of generators and tasks that were not closed in their order goes to its log."""
    yield
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


@pytest.fixture
def openai() -> Iterator[Scripted]:
    """A server that says "The cat" in OpenAI's dialect."""
    parts = [
        b": a comment\n\n",
        delta(role="assistant"),
        delta("The", logprobs={"content": LIKELY[:1]}),
        delta(" cat", logprobs={"content": LIKELY[1:]}),
        delta(finish="stop"),
        event({"choices": [], "usage": {"completion_tokens": 2}}),
        event(b"[DONE]"),
    ]
    with scripted(Answer(parts)) as server:
        yield server


@pytest.fixture
def ollama() -> Iterator[Scripted]:
    """The same in Ollama's."""
    parts = [line("The", LIKELY[:1]), line(" cat", LIKELY[1:]), line(done="stop")]
    with scripted(Answer(parts)) as server:
        yield server


@pytest.fixture(scope="module")
def services(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Of a server that lists the two tiny models."""
    found = Services(Settings(model_dirs=(tiny_models,)), Workspace(tmp_path_factory.mktemp("space")))
    yield found
    found.close()


@pytest.fixture
def server(services: Services) -> Iterator[MriSocket]:
    """The LLMRI socket of all runs."""
    with MriSocket(0).join(services.live) as found:
        yield found


@pytest.fixture
def viewer(server: MriSocket) -> Iterator[Viewer]:
    """One whose connection stands."""
    with Viewer(server.port) as found:
        found.say(type="ping")
        assert found.read()["type"] == "pong"
        yield found
