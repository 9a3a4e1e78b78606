"""The two ways in which chat servers are spoken to: OpenAI's (LM Studio, vLLM, llama.cpp, transformers …) and Ollama's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from neuronscope.bridges.chat_pieces import Finish, Piece, Thinking, malformed, pieces_of, read_object, refused
from neuronscope.core.errors import BadRequest
from neuronscope.core.generation import GenerateRequest

MOST_TOP = 20
"""Likeliest tokens that either API gives at most."""


class Reader(Protocol):
    """Reads the lines of one streamed answer."""

    def read(self, line: bytes) -> list[Piece | Finish]:
        """What a line says; :class:`ChatServerFailed` where it can't be read, or says that the server failed."""
        ...


class Dialect(Protocol):
    """How a kind of server is asked, and how its answers are read."""

    models_path: str
    chat_path: str

    def models(self, answer: object) -> list[str]:
        """Names of the models out of the answer at ``models_path``; :class:`ChatServerFailed` where it holds none."""
        ...

    def body(self, model: str, messages: Sequence[Mapping[str, str]], request: GenerateRequest) -> dict[str, Any]:
        """A request for a streamed answer, without log-probabilities. Raises :class:`BadRequest` for what can't be asked."""
        ...

    def likely(self, top: int) -> dict[str, Any]:
        """What is added to ask for log-probabilities, and for the ``top`` likeliest tokens."""
        ...

    def reader(self) -> Reader:
        """A reader for one answer."""
        ...


class OpenAI:
    """``POST /chat/completions`` with ``stream``: server-sent events of ``chat.completion.chunk`` objects."""

    models_path = "/models"
    chat_path = "/chat/completions"

    def models(self, answer: object) -> list[str]:
        """As :meth:`Dialect.models`."""
        return _names(answer, "data", "id")

    def body(self, model: str, messages: Sequence[Mapping[str, str]], request: GenerateRequest) -> dict[str, Any]:
        """As :meth:`Dialect.body`. The API has no ``top_k``."""
        if request.top_k is not None:
            raise BadRequest("OpenAI's API takes no top_k.", "Leave it out, or give top_p.")
        given = {"top_p": request.top_p, "seed": request.seed, "stop": _stop(request) or None}
        return {
            "model": model,
            "messages": [dict(message) for message in messages],
            "stream": True,
            "max_tokens": request.max_new_tokens,
            "temperature": request.temperature,
            **{name: value for name, value in given.items() if value is not None},
        }

    def likely(self, top: int) -> dict[str, Any]:
        """As :meth:`Dialect.likely`."""
        return {"logprobs": True, "top_logprobs": top} if top else {"logprobs": True}

    def reader(self) -> Reader:
        """As :meth:`Dialect.reader`."""
        return _Events()


class _Events:
    """Each event is one ``data:`` line here; comments, names and blank lines between them say nothing."""

    def __init__(self) -> None:
        self._thinking = Thinking()

    def read(self, line: bytes) -> list[Piece | Finish]:
        name, _, data = line.partition(b":")
        data = data.strip()
        if name != b"data" or not data:
            return []
        if data == b"[DONE]":
            return [Finish("eos")]
        chunk = read_object(data)
        if chunk.get("error") is not None:
            raise refused(chunk["error"])
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            raise malformed("a chunk has no choices")
        # The last chunk may hold none: it counts the tokens.
        return self._choice(choices[0]) if choices else []

    def _choice(self, choice: object) -> list[Piece | Finish]:
        if not isinstance(choice, dict):
            raise malformed("a choice is no object")
        delta = choice.get("delta") or {}
        listed = choice.get("logprobs") or {}
        if not isinstance(delta, dict) or not isinstance(listed, dict):
            raise malformed("a choice holds no message")
        thought = _text(delta, "reasoning_content") or _text(delta, "reasoning")
        text = self._thinking.text(thought, _text(delta, "content"))
        found: list[Piece | Finish] = [*pieces_of(text, listed.get("content"))]
        end = choice.get("finish_reason")
        return found if end is None else [*found, _finish(end)]


class Ollama:
    """``POST /api/chat``: a JSON object a line, the last with ``done`` and ``done_reason``."""

    models_path = "/api/tags"
    chat_path = "/api/chat"

    def models(self, answer: object) -> list[str]:
        """As :meth:`Dialect.models`."""
        return _names(answer, "models", "name")

    def body(self, model: str, messages: Sequence[Mapping[str, str]], request: GenerateRequest) -> dict[str, Any]:
        """As :meth:`Dialect.body`."""
        options = {
            "num_predict": request.max_new_tokens,
            "temperature": request.temperature,
            "top_k": request.top_k,
            "top_p": request.top_p,
            "seed": request.seed,
            "stop": _stop(request) or None,
        }
        return {
            "model": model,
            "messages": [dict(message) for message in messages],
            "stream": True,
            "options": {name: value for name, value in options.items() if value is not None},
        }

    def likely(self, top: int) -> dict[str, Any]:
        """As :meth:`Dialect.likely`."""
        return {"logprobs": True, "top_logprobs": top}

    def reader(self) -> Reader:
        """As :meth:`Dialect.reader`."""
        return _Lines()


class _Lines:
    def __init__(self) -> None:
        self._thinking = Thinking()

    def read(self, line: bytes) -> list[Piece | Finish]:
        if not line.strip():
            return []
        part = read_object(line)
        if part.get("error") is not None:
            raise refused(part["error"])
        message = part.get("message")
        if not isinstance(message, dict):
            raise malformed("a line holds no message")
        text = self._thinking.text(_text(message, "thinking"), _text(message, "content"))
        found: list[Piece | Finish] = [*pieces_of(text, part.get("logprobs"))]
        # A server that names no reason ended as models do.
        return [*found, _finish(part.get("done_reason") or "stop")] if part.get("done") is True else found


def _finish(reason: object) -> Finish:
    if reason == "length":
        return Finish("length")
    if reason in ("stop", "eos", "tool_calls", "load"):
        return Finish("eos")
    raise refused(f"it ended the answer with '{reason}'")


def _stop(request: GenerateRequest) -> list[str]:
    if request.ignore_eos:
        raise BadRequest("A chat server can't be told to go on beyond a model's end.", "Leave out ignore_eos.")
    if request.compiled:
        raise BadRequest("A chat server runs its model as it will.", "Leave out compiled.")
    if not all(isinstance(token, str) for token in request.stop):
        raise BadRequest("A chat server knows no token ids.", "Give stop tokens as texts.")
    return [str(token) for token in request.stop]


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    if value is not None and not isinstance(value, str):
        raise malformed(f"its {name} is no text")
    return value or ""


def _names(answer: object, listed: str, name: str) -> list[str]:
    rows = answer.get(listed) if isinstance(answer, dict) else None
    # Ollama without any model sends null.
    if rows is None and isinstance(answer, dict) and listed in answer:
        return []
    if not isinstance(rows, list):
        raise malformed("it lists no models")
    found = [row.get(name) for row in rows if isinstance(row, dict)]
    return [text for text in found if isinstance(text, str) and 0 < len(text) <= 150 and text.isprintable()]
