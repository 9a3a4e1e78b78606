"""What a chat server streams, whatever its dialect: pieces of text with their probabilities, and how the answer ended."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from neuronscope.core.errors import ChatServerFailed

SAID = 300
"""Characters of a server's own message that are passed on."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A token with its log-probability and the likeliest others, where the server lists tokens.

    Else a stretch of text as it came, mostly one token. ``top`` holds ``{id, text, logprob}`` as steps do; ``id`` is
    ``None``, since a chat server tells no ids.
    """

    text: str
    logprob: float | None = None
    top: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """The answer's end."""

    reason: Literal["eos", "length"]


class Thinking:
    """Puts what a model thinks before it answers between ``<think>`` and ``</think>``.

    Servers send it in a field of its own, without the marks that the model wrote. It is part of what was generated, so it
    is kept, and it can be told from the answer.
    """

    def __init__(self) -> None:
        self._inside = False

    def text(self, thought: str, content: str) -> str:
        """The text of one message of the stream."""
        opened = "<think>" if thought and not self._inside else ""
        closed = "</think>" if content and (self._inside or thought) else ""
        self._inside = (self._inside or bool(thought)) and not closed
        return f"{opened}{thought}{closed}{content}"


def pieces_of(text: str, listed: object) -> list[Piece]:
    """The pieces of one message: a piece for each token that the server lists, else one for the text if there is any.

    Joined, pieces give just the text. Where the listed tokens do not (halves of a character, marks added by
    :class:`Thinking`), the text stands in the last of them. Raises :class:`ChatServerFailed` for a list that is none.
    """
    tokens = _tokens(listed)
    if not tokens:
        return [Piece(text)] if text else []
    texts = [token["token"] for token in tokens]
    if "".join(texts) != text:
        texts = [""] * (len(texts) - 1) + [text]
    return [
        Piece(shown, _logprob(token), _likely(_tokens(token.get("top_logprobs"))))
        for shown, token in zip(texts, tokens, strict=True)
    ]


def _tokens(listed: object) -> Sequence[dict[str, Any]]:
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise malformed("its log-probabilities are no list of tokens")
    if not all(isinstance(one.get("token"), str) for one in listed):
        raise malformed("a token of its log-probabilities has no text")
    return listed


def _likely(tokens: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The likeliest tokens as steps hold them; one of probability 0 is none of them."""
    found = [(token["token"], _logprob(token)) for token in tokens]
    return tuple({"id": None, "text": text, "logprob": value} for text, value in found if value is not None)


def _logprob(token: dict[str, Any]) -> float | None:
    value = token.get("logprob")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed("a log-probability is no number")
    # Servers write -inf as a number far below any that a model gives, or not at all; NaN would break JSON.
    return float(value) if math.isfinite(value) else None


def read_object(text: bytes) -> dict[str, Any]:
    """A JSON object of the stream; :class:`ChatServerFailed` for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise malformed("it is not JSON") from error
    if not isinstance(found, dict):
        raise malformed("it is no JSON object")
    return found


def malformed(what: str) -> ChatServerFailed:
    """The server sent what it should not."""
    return ChatServerFailed(
        f"The chat server sent an answer that can't be read: {what}.", "Its address may be that of another API."
    )


def refused(error: object) -> ChatServerFailed:
    """The server said in the middle of its answer that it could not go on. ``error`` is a text, or an object with one."""
    said = error.get("message") if isinstance(error, dict) else error
    return ChatServerFailed(f"The chat server could not go on: {str(said)[:SAID]}", "Its own log may say more.")
