"""Uploaded corpora: one file each, under a name that the schema has checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from neuronscope.api.schemas.corpora import CorpusEntry, CorpusList, CorpusUpload
from neuronscope.core.errors import BadRequest, Conflict, NotFound
from neuronscope.runtime.workspace import Workspace, remove, write_private

if TYPE_CHECKING:
    from neuronscope.corpus.readers import Corpus, Document

SUFFIXES = {"text": ".txt", "jsonl": ".jsonl"}
KEPT = (*SUFFIXES.values(), ".parquet")
"""A Parquet file can't be sent as JSON, but may be put into the workspace's folder ``corpora``."""
PREFIX = "local/"
FIRST_LINE = 1 << 20
"""Characters of a file's first line that are looked at for the names of its fields."""
BUNDLED = "bundled"


def entries(workspace: Workspace) -> CorpusList:
    """The bundled corpus, then the uploaded ones by name."""
    found = [CorpusEntry(corpus=BUNDLED, documents=None, bytes=None, fields=[])]
    for path in sorted(workspace.corpora.iterdir()):
        if path.suffix in KEPT:
            found.append(_entry(path, None))
    return CorpusList(corpora=found)


def save(workspace: Workspace, body: CorpusUpload) -> CorpusEntry:
    """Keep a text, once it has been read as what it claims to be. A name that is taken is refused."""
    from neuronscope.corpus.sources import read_file

    if any((workspace.corpora / (body.name + suffix)).exists() for suffix in KEPT):
        raise Conflict(f"There is a corpus '{body.name}' already.", "Choose another name.")
    path = workspace.corpora / (body.name + SUFFIXES[body.format])
    write_private(path, body.content)
    try:
        count = read_file(path, field=body.field).summary.documents
        if count == 0:
            raise BadRequest("The corpus has no documents.", "Documents are separated by blank lines.")
    except BaseException:
        remove(path)
        raise
    return _entry(path, count)


def _entry(path: Path, documents: int | None) -> CorpusEntry:
    size = path.stat().st_size
    return CorpusEntry(corpus=PREFIX + path.stem, documents=documents, bytes=size, fields=text_fields(path))


def text_fields(path: Path) -> list[str]:
    """Fields of text in the first line of a JSON Lines file, columns of text of a Parquet file; empty where none is seen.

    A file that can't be read says so when an index is built of it.
    """
    if path.suffix == ".parquet":
        return _columns(path) if find_spec("pyarrow") is not None else []
    if path.suffix != ".jsonl":
        return []
    try:
        with path.open(encoding="utf-8") as file:
            row = json.loads(file.readline(FIRST_LINE))
    except (OSError, ValueError):
        return []
    return [name for name, value in row.items() if isinstance(value, str)] if isinstance(row, dict) else []


def _columns(path: Path) -> list[str]:
    import pyarrow as arrow
    from pyarrow import types
    from pyarrow.parquet import read_schema

    try:
        schema = read_schema(path)
    except (arrow.ArrowException, OSError):
        return []
    return [one.name for one in schema if types.is_string(one.type) or types.is_large_string(one.type)]


def watched(corpus: Corpus, check: Callable[[], None]) -> Corpus:
    """The same documents, asking ``check`` before each: even counting a large corpus can then be stopped."""
    from neuronscope.corpus.readers import Corpus

    def read() -> Iterator[Document]:
        for document in corpus:
            check()
            yield document

    return Corpus(corpus.name, read, corpus.parts)


def open_corpus(workspace: Workspace, corpus: str, documents: int | None, field: str = "text") -> Corpus:
    """The documents behind a corpus's id, cut after so many; :class:`NotFound` where there is none of that name."""
    from neuronscope.corpus.hub import HUB, read_hub
    from neuronscope.corpus.readers import bundled
    from neuronscope.corpus.sources import read_file

    if corpus == BUNDLED:
        return bundled(documents)
    if corpus.startswith(HUB):
        return read_hub(corpus, field).first(documents)
    # The name is compared with what is there, never made into a path.
    for path in sorted(workspace.corpora.iterdir()):
        if path.suffix in KEPT and PREFIX + path.stem == corpus:
            return read_file(path, corpus, field).first(documents)
    raise NotFound(f"There is no corpus '{corpus}'.", "GET /api/corpora lists them.")
