"""Corpora by what a person calls them: a file, a folder of files, or a data set of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from neuronscope.core.errors import BadRequest, NotFound
from neuronscope.corpus.hub import HUB, read_hub
from neuronscope.corpus.parquet import PARQUET, read_parquet
from neuronscope.corpus.readers import JSON_LINES, Corpus, Document, read_jsonl, read_text

TEXT = {".txt", ".text", ".md"}
HINT = "A corpus is a text, JSON Lines or Parquet file, a folder of them, or hf:NAME for a data set of the hub."


def open_source(ref: str, field: str = "text") -> Corpus:
    """The reader that fits what is named. ``field`` holds the text in JSON Lines, Parquet and data sets.

    Raises :class:`NotFound` where there is nothing, :class:`MissingExtra` where a package for it is not installed.
    """
    if ref.startswith(HUB):
        return read_hub(ref, field)
    path = Path(ref).expanduser()
    return read_folder(path, field) if path.is_dir() else read_file(path, field=field)


def read_file(path: Path | str, name: str | None = None, field: str = "text") -> Corpus:
    """The reader that fits the file's ending: ``.jsonl`` and ``.ndjson``, ``.parquet``; everything else is text."""
    ending = Path(path).suffix.lower()
    if not Path(path).is_file():
        raise NotFound(f"There is no file '{Path(path).name}'.", HINT)
    if ending in JSON_LINES:
        return read_jsonl(path, field, name)
    if ending in PARQUET:
        return read_parquet(path, field, name)
    return read_text(path, name)


def read_folder(folder: Path | str, field: str = "text", name: str | None = None) -> Corpus:
    """All corpus files in a folder and the folders in it, in the order of their paths, as one corpus.

    Files of other kinds and hidden ones are no part of it. Raises :class:`BadRequest` where there is none of ours.
    """
    root = Path(folder)
    known = TEXT | JSON_LINES | PARQUET
    files = sorted(
        (path.relative_to(root).parts, path)
        for path in root.rglob("*")
        if path.suffix.lower() in known
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    if not files:
        endings = ", ".join(sorted(known))
        raise BadRequest(f"The folder '{root.name}' holds no corpus files.", f"They end in {endings}.")
    corpora = [("/".join(parts), read_file(path, field=field)) for parts, path in files]

    def read() -> Iterator[Document]:
        ordinal = count()
        for shown, corpus in corpora:
            for document in corpus:
                yield replace(document, ordinal=next(ordinal), file=shown)

    return Corpus(name or root.resolve().name, read)
