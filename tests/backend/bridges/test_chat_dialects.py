"""Both dialects against a server that answers as their papers say, and what they can not be asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from neuronscope.bridges.chat_servers import ChatServer
from neuronscope.bridges.openai_chat import NO_ACTIVATIONS, ChatGeneration
from neuronscope.core.errors import BadRequest, UnsupportedModel
from neuronscope.core.events import Done, Event, Start
from neuronscope.core.generation import GenerateRequest
from support.chat_runs import run, steps, text
from support.chat_server import Answer, Scripted, delta, scripted

pytestmark = pytest.mark.usefixtures("nothing_left_open")


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


def test_a_notebook_whose_thread_runs_a_loop_already_can_ask_too(openai: Scripted) -> None:
    async def cell() -> list[Event]:
        return run(openai)

    assert isinstance(asyncio.run(cell())[-1], Done)


def test_a_server_that_knows_no_probabilities_is_asked_without() -> None:
    refusal = Answer([b'{"detail": "Unexpected fields: {\'logprobs\'}"}'], status=422)
    with scripted(refusal, Answer([delta("Yes"), delta(finish="stop")])) as server:
        assert text(run(server)) == "Yes"
        assert ["logprobs" in asked for asked in server.asked] == [True, False]


def test_a_server_that_goes_on_too_long_is_ended() -> None:
    with scripted(Answer([delta(str(number)) for number in range(50)])) as server:
        events = run(server, max_new_tokens=4)
    assert (text(events), events[-1]) == ("0123", Done("length"))


def test_a_run_that_was_stopped_before_it_began_asks_nothing(openai: Scripted) -> None:
    generation = ChatGeneration(ChatServer("lmstudio", openai.url), "m", GenerateRequest(prompt="Hi"))
    generation.stop()
    assert list(generation.events())[1:] == [Done("stopped")]
    assert openai.asked == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"top_k": 4}, "top_k"),
        ({"ignore_eos": True}, "beyond"),
        ({"compiled": True}, "runs its model as it will"),
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
