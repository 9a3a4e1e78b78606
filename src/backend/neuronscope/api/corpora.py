"""Uploaded corpora: one file each, under a name that the schema has checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
BUNDLED = "bundled"


def entries(workspace: Workspace) -> CorpusList:
    """The bundled corpus, then the uploaded ones by name."""
    found = [CorpusEntry(corpus=BUNDLED, documents=None, bytes=None)]
    for path in sorted(workspace.corpora.iterdir()):
        if path.suffix in KEPT:
            found.append(CorpusEntry(corpus=PREFIX + path.stem, documents=None, bytes=path.stat().st_size))
    return CorpusList(corpora=found)


def save(workspace: Workspace, body: CorpusUpload) -> CorpusEntry:
    """Keep a text, once it has been read as what it claims to be. A name that is taken is refused."""
    from neuronscope.corpus.sources import read_file

    if any((workspace.corpora / (body.name + suffix)).exists() for suffix in KEPT):
        raise Conflict(f"There is a corpus '{body.name}' already.", "Choose another name.")
    path = workspace.corpora / (body.name + SUFFIXES[body.format])
    write_private(path, body.content)
    try:
        count = read_file(path).summary.documents
        if count == 0:
            raise BadRequest("The corpus has no documents.", "Documents are separated by blank lines.")
    except BaseException:
        remove(path)
        raise
    return CorpusEntry(corpus=PREFIX + body.name, documents=count, bytes=path.stat().st_size)


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
