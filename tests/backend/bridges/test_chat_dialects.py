"""Both dialects against a server that answers as their papers say, and against one that does not."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from neuronscope.bridges.chat_servers import ChatServer
from neuronscope.bridges.openai_chat import NO_ACTIVATIONS, ChatGeneration
from neuronscope.core.errors import BadRequest, UnsupportedModel
from neuronscope.core.events import Done, Event, Failed, Start, Step
from neuronscope.core.generation import GenerateRequest
from support.chat_server import Answer, Scripted, delta, event, line, listed, scripted

LIKELY = [listed("The", -0.5, ("The", -0.5), ("A", -1.25)), listed(" cat", -0.125, (" cat", -0.125))]


@pytest.fixture(autouse=True)
def _nothing_left_open(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What asyncio says of generators and tasks that were not closed in their order goes to its log."""
    yield
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


def run(server: Scripted, name: str = "lmstudio", config: Any = None, **options: Any) -> list[Event]:
    asked = GenerateRequest(**{"prompt": "Hi", **options})
    return list(ChatGeneration(ChatServer(name, server.url), "m", asked, config).events())


def steps(events: list[Event]) -> list[Step]:
    return [event for event in events if isinstance(event, Step)]


def text(events: list[Event]) -> str:
    return "".join(step.token or "" for step in steps(events))


def failed(events: list[Event]) -> Failed:
    assert isinstance(events[0], Start)
    assert isinstance(events[-1], Failed), events
    assert events[-1].code == "chat_server_failed"
    return events[-1]


@pytest.fixture
def openai() -> Iterator[Scripted]:
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
    parts = [line("The", LIKELY[:1]), line(" cat", LIKELY[1:]), line(done="stop")]
    with scripted(Answer(parts)) as server:
        yield server


@pytest.mark.parametrize("name", ["openai", "ollama"])
def test_tokens_come_with_their_probabilities(name: str, request: pytest.FixtureRequest) -> None:
    events = run(request.getfixturevalue(name), name)
    first, second = steps(events)
    assert (first.token, first.logprob, first.phase, first.step) == ("The", -0.5, "prefill", 0)
    assert (second.token, second.logprob, second.phase, second.step) == (" cat", -0.125, "decode", 1)
    assert first.top == ({"id": None, "text": "The", "logprob": -0.5}, {"id": None, "text": "A", "logprob": -1.25})
    assert (first.entries, first.token_id) == ((), None)
    assert events[-1] == Done("eos")
    start = events[0]
    assert isinstance(start, Start)
    assert (start.model_id, start.points) == (f"{name}/m", ())
    assert set(start.unavailable.values()) == {NO_ACTIVATIONS}
    assert {"resid_post", "mlp_act", "attn_weights"} <= set(start.unavailable)


def test_openais_api_is_asked_as_its_paper_says(openai: Scripted) -> None:
    messages = ({"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"})
    run(openai, prompt=None, messages=messages, max_new_tokens=9, temperature=0.5, top_p=0.9, seed=3, stop=("\n",))
    assert openai.asked == [
        {
            "path": "/chat/completions",
            "model": "m",
            "messages": list(messages),
            "stream": True,
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 3,
            "stop": ["\n"],
            "logprobs": True,
            "top_logprobs": 20,
        }
    ]


def test_ollamas_api_is_asked_as_its_paper_says(ollama: Scripted) -> None:
    run(ollama, "ollama", {"logits_topk": 4}, max_new_tokens=9, temperature=0.5, top_k=40, seed=3, stop=("\n",))
    options = {"num_predict": 9, "temperature": 0.5, "top_k": 40, "seed": 3, "stop": ["\n"]}
    assert ollama.asked == [
        {
            "path": "/api/chat",
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
            "options": options,
            "logprobs": True,
            "top_logprobs": 4,
        }
    ]


def test_ollama_at_v1_speaks_openais_api(openai: Scripted) -> None:
    openai_at_v1 = ChatServer("ollama", f"{openai.url}/v1")
    events = list(ChatGeneration(openai_at_v1, "m", GenerateRequest(prompt="Hi")).events())
    assert (text(events), openai.asked[0]["path"]) == ("The cat", "/v1/chat/completions")


def test_without_probabilities_each_piece_is_a_step() -> None:
    with scripted(Answer([delta("The cat"), delta(" sat"), delta(finish="length"), event(b"[DONE]")])) as server:
        events = run(server)
    assert [(step.token, step.logprob, step.top) for step in steps(events)] == [
        ("The cat", None, ()),
        (" sat", None, ()),
    ]
    assert events[-1] == Done("length")


def test_a_notebook_whose_thread_runs_a_loop_already_can_ask_too(openai: Scripted) -> None:
    async def cell() -> list[Event]:
        return run(openai)

    assert isinstance(asyncio.run(cell())[-1], Done)


def test_several_tokens_in_one_message_are_several_steps() -> None:
    halves = [listed("\ufffd", -1.0), listed("\ufffd", -2.0)]
    parts = [
        delta("The cat", logprobs={"content": LIKELY}),
        delta("é", logprobs={"content": halves}),
        delta(finish="stop"),
    ]
    with scripted(Answer(parts)) as server:
        events = run(server)
    # Halves of a character can't be shown one by one; the text stands once and whole.
    assert [step.token for step in steps(events)] == ["The", " cat", "", "é"]
    assert [step.logprob for step in steps(events)] == [-0.5, -0.125, -1.0, -2.0]


def test_a_probability_of_zero_is_no_number_and_breaks_nothing() -> None:
    never = delta("x", logprobs={"content": [listed("x", -0.0, ("x", -0.0), ("y", float("-inf")))]})
    last = delta("z", logprobs={"content": [listed("z", float("-inf"))]})
    with scripted(Answer([never, last, delta(finish="stop")])) as server:
        first, second = steps(run(server))
    assert first.top == ({"id": None, "text": "x", "logprob": 0.0},)
    assert (second.token, second.logprob) == ("z", None)


def test_what_a_model_thinks_is_kept_apart_from_what_it_says() -> None:
    lines = [line(thinking="Let"), line(thinking=" me"), line("Yes"), line("."), line(done="stop")]
    with scripted(Answer(lines)) as server:
        assert text(run(server, "ollama")) == "<think>Let me</think>Yes."
    chunks = [delta(reasoning_content="Hm"), delta("Yes"), delta(finish="stop")]
    with scripted(Answer(chunks)) as server:
        assert text(run(server)) == "<think>Hm</think>Yes"


def test_lines_may_be_cut_anywhere_and_hold_any_character() -> None:
    whole = delta("a\u2028b\u0085c é") + delta("\r\n") + delta(finish="stop")
    cut = [whole[place : place + 1] for place in range(len(whole))]
    with scripted(Answer(cut)) as server:
        assert text(run(server)) == "a\u2028b\u0085c é\r\n"
    with scripted(Answer([whole.replace(b"\n", b"\r\n")])) as server:
        assert text(run(server)) == "a\u2028b\u0085c é\r\n"


def test_a_server_that_knows_no_probabilities_is_asked_without() -> None:
    refusal = Answer([b'{"detail": "Unexpected fields: {\'logprobs\'}"}'], status=422)
    with scripted(refusal, Answer([delta("Yes"), delta(finish="stop")])) as server:
        assert text(run(server)) == "Yes"
        assert ["logprobs" in asked for asked in server.asked] == [True, False]


def test_a_server_that_goes_on_too_long_is_ended() -> None:
    with scripted(Answer([delta(str(number)) for number in range(50)])) as server:
        events = run(server, max_new_tokens=4)
    assert (text(events), events[-1]) == ("0123", Done("length"))


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


MALFORMED = {
    "no json": event(b"{"),
    "a list": event([1]),
    "no choices": event({"id": 1}),
    "choices of what": event({"choices": ["x"]}),
    "a delta of what": event({"choices": [{"delta": ["x"]}]}),
    "content of what": delta(content=7),
    "logprobs of what": delta("x", logprobs=[1]),
    "logprobs without tokens": delta("x", logprobs={"content": [{"logprob": 0}]}),
    "a logprob of what": delta("x", logprobs={"content": [{"token": "x", "logprob": "low"}]}),
    "said to have failed": event({"error": {"message": "out of memory"}}),
    "said so plainly": event({"error": "out of memory"}),
    "an end of what": delta(finish="content_filter"),
    "deep": event(b'{"a":' * 5000 + b"1" + b"}" * 5000),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_stream_ends_the_run_with_a_sentence(case: str) -> None:
    with scripted(Answer([delta("Yes"), MALFORMED[case], delta(finish="stop")])) as server:
        events = run(server)
    assert text(events) == "Yes"
    assert "Traceback" not in failed(events).message


@pytest.mark.parametrize("part", [b"{\n", b'"x"\n', b'{"done": true}\n', b'{"error": "no"}\n', line(done="unload")])
def test_a_malformed_line_of_ollamas_ends_the_run_with_a_sentence(part: bytes) -> None:
    with scripted(Answer([line("Yes"), part, line(done="stop")])) as server:
        events = run(server, "ollama")
    assert text(events) == "Yes"
    failed(events)


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


def test_a_run_that_was_stopped_before_it_began_asks_nothing(openai: Scripted) -> None:
    generation = ChatGeneration(ChatServer("lmstudio", openai.url), "m", GenerateRequest(prompt="Hi"))
    generation.stop()
    assert list(generation.events())[1:] == [Done("stopped")]
    assert openai.asked == []


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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"top_k": 4}, "top_k"),
        ({"ignore_eos": True}, "beyond"),
        ({"stop": (7,)}, "token ids"),
        ({"prompt": ""}, "empty"),
    ],
)
def test_what_the_api_can_not_be_asked_is_refused(openai: Scripted, options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        run(openai, **options)
    assert openai.asked == []


def test_there_is_nothing_to_watch_or_to_change(openai: Scripted) -> None:
    server, asked = ChatServer("lmstudio", openai.url), GenerateRequest(prompt="Hi")
    change = {"units": ["mlp_act.0:1"], "op": "scale", "value": 0}
    with pytest.raises(UnsupportedModel, match="lmstudio/m can't be looked into: a chat-only server gives tokens"):
        ChatGeneration(server, "m", asked, interventions=[change])
    with pytest.raises(UnsupportedModel, match="no point of it can be watched"):
        ChatGeneration(server, "m", asked, {"points": ["mlp_act"]})
    generation = ChatGeneration(server, "m", asked)
    with pytest.raises(UnsupportedModel, match="nothing can be changed"):
        generation.intervene([change])
    generation.intervene([])
