"""From documents to windows: the rows that a model is run on, and the batches they are run in.

A window is a stretch of one document, at most as long as the model's context, with the tokenizer's own leading special
tokens in front. Windows of a document follow each other without overlap; documents never share a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.corpus.readers import Document

NO_PART = 255
"""Stands for *unlabelled* where parts are kept as one byte a token."""
STRETCH = 1 << 16
"""Characters of a document that are tokenized at once."""
LOT = 1 << 18
"""Characters that are tokenized at once, of several documents or of one."""
Piece = tuple[int, int, str]
"""Number of a document, where a stretch of it starts, and its text."""
Encoded = tuple[int, NDArray[np.int32], NDArray[np.int32]]
Tokens = tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32]]


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive documents as tokens.

    ``ids`` and ``parts`` are the windows end to end, in the order of (document, window); window ``w`` is
    ``ids[starts[w]:starts[w + 1]]`` and belongs to document ``docs[w]``. ``windows_of`` counts each document's windows
    (0 for an empty one), ``first_doc`` is the ordinal of the first. ``chars`` ``[token, 2]`` is the range of characters
    of the document that each token stands for: 0, 0 for one that was put in front, -1, -1 where the tokenizer can't say.
    """

    first_doc: int
    ids: NDArray[np.int32]
    parts: NDArray[np.uint8]
    chars: NDArray[np.int32]
    starts: NDArray[np.int64]
    docs: NDArray[np.int32]
    windows_of: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each window, leading special tokens included."""
        return np.diff(self.starts)


def leading_special(tokenizer: Any) -> tuple[int, ...]:
    """Ids that the tokenizer by itself puts before any text, such as BOS; empty for many.

    What it appends is left out: no earlier token of a decoder sees it.
    """
    text = "a"
    alone = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    usual = list(tokenizer(text)["input_ids"])
    for start in range(len(usual) - len(alone) + 1):
        if usual[start : start + len(alone)] == alone:
            return tuple(usual[:start])
    return ()


@dataclass(slots=True)
class Tokenizer:
    """Cuts documents into windows of at most ``window`` tokens, leading special tokens included.

    A token's part is the part of its first character; ``parts`` are the names that the documents' spans may carry (none
    where the tokenizer can't tell characters).
    """

    tokenizer: Any
    window: int
    parts: tuple[str, ...] = ()
    prefix: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = leading_special(self.tokenizer)
        if not self.tokenizer.is_fast:  # it can't say which characters a token stands for
            self.parts = ()

    @property
    def stride(self) -> int:
        """Tokens of the document from one window's start to the next one's."""
        return self.window - len(self.prefix)

    def shard(self, documents: Sequence[Document]) -> Shard:
        """Tokenize documents, which must be consecutive and not none."""
        ids, parts, chars = [np.zeros(0, np.int32)], [np.zeros(0, np.uint8)], [np.zeros((0, 2), np.int32)]
        docs = list[int]()
        windows_of = np.zeros(len(documents), np.int64)
        front = len(self.prefix)
        before = (np.array(self.prefix, np.int32), np.full(front, NO_PART, np.uint8), np.zeros((front, 2), np.int32))
        for number, (document, tokens) in enumerate(zip(documents, self._encode(documents), strict=True)):
            for start in range(0, len(tokens[0]), self.stride):
                stop = start + self.stride
                ids.append(np.concatenate((before[0], tokens[0][start:stop])))
                parts.append(np.concatenate((before[1], tokens[1][start:stop])))
                chars.append(np.concatenate((before[2], tokens[2][start:stop])))
                docs.append(document.ordinal)
                windows_of[number] += 1
        return Shard(
            documents[0].ordinal,
            np.concatenate(ids),
            np.concatenate(parts),
            np.concatenate(chars),
            np.cumsum([0, *(len(window) for window in ids[1:])], dtype=np.int64),
            np.array(docs, np.int32),
            windows_of,
        )

    def _encode(self, documents: Sequence[Document]) -> Iterator[Tokens]:
        """Ids, parts and characters of each document's tokens."""
        code = {part: number for number, part in enumerate(self.parts)}
        encoded = (piece for lot in _lots(documents) for piece in self._pieces(lot))
        for document, pieces in zip(documents, _by_document(encoded), strict=True):
            ids = np.concatenate([ids for ids, _ in pieces])
            chars = np.concatenate([chars for _, chars in pieces])
            labels = np.full(len(ids), NO_PART, np.uint8)
            if self.parts and document.spans:
                ends = np.array([span.end for span in document.spans])
                names = np.array([code[span.part] for span in document.spans], np.uint8)
                labels = names[np.minimum(np.searchsorted(ends, chars[:, 0], side="right"), len(names) - 1)]
            yield ids, labels, chars

    def _pieces(self, lot: list[Piece]) -> Iterator[Encoded]:
        """Number of the document, ids and characters of each piece; they are tokenized at once."""
        encoded = self.tokenizer(
            [text for _, _, text in lot],
            add_special_tokens=False,
            return_attention_mask=False,
            return_offsets_mapping=self.tokenizer.is_fast,
            verbose=False,
        )
        for place, (number, first, _) in enumerate(lot):
            ids = encoded["input_ids"][place]
            yield number, np.array(ids, np.int32), _chars(encoded, place, first, len(ids))


def _by_document(encoded: Iterator[Encoded]) -> Iterator[list[tuple[NDArray[np.int32], NDArray[np.int32]]]]:
    for _, pieces in groupby(encoded, key=lambda piece: piece[0]):
        yield [(ids, chars) for _, ids, chars in pieces]


def _chars(encoded: Any, number: int, first: int, count: int) -> NDArray[np.int32]:
    if "offset_mapping" not in encoded:
        return np.full((count, 2), -1, np.int32)
    return np.array(encoded["offset_mapping"][number], np.int32).reshape(count, 2) + np.int32(first)


def stretches(text: str) -> Iterator[tuple[int, str]]:
    """A text in pieces of at most :data:`STRETCH` characters, with where each starts: tokenizers take many times a text's size.

    A piece ends before a space or a line break where there is one in its second half. Most texts are one piece.
    """
    start = 0
    while len(text) - start > STRETCH:
        middle, end = start + STRETCH // 2, start + STRETCH
        cut = max(text.rfind(" ", middle, end), text.rfind("\n", middle, end))
        yield start, text[start : (cut if cut > 0 else end)]
        start = cut if cut > 0 else end
    yield start, text[start:] if start else text


def _lots(documents: Sequence[Document]) -> Iterator[list[Piece]]:
    """Pieces of documents, of about :data:`LOT` characters at a time: a long document is in several."""
    lot, size = list[Piece](), 0
    for number, document in enumerate(documents):
        for first, text in stretches(document.text):
            lot.append((number, first, text))
            size += len(text)
            if size >= LOT:
                yield lot
                lot, size = [], 0
    if lot:
        yield lot


def in_shards(documents: Iterator[Document], size: int, most_bytes: int) -> Iterator[list[Document]]:
    """Documents by ``size`` at a time, or fewer that together reach ``most_bytes`` in UTF-8; the last lot may be smaller."""
    lot, count = list[Document](), 0
    for document in documents:
        lot.append(document)
        count += len(document.text.encode())
        if len(lot) == size or count >= most_bytes:
            yield lot
            lot, count = [], 0
    if lot:
        yield lot


def plan_batches(lengths: NDArray[np.int64], tokens: int) -> list[NDArray[np.int64]]:
    """Windows of a shard grouped into batches: a function of the lengths alone.

    Windows go from long to short, equal ones in order, and fill a batch while rows × longest stays within ``tokens``
    (a longer window is a batch by itself). Within a batch they stand in order, so that a batch's tokens read row by row
    are in corpus order.
    """
    batches: list[NDArray[np.int64]] = []
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        rows = max(1, tokens // int(lengths[order[start]]))
        batches.append(np.sort(order[start : start + rows]))
        start += rows
    return batches
