"""From documents to windows: the rows that a model is run on, and the batches they are run in.

A window is a stretch of one document, at most as long as the model's context, with the tokenizer's own leading special
tokens in front. Windows of a document follow each other without overlap; documents never share a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.corpus.readers import Document

NO_PART = 255
"""Stands for *unlabelled* where parts are kept as one byte a token."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive documents as tokens.

    ``ids`` and ``parts`` are the windows end to end, in the order of (document, window); window ``w`` is
    ``ids[starts[w]:starts[w + 1]]`` and belongs to document ``docs[w]``. ``windows_of`` counts each document's windows
    (0 for an empty one), ``first_doc`` is the ordinal of the first.
    """

    first_doc: int
    ids: NDArray[np.int32]
    parts: NDArray[np.uint8]
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
        encoded = self._encode(documents)
        ids: list[NDArray[np.int32]] = []
        parts: list[NDArray[np.uint8]] = []
        docs: list[int] = []
        windows_of = np.zeros(len(documents), np.int64)
        before = np.array(self.prefix, np.int32)
        unlabelled = np.full(len(before), NO_PART, np.uint8)
        for number, (document, (tokens, labels)) in enumerate(zip(documents, encoded, strict=True)):
            for start in range(0, len(tokens), self.stride):
                ids.append(np.concatenate((before, tokens[start : start + self.stride])))
                parts.append(np.concatenate((unlabelled, labels[start : start + self.stride])))
                docs.append(document.ordinal)
                windows_of[number] += 1
        starts = np.cumsum([0, *(len(window) for window in ids)], dtype=np.int64)
        return Shard(
            documents[0].ordinal,
            np.concatenate(ids) if ids else np.zeros(0, np.int32),
            np.concatenate(parts) if parts else np.zeros(0, np.uint8),
            starts,
            np.array(docs, np.int32),
            windows_of,
        )

    def _encode(self, documents: Sequence[Document]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.uint8]]]:
        labelled = bool(self.parts)
        code = {part: number for number, part in enumerate(self.parts)}
        encoded = self.tokenizer(
            [document.text for document in documents],
            add_special_tokens=False,
            return_attention_mask=False,
            return_offsets_mapping=labelled,
            verbose=False,
        )
        for number, document in enumerate(documents):
            ids = np.array(encoded["input_ids"][number], np.int32)
            labels = np.full(len(ids), NO_PART, np.uint8)
            if labelled and document.spans:
                ends = np.array([span.end for span in document.spans])
                names = np.array([code[span.part] for span in document.spans], np.uint8)
                first = np.array([start for start, _ in encoded["offset_mapping"][number]], np.int64)
                labels = names[np.minimum(np.searchsorted(ends, first, side="right"), len(names) - 1)]
            yield ids, labels


def in_shards(documents: Iterator[Document], size: int) -> Iterator[list[Document]]:
    """Documents by so many at a time; the last lot may be smaller."""
    while chunk := list(islice(documents, size)):
        yield chunk


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
