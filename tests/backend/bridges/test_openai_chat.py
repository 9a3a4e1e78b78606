"""Against a real server of OpenAI's API: ``transformers serve`` on the bundled model, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from neuronscope.bridges.chat_servers import ChatServer, read_server
from neuronscope.bridges.openai_chat import ChatGeneration
from neuronscope.core.errors import ChatServerFailed
from neuronscope.core.events import Done, Event, Failed, Start, Step
from neuronscope.core.generation import GenerateRequest
from neuronscope.models import bundled
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import folder_source
from neuronscope.traces.recorder import Recorder
from neuronscope.traces.store import Trace

MODEL = str(bundled.folder())
SECONDS = 60.0


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its address, and the process; torch takes most of the time that it needs to start."""
    port, log = _free_port(), tmp_path_factory.mktemp("serve") / "log"
    home = tmp_path_factory.mktemp("hub")
    (home / "hub").mkdir()
    program = "from transformers.cli.transformers import main; main()"
    command = [
        sys.executable,
        "-c",
        program,
        "serve",
        MODEL,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--device",
        "cpu",
    ]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home)}
    with log.open("wb") as out:
        running = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + SECONDS
    try:
        while True:
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            try:
                httpx.get(f"{url}/health", trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield f"{url}/v1", running
    finally:
        running.kill()
        running.wait()


@pytest.fixture
def server(process: tuple[str, subprocess.Popen[bytes]]) -> ChatServer:
    return read_server(process[0])


def run(server: ChatServer, model: str = MODEL, **options: object) -> list[Event]:
    request = GenerateRequest(**{"prompt": "What is 2 + 3?", "max_new_tokens": 12, **options})  # type: ignore[arg-type]
    return list(ChatGeneration(server, model, request).events())


def text(events: list[Event]) -> str:
    return "".join(event.token or "" for event in events if isinstance(event, Step))


def test_the_answer_is_what_the_model_says_and_its_trace_says_it_again(server: ChatServer, tmp_path: Path) -> None:
    generation = ChatGeneration(server, MODEL, GenerateRequest(prompt="What is 2 + 3?", max_new_tokens=12))
    recorder = Recorder(tmp_path / f"{generation.trace_id}.trace", generation.start, generation.prompt.text)
    events = []
    for event in generation.events():
        recorder.put(event)
        events.append(event)
    recorder.close()
    loaded = load(folder_source(Path(MODEL)))
    chat = loaded.tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is 2 + 3?"}], add_generation_prompt=True, tokenize=False
    )
    assert isinstance(chat, str)
    prompt = loaded.tokenizer(chat, add_special_tokens=False)["input_ids"]
    ids = _greedy(loaded, prompt, 12)
    assert text(events) == loaded.tokenizer.decode(ids, skip_special_tokens=True)
    assert isinstance(events[0], Start)
    assert events[-1] == Done("eos")
    with Trace.open(recorder.path) as trace:
        assert trace.closed
        assert trace.prompt == "What is 2 + 3?"
        assert "".join(trace.step(n).token or "" for n in range(trace.step_count)) == text(events)
        assert [event["type"] for event in trace.events()] == ["start", *["step"] * trace.step_count, "done"]


def _greedy(loaded: object, prompt: list[int], count: int) -> list[int]:
    import torch

    model = loaded.model  # type: ignore[attr-defined]
    given = torch.tensor([prompt])
    made = model.generate(
        given, attention_mask=torch.ones_like(given), max_new_tokens=count, do_sample=False, pad_token_id=0
    )
    found: list[int] = made[0, given.shape[1] :].tolist()
    return found


def test_a_run_ends_at_the_length_that_was_asked_for(server: ChatServer) -> None:
    events = run(server, max_new_tokens=3)
    assert events[-1] == Done("length")
    assert text(run(server)).startswith(text(events))


def test_what_it_refuses_is_told_in_its_words(server: ChatServer) -> None:
    end = run(server, model="another/model")[-1]
    assert isinstance(end, Failed)
    assert (end.code, "pinned to" in end.message) == ("chat_server_failed", True)


def test_its_models_are_listed(server: ChatServer) -> None:
    # It lists what lies in its hub cache, which is empty here.
    assert server.models() == []


def test_it_dies_in_the_middle_of_an_answer(server: ChatServer, process: tuple[str, subprocess.Popen[bytes]]) -> None:
    """The last test of this file: it ends the process."""
    asked = GenerateRequest(prompt="Tell me a story.", max_new_tokens=200, temperature=2.0, seed=1)
    events = ChatGeneration(server, MODEL, asked).events()
    seen = [next(events), next(events), next(events)]
    process[1].kill()
    seen += events
    assert isinstance(seen[2], Step)
    assert isinstance(seen[-1], Failed), "the whole answer was there already"
    assert "broke off" in seen[-1].message
    process[1].wait()
    with pytest.raises(ChatServerFailed, match="No chat server answers"):
        server.models()
