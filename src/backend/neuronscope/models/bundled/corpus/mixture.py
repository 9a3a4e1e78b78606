"""Documents made from the parts, with the part of every character."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from neuronscope.models.bundled.corpus import arithmetic, chat, code, emotions, facts, french, stories, verse
from neuronscope.models.bundled.corpus.emotions import EMOTIONS
from neuronscope.models.bundled.corpus.grammar import between, pick_weighted

Split = Literal["train", "heldout"]


class Writer(Protocol):
    """A module that writes one part."""

    def text(self, rng: random.Random, split: str) -> str: ...

    def exchange(self, rng: random.Random, split: str) -> tuple[str, str]: ...


_WRITERS: dict[str, Writer] = {
    "arithmetic": arithmetic,
    "facts": facts,
    "story": stories,
    "verse": verse,
    "code": code,
    "french": french,
}
PARTS: tuple[str, ...] = (*_WRITERS, *EMOTIONS, "chat")

# How often a document, and a turn of a chat, is drawn from each part. Arithmetic and facts lead:
# they are the two the model is examined on.
_DOCUMENT_WEIGHTS: dict[str, float] = {
    "arithmetic": 30, "facts": 14, "story": 5, "verse": 5, "code": 5, "french": 6,
    **dict.fromkeys(EMOTIONS, 1.5), "chat": 26,
}  # fmt: skip
_TURN_WEIGHTS: dict[str, float] = {
    "arithmetic": 40, "facts": 40, "story": 4, "verse": 4, "code": 4, "french": 4,
    **dict.fromkeys(EMOTIONS, 1.0), "chat": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Span:
    """Characters `[start, end)` belong to `part`."""

    start: int
    end: int
    part: str


@dataclass(frozen=True)
class Document:
    """A text and the spans that cover it, in order, without gaps or overlaps."""

    text: str
    spans: tuple[Span, ...]


def assemble(pieces: Sequence[tuple[str, str]]) -> Document:
    """A document from `(text, part)` pieces."""
    spans: list[Span] = []
    position = 0
    for piece, part in pieces:
        if piece:
            spans.append(Span(position, position + len(piece), part))
            position += len(piece)
    return Document("".join(piece for piece, _ in pieces), tuple(spans))


def turns(user: str, assistant: str, part: str) -> list[tuple[str, str]]:
    """One exchange in chat markup, as pieces for `assemble`."""
    return [
        (chat.USER, "chat"),
        (user, part),
        (chat.END + chat.ASSISTANT, "chat"),
        (assistant, part),
        (chat.END, "chat"),
    ]


def generate(
    seed: int,
    documents: int,
    split: Split = "train",
    parts: Sequence[str] | None = None,
    start: int = 0,
) -> Iterator[Document]:
    """Yield `documents` documents, numbered from `start`.

    The same arguments give the same documents in every process, and document `i` does not depend
    on how many are asked for. With `parts`, documents come from those parts alone; `chat` then
    stands for chats over the other named parts, or over all of them when it is named alone.
    Raises ValueError for an unknown part.
    """
    chosen = tuple(PARTS if parts is None else parts)
    unknown = sorted(set(chosen) - set(PARTS))
    if unknown or not chosen:
        raise ValueError(f"unknown parts {unknown}; known parts are {list(PARTS)}")
    weights = {part: _DOCUMENT_WEIGHTS[part] for part in PARTS if part in chosen}
    topics = PARTS if chosen == ("chat",) else chosen
    turn_weights = {part: _TURN_WEIGHTS[part] for part in PARTS if part in topics}
    for number in range(start, start + documents):
        rng = random.Random(f"{split}:{seed}:{number}")  # noqa: S311 (seeded text, not a secret)
        part = pick_weighted(rng, weights)
        if part == "chat":
            yield _chat(rng, split, turn_weights)
        else:
            yield assemble([(_text(rng, part, split), part)])


def _text(rng: random.Random, part: str, split: str) -> str:
    if part in EMOTIONS:
        return emotions.text(rng, part)
    return _WRITERS[part].text(rng, split)


def _chat(rng: random.Random, split: str, weights: dict[str, float]) -> Document:
    pieces: list[tuple[str, str]] = []
    for _ in range(between(rng, 1, 4)):
        part = pick_weighted(rng, weights)
        if part in EMOTIONS:
            asked, answered = emotions.exchange(rng, part)
        elif part == "chat":
            asked, answered = chat.exchange(rng, split)
        else:
            asked, answered = _WRITERS[part].exchange(rng, split)
        pieces += turns(asked, answered, part)
    return assemble(pieces)
