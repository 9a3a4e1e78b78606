"""A chat server that refuses, breaks off, says nothing, or is not there."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import closing

import pytest

from neuronscope.bridges.chat_servers import ChatServer
from neuronscope.bridges.openai_chat import ChatGeneration
from neuronscope.core.events import Done, Event, Start, Step
from neuronscope.core.generation import GenerateRequest
from support.chat_runs import failed, run, text
from support.chat_server import Answer, delta, scripted

pytestmark = pytest.mark.usefixtures("nothing_left_open")


def test_lines_may_be_cut_anywhere_and_hold_any_character() -> None:
    whole = delta("a\u2028b\u0085c é") + delta("\r\n") + delta(finish="stop")
    cut = [whole[place : place + 1] for place in range(len(whole))]
    with scripted(Answer(cut)) as server:
        assert text(run(server)) == "a\u2028b\u0085c é\r\n"
    with scripted(Answer([whole.replace(b"\n", b"\r\n")])) as server:
        assert text(run(server)) == "a\u2028b\u0085c é\r\n"


REFUSALS = {
    "not found": (Answer([b'{"error": "model \'m\' not found"}'], status=404), r"status 404: model 'm' not found"),
    "nested": (Answer([b'{"error": {"message": "No models loaded."}}'], status=400), "No models loaded"),
    "html": (Answer([b"<h1>Bad gateway</h1>"], status=502), "status 502: <h1>Bad gateway"),
    "list": (Answer([b"[1]"], status=500), r"status 500: \[1\]"),
    "redirect": (Answer([b""], status=302, headers={"Location": "http://127.0.0.1:1/"}), "redirect"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_told_in_its_words(case: str) -> None:
    answer, said = REFUSALS[case]
    with scripted(answer) as server:
        events = run(server)
        assert len(server.asked) == 1
    assert re.search(said, failed(events).message)


def test_a_line_without_end_is_not_gathered_for_ever() -> None:
    with scripted(Answer([delta("Yes"), *[b"x" * 100_000] * 20, delta(finish="stop")])) as server:
        assert "does not end" in failed(run(server)).message


@pytest.mark.parametrize("breaks_off", [True, False])
def test_a_server_that_dies_in_the_middle_is_told(breaks_off: bool) -> None:
    with scripted(Answer([delta("Yes"), delta(" and")], breaks_off=breaks_off)) as server:
        events = run(server)
    assert text(events) == "Yes and"
    assert "broke off" in failed(events).message


def test_a_server_that_is_not_there_is_told() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    events = list(ChatGeneration(ChatServer("lmstudio", url), "m", GenerateRequest(prompt="Hi")).events())
    assert "No chat server answers at" in failed(events).message


def test_a_run_can_be_stopped_while_the_server_says_nothing() -> None:
    leave = threading.Event()

    def wait() -> bytes:
        leave.wait(20)
        return b""

    try:
        with scripted(Answer([delta("Yes"), wait, delta(finish="stop")])) as server:
            generation = ChatGeneration(ChatServer("lmstudio", server.url), "m", GenerateRequest(prompt="Hi"))
            seen: list[Event] = []
            thread = threading.Thread(target=lambda: seen.extend(generation.events()))
            thread.start()
            time.sleep(0.3)
            begin = time.monotonic()
            generation.stop()
            thread.join(5)
            assert time.monotonic() - begin < 2
            leave.set()
    finally:
        leave.set()
    assert (text(seen), seen[-1]) == ("Yes", Done("stopped"))


def test_a_run_left_in_the_middle_lets_go_of_the_server() -> None:
    sent: list[int] = []

    def part() -> bytes:
        time.sleep(0.005)
        sent.append(1)
        return delta("x" * 1000)

    with scripted(Answer([part] * 2000)) as server:
        generation = ChatGeneration(ChatServer("lmstudio", server.url), "m", GenerateRequest(prompt="Hi"))
        events = generation.events()
        assert isinstance(next(events), Start)
        assert isinstance(next(events), Step)
        events.close()
        time.sleep(0.2)
        before = len(sent)
        time.sleep(0.2)
        # A connection that nobody reads would take many more before it is full.
        assert len(sent) == before < 100
