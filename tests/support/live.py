"""A client of the live socket, written from the contract alone, and models whose runs last long enough to be met."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgpack
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from websockets.sync.client import ClientConnection, connect

from neuronscope.runtime.live_feed import Recorded, Watcher
from support.tokenizers import tiny_tokenizer

ENDS = ("done", "error")
PLENTY = 1 << 30


def save_long(folder: Path, seed: int, layers: int = 2) -> Path:
    """A tiny model with room for 8,192 positions and no end token: its runs end when they are told to."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=8192, bos_token_id=0, eos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


class LiveClient:
    """One connection. ``bytes`` of frames are kept beside what they say, where a test compares them."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, kind: str, **fields: Any) -> None:
        """One message."""
        self.connection.send(msgpack.packb({"type": kind, **fields}))

    def receive(self, seconds: float = 240) -> dict[str, Any]:
        """The next event."""
        data = self.connection.recv(timeout=seconds)
        assert isinstance(data, bytes)
        event = msgpack.unpackb(data)
        assert next(iter(event)) == "type"
        return dict(event)

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Events up to the first that is wanted."""
        found = [self.receive()]
        while not wanted(found[-1]):
            assert found[-1]["type"] != "error", found[-1]
            found.append(self.receive())
        return found

    def to_end(self) -> list[dict[str, Any]]:
        """All events of the one run that is watched, to its end."""
        return self.until(lambda event: event["type"] in ENDS)

    def generate(self, tokens: int = 6, prompt: str = "Hi, cat 42!", **fields: Any) -> str:
        """Begin a run; its trace's id."""
        self.send("generate", **{"model_id": "local/long", "prompt": prompt, "max_new_tokens": tokens, **fields})
        first = self.receive()
        assert first["type"] == "queued", first
        return str(first["trace_id"])


@contextmanager
def live_client(client: httpx.Client, credit: int | None = PLENTY, **options: Any) -> Iterator[LiveClient]:
    """A connection to the server that a client talks to, with its token; ``credit`` is granted at once."""
    url = str(client.base_url).replace("http", "ws", 1).rstrip("/") + "/api/live"
    headers = {"Authorization": client.headers["authorization"]}
    # A client that leaves with frames unread never sees the server's goodbye among them.
    fixed = {"max_size": None, "proxy": None, "close_timeout": 0.5, "ping_interval": None}
    with connect(url, additional_headers=headers, **{**fixed, **options}) as connection:
        made = LiveClient(connection)
        if credit is not None:
            made.send("credit", frames=credit)
        yield made


def recorded(client: httpx.Client, trace_id: str) -> list[dict[str, Any]]:
    """Every event of a trace as REST gives it, one after another."""
    answer = client.get(f"/api/traces/{trace_id}/events")
    unpacker = msgpack.Unpacker(max_buffer_size=1 << 30)
    unpacker.feed(answer.content)
    return [dict(event) for event in unpacker]


def without_id(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events as they are recorded: without the places in the line, and without the id that each carries on the wire."""
    kept = [event for event in events if event["type"] != "queued"]
    return [
        event if event["type"] == "start" else {key: value for key, value in event.items() if key != "trace_id"}
        for event in kept
    ]


def threads_named(*starts: str) -> list[str]:
    """Names of threads of this process that begin so."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(starts)]


def drain(watcher: Watcher | Recorded) -> list[bytes]:
    """All frames that there are now."""
    found: list[bytes] = []
    while not watcher.ended:
        frame = watcher.take()
        if frame is not None:
            found.append(frame.data)
        elif watcher.behind:
            found += [stored.data for stored in watcher.fetch()]
        else:
            break
    return found
