from __future__ import annotations

import socket
import time
from contextlib import closing

import pytest

from neuronscope.bridges import chat_servers as module
from neuronscope.bridges.chat_dialects import Ollama, OpenAI
from neuronscope.bridges.chat_servers import ChatServer, ChatServers, read_server
from neuronscope.core.errors import BadRequest, ChatServerFailed, NotFound
from support.chat_server import Answer, scripted

OPENAIS = {"object": "list", "data": [{"id": "qwen/qwen3-4b", "object": "model"}, {"id": "other"}, {"id": 7}, "x"]}
OLLAMAS = {"models": [{"name": "llama3.2:latest", "details": {"family": "llama"}}, {"name": "a\nb"}]}


@pytest.mark.parametrize(
    ("text", "name", "url", "dialect"),
    [
        ("ollama", "ollama", "http://127.0.0.1:11434", Ollama),
        ("lmstudio", "lmstudio", "http://127.0.0.1:1234/v1", OpenAI),
        ("lab=https://models.example:8443/v1/", "lab", "https://models.example:8443/v1", OpenAI),
        ("ollama=http://box:11434/", "ollama", "http://box:11434", Ollama),
        ("ollama=http://box:11434/v1", "ollama", "http://box:11434/v1", OpenAI),
        ("http://127.0.0.1:8000/v1", "openai", "http://127.0.0.1:8000/v1", OpenAI),
        ("http://[::1]:8000/v1", "openai", "http://[::1]:8000/v1", OpenAI),
    ],
)
def test_a_server_is_read_as_it_is_written(text: str, name: str, url: str, dialect: type) -> None:
    found = read_server(text)
    assert (found.name, found.url) == (name, url)
    assert isinstance(found.dialect, dialect)


@pytest.mark.parametrize(
    "text",
    [
        "", "llamacpp", "a=", "A=http://x/v1", "local=http://x/v1", "neuronscope=http://x/v1", "a/b=http://x/v1",
        "a=ftp://x/v1", "a=http://", "a=http://x:99999/v1", "a=http://x:0/v1", "a=http://x/v1?key=1", "a=http://u:p@x/v1",
        "a=http://x y/v1", "a=http://[::1/v1", "a=127.0.0.1:1234/v1",
    ],
)  # fmt: skip
def test_what_names_no_server_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_server(text)


def test_models_are_listed_by_server() -> None:
    with scripted(Answer([])) as first, scripted(Answer([])) as second:
        first.pages["/v1/models"] = OPENAIS
        second.pages["/api/tags"] = OLLAMAS
        servers = ChatServers([ChatServer("lmstudio", f"{first.url}/v1"), ChatServer("ollama", second.url)])
        wanted = ["lmstudio/qwen/qwen3-4b", "lmstudio/other", "ollama/llama3.2:latest"]
        assert servers.model_ids() == servers.model_ids() == wanted
        assert first.gets == ["/v1/models"]
    assert servers.find("lmstudio/qwen/qwen3-4b") == (ChatServer("lmstudio", f"{first.url}/v1"), "qwen/qwen3-4b")
    assert servers.owns("ollama/anything")
    for model_id in ("lmstudio", "lmstudio/", "local/one", "qwen/qwen3-4b"):
        assert not servers.owns(model_id)
        with pytest.raises(NotFound):
            servers.find(model_id)


def test_a_server_that_is_away_lists_nothing_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(Answer([])) as server:
        servers = ChatServers([ChatServer("lmstudio", server.url)])
        assert servers.model_ids() == []
        server.pages["/models"] = OPENAIS
        assert servers.model_ids() == []
        monkeypatch.setattr(module, "REMEMBERED_SECONDS", 0.0)
        assert len(servers.model_ids()) == 2
    begin = time.monotonic()
    assert servers.model_ids() == []
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize("page", [{"models": 3}, {}, [1], "x", {"data": None}])
def test_a_list_that_is_none_is_refused(page: object) -> None:
    with scripted(Answer([])) as server:
        server.pages |= {"/models": page, "/api/tags": page}
        if page != {"data": None}:
            with pytest.raises(ChatServerFailed):
                ChatServer("lab", server.url).models()
        with pytest.raises(ChatServerFailed):
            ChatServer("ollama", server.url).models()


def test_ollama_without_models_lists_none() -> None:
    with scripted(Answer([])) as server:
        server.pages["/api/tags"] = {"models": None}
        assert ChatServer("ollama", server.url).models() == []


def test_a_server_that_says_nothing_holds_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuronscope.bridges.chat_http.LIST_SECONDS", 0.2)
    with closing(socket.socket()) as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        server = ChatServer("lab", f"http://127.0.0.1:{mute.getsockname()[1]}/v1")
        with pytest.raises(ChatServerFailed, match="took too long"):
            server.models()


def test_two_servers_of_one_name_are_refused() -> None:
    with pytest.raises(BadRequest, match="Two chat servers have the name 'a'"):
        ChatServers([ChatServer("a", "http://x/v1"), ChatServer("a", "http://y/v1")])
