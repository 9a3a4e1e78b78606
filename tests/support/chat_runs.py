"""Runs on a scripted chat server, and what of them a test looks at."""

from __future__ import annotations

from typing import Any

from neuronscope.bridges.chat_servers import ChatServer
from neuronscope.bridges.openai_chat import ChatGeneration
from neuronscope.core.events import Event, Failed, Start, Step
from neuronscope.core.generation import GenerateRequest
from support.chat_server import Scripted, listed

LIKELY = [listed("The", -0.5, ("The", -0.5), ("A", -1.25)), listed(" cat", -0.125, (" cat", -0.125))]
"""Two tokens with the likeliest ones in their places."""


def run(server: Scripted, name: str = "lmstudio", config: Any = None, **options: Any) -> list[Event]:
    """All events of a run on that server, by default in OpenAI's dialect."""
    asked = GenerateRequest(**{"prompt": "Hi", **options})
    return list(ChatGeneration(ChatServer(name, server.url), "m", asked, config).events())


def steps(events: list[Event]) -> list[Step]:
    """Its steps."""
    return [event for event in events if isinstance(event, Step)]


def text(events: list[Event]) -> str:
    """What it said."""
    return "".join(step.token or "" for step in steps(events))


def failed(events: list[Event]) -> Failed:
    """How it failed: it began, and its last event says so."""
    assert isinstance(events[0], Start)
    assert isinstance(events[-1], Failed), events
    assert events[-1].code == "chat_server_failed"
    return events[-1]
