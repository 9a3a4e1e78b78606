"""Documents packed into rows of tokens, under a mask that keeps them apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from tokenizers import Tokenizer
from torch import Tensor

from neuronscope.models.bundled.corpus import Document

PAD_ID, BOS_ID, END_ID = 0, 1, 2
IGNORED = -100


class Source(Protocol):
    """Gives document `number` of an endless corpus, and those after it."""

    def __call__(self, number: int) -> Iterator[Document]: ...


@dataclass(frozen=True)
class Batch:
    """`ids`, `labels` int64 [row, position]; `mask` bool [row, 1, query, key]."""

    ids: Tensor
    labels: Tensor
    mask: Tensor
    tokens: int
    next_document: int


def encode(tokenizer: Tokenizer, text: str, width: int) -> list[int]:
    """Token ids of a document between its opening and closing tokens, cut at `width`."""
    ids = tokenizer.encode(text).ids
    return (ids if ids[-1] == END_ID else [*ids, END_ID])[:width]


def pack(tokenizer: Tokenizer, source: Source, first: int, rows: int, width: int) -> Batch:
    """Fill `rows` rows with whole documents, from document number `first` on.

    A document never sees another one in its row, and no document's end predicts the next one's
    opening token.
    """
    ids = torch.full((rows, width), PAD_ID)
    labels = torch.full((rows, width), IGNORED)
    owner = torch.full((rows, width), -1)
    row, column, number, tokens = 0, 0, first, 0
    for document in source(first):
        encoded = encode(tokenizer, document.text, width)
        if column + len(encoded) > width:
            row, column = row + 1, 0
            if row == rows:
                break
        end = column + len(encoded)
        ids[row, column:end] = torch.tensor(encoded)
        labels[row, column : end - 1] = torch.tensor(encoded[1:])
        owner[row, column:end] = number
        column, number, tokens = end, number + 1, tokens + len(encoded)
    same = owner[:, :, None] == owner[:, None, :]
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    return Batch(ids, labels, (same & causal)[:, None], tokens, number)
