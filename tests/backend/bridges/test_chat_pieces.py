"""What a chat server streams, piece by piece, and streams that are none."""

from __future__ import annotations

import pytest

from neuronscope.core.events import Done
from support.chat_runs import LIKELY, failed, run, steps, text
from support.chat_server import Answer, delta, event, line, listed, scripted

pytestmark = pytest.mark.usefixtures("nothing_left_open")


def test_without_probabilities_each_piece_is_a_step() -> None:
    with scripted(Answer([delta("The cat"), delta(" sat"), delta(finish="length"), event(b"[DONE]")])) as server:
        events = run(server)
    assert [(step.token, step.logprob, step.top) for step in steps(events)] == [
        ("The cat", None, ()),
        (" sat", None, ()),
    ]
    assert events[-1] == Done("length")


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
