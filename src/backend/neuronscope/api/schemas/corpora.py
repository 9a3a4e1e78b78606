"""Corpora: texts to build indexes over."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuronscope.api.schemas.common import Answer, Request


class CorpusEntry(Answer):
    corpus: str
    """Id: ``bundled`` or ``local/<name>``."""
    documents: int | None
    bytes: int | None
    fields: list[str]
    """What of JSON Lines or Parquet may hold the text: fields of text in the first line; empty for other kinds."""


class CorpusList(Answer):
    corpora: list[CorpusEntry]


class CorpusUpload(Request):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")
    format: Literal["text", "jsonl"] = "text"
    """``text``: documents separated by blank lines; ``jsonl``: one object a line, whose ``field`` is the text."""
    field: str = Field("text", min_length=1, max_length=200)
    content: str = Field(min_length=1)
