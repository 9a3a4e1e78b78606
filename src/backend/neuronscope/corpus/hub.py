"""Data sets of the Hugging Face hub as corpora, streamed, through an extra: ``pip install 'neuronscope[datasets]'``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from neuronscope.core.errors import BadRequest, NotFound, Offline
from neuronscope.corpus.parquet import need
from neuronscope.corpus.readers import Corpus, Document, sound

HUB = "hf:"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_PART = re.compile(r"[\w.\[\]%:-]{0,100}")


def read_hub(ref: str, field: str = "text") -> Corpus:
    """``hf:NAME``, ``hf:NAME:CONFIGURATION`` or ``hf:NAME:CONFIGURATION:SPLIT`` (``train`` where none is named).

    Nothing is kept on this machine; the set is read once for its hash and once to be indexed, so cut a large one after so
    many documents. Scripts of a data set are never run.
    Raises :class:`BadRequest` for a name that is none or a missing package, and while reading for a missing field,
    :class:`NotFound` for an unknown set, :class:`Offline` where the hub can't be reached.
    """
    name, _, rest = ref.removeprefix(HUB).partition(":")
    configuration, _, split = rest.partition(":")
    if not _NAME.fullmatch(name) or not _PART.fullmatch(configuration) or not _PART.fullmatch(split):
        raise BadRequest(f"'{ref[:100]}' names no data set.", "For example hf:roneneldan/TinyStories.")
    need("datasets", "datasets", "Reading a data set of the hub")
    return stream(name, configuration or None, split or "train", field, ref)


def stream(path: str, configuration: str | None, split: str, field: str, shown: str) -> Corpus:
    """The rows of one split, each time from the start; ``path`` is a hub id, or a folder in the hub's layout."""

    def read() -> Iterator[Document]:
        rows = _guarded(lambda: iter(_open(path, configuration, split)), shown)
        ordinal = 0
        while True:
            row = _guarded(lambda: next(rows, None), shown)
            if row is None:
                return
            text = row.get(field)
            where = f"Row {ordinal + 1} of '{shown}'"
            if not isinstance(text, str):
                names = ", ".join(f"'{name}'" for name in list(row)[:20])
                raise BadRequest(f"{where} has no text in a field '{field}'.", f"It has {names}; name one of them.")
            yield Document(ordinal, sound(text, where), None, shown, ordinal + 1)
            ordinal += 1

    return Corpus(shown, read)


def _open(path: str, configuration: str | None, split: str) -> Any:
    from datasets import load_dataset

    return load_dataset(path, configuration, split=split, streaming=True)


def _guarded(work: Any, shown: str) -> Any:
    from datasets.exceptions import DatasetNotFoundError

    try:
        return work()
    except DatasetNotFoundError as error:
        raise NotFound(f"The hub has no data set '{shown}', or it is not open to you.", "Check its name.") from error
    except ValueError as error:  # an unknown configuration or split; the message lists those that there are
        first = str(error).strip().splitlines()[0][:300]
        raise BadRequest(f"'{shown}' can't be read: {first}") from error
    except (OSError, RuntimeError) as error:
        raise Offline(
            f"'{shown}' can't be fetched: {type(error).__name__}.",
            "Check the connection, or HF_HUB_OFFLINE; a corpus from a file needs neither.",
        ) from error
