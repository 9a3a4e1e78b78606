"""The chat servers that a command line named, and the models that they have. No other address is ever called."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from neuronscope.bridges.chat_dialects import Dialect, Ollama, OpenAI
from neuronscope.bridges.chat_http import get_json
from neuronscope.core.errors import BadRequest, NeuronScopeError, NotFound

log = logging.getLogger("neuronscope.bridges")

KNOWN = {"ollama": "http://127.0.0.1:11434", "lmstudio": "http://127.0.0.1:1234/v1"}
"""Servers that need no address: they listen on these unless told otherwise."""
PLAIN = "openai"
"""The name of a server that was given as a bare address."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_OURS = ("local", "neuronscope")
REMEMBERED_SECONDS = 10.0
"""How long a list of models is taken for true, a failed one too."""


@dataclass(frozen=True, slots=True)
class ChatServer:
    """A server and how it is spoken to. ``url`` is what the dialect's paths follow on."""

    name: str
    url: str

    @property
    def dialect(self) -> Dialect:
        """Ollama's own API at the root of a server called ollama; OpenAI's anywhere else, ``/v1`` of Ollama among it."""
        return Ollama() if self.name == "ollama" and urlsplit(self.url).path == "" else OpenAI()

    def models(self) -> list[str]:
        """Names of its models. Raises :class:`ChatServerFailed`."""
        return self.dialect.models(get_json(self.url + self.dialect.models_path))


def read_server(text: str) -> ChatServer:
    """A server from ``ollama``, ``lmstudio``, ``NAME=URL`` or a bare URL, which is then called ``openai``.

    Raises :class:`BadRequest` with what to write.
    """
    if text in KNOWN:
        return ChatServer(text, KNOWN[text])
    name, equals, url = text.partition("=")
    if "://" in name:
        name, equals, url = PLAIN, "=", text
    if not equals or not _NAME.fullmatch(name) or name in _OURS:
        raise BadRequest(
            f"'{text[:80]}' names no chat server.", "Write ollama, lmstudio, or NAME=http://127.0.0.1:1234/v1."
        )
    return ChatServer(name, _read_url(url))


def _read_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        port_is_one, parts = False, urlsplit("")
    sound = (
        port_is_one and parts.scheme in ("http", "https") and parts.hostname and url.isprintable() and " " not in url
    )
    if not sound or parts.query or parts.fragment:
        raise BadRequest(f"'{url[:80]}' is no address of a server.", "For example http://127.0.0.1:1234/v1.")
    if parts.username is not None:
        raise BadRequest("A name and password can't stand in a chat server's address.", "Leave them out.")
    return url.rstrip("/")


class ChatServers:
    """The servers of one program, with their lists of models kept for a few seconds. Safe from any thread."""

    def __init__(self, servers: Sequence[ChatServer]) -> None:
        names = [server.name for server in servers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise BadRequest(f"Two chat servers have the name '{twice}'.", "Give each its own: NAME=URL.")
        self._servers = {server.name: server for server in servers}
        self._lists: dict[str, tuple[float, list[str]]] = {}
        self._lock = threading.Lock()

    def owns(self, model_id: str) -> bool:
        """Whether an id names a model of one of the servers, be it reachable or not."""
        name, slash, model = model_id.partition("/")
        return bool(slash and model) and name in self._servers

    def find(self, model_id: str) -> tuple[ChatServer, str]:
        """The server of an id, and the model's name there; :class:`NotFound` where no server has this name."""
        if not self.owns(model_id):
            raise NotFound(f"There is no chat server for '{model_id[:80]}'.", "Name it with --chat-server.")
        name, _, model = model_id.partition("/")
        return self._servers[name], model

    def model_ids(self) -> list[str]:
        """Ids of the models of all servers that answer."""
        return [f"{name}/{model}" for name in self._servers for model in self._models(name)]

    def _models(self, name: str) -> list[str]:
        with self._lock:
            known = self._lists.get(name)
        if known is not None and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        try:
            found = self._servers[name].models()
        except NeuronScopeError as failure:
            log.info("the models of %s are not listed: %s", name, failure)
            found = []
        with self._lock:
            self._lists[name] = (time.monotonic(), found)
        return found
