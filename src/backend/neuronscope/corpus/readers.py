"""Corpora: numbered documents out of text files, JSON Lines files, strings and the bundled corpus.

A corpus knows nothing of models and tokens. It is read lazily and can be read again from the start.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from neuronscope.core.errors import BadRequest, NotFound
from neuronscope.models.bundled.corpus import Span

BUNDLED_DOCUMENTS = 2000
"""Documents of the bundled corpus where nobody says how many."""
JSON_LINES = {".jsonl", ".ndjson"}
BUNDLED_SEED = 2024
"""Seed of the bundled corpus as indexes read it: other documents than those the model was trained on."""


@dataclass(frozen=True, slots=True)
class Document:
    """One text of a corpus. ``ordinal`` counts from 0 and counts empty documents too.

    ``spans`` cover the text with the names of its parts, where the corpus labels them. ``file`` and ``line`` say where it
    came from: the line it starts on, or the row of a table, from 1; ``None`` and 0 where it came from no file.
    """

    ordinal: int
    text: str
    spans: tuple[Span, ...] | None = None
    file: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What one reading of a whole corpus tells: a hash over its content, its documents and their bytes in UTF-8."""

    hash: str
    documents: int
    bytes: int


class Digest:
    """A running hash over documents: equal for equal texts in equal order, wherever they were read from."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._documents = 0
        self._bytes = 0

    def add(self, document: Document) -> None:
        """Take in the next document; its length goes first, so that moving a boundary changes the hash."""
        data = document.text.encode()
        self._hash.update(len(data).to_bytes(8, "little"))
        self._hash.update(data)
        for span in document.spans or ():
            self._hash.update(f"{span.start}:{span.end}:{span.part}\0".encode())
        self._documents += 1
        self._bytes += len(data)

    def summary(self) -> Summary:
        """The state so far."""
        return Summary(self._hash.hexdigest(), self._documents, self._bytes)


class Corpus:
    """Documents that can be iterated any number of times, a name to show, and a hash over what they say.

    ``open_documents`` starts a fresh reading; ``parts`` names the labels that spans may carry, in a fixed order.
    """

    def __init__(
        self,
        name: str,
        open_documents: Callable[[], Iterator[Document]],
        parts: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.parts = parts
        self._open = open_documents

    def __iter__(self) -> Iterator[Document]:
        return self._open()

    @cached_property
    def summary(self) -> Summary:
        """Hash and size, from one reading of everything; a broken document anywhere raises :class:`BadRequest`."""
        digest = Digest()
        for document in self:
            digest.add(document)
        return digest.summary()

    @property
    def hash(self) -> str:
        """SHA-256 over the documents, in hexadecimal."""
        return self.summary.hash

    def first(self, documents: int | None) -> Corpus:
        """This corpus cut after so many documents; itself for ``None``."""
        if documents is None:
            return self
        return Corpus(self.name, lambda: itertools.islice(self._open(), documents), self.parts)


def from_texts(texts: Iterable[str], name: str = "texts") -> Corpus:
    """A corpus of strings held in memory."""
    kept = tuple(texts)
    return Corpus(name, lambda: (Document(ordinal, text) for ordinal, text in enumerate(kept)))


def bundled(documents: int | None = None, seed: int = BUNDLED_SEED) -> Corpus:
    """The corpus that the bundled model was trained on, regenerated, each character labelled with its part.

    ``documents`` are :data:`BUNDLED_DOCUMENTS` where it is ``None``.
    """
    from neuronscope.models.bundled.corpus import PARTS, generate

    count = BUNDLED_DOCUMENTS if documents is None else documents

    def read() -> Iterator[Document]:
        for ordinal, made in enumerate(generate(seed, count)):
            yield Document(ordinal, made.text, made.spans)

    return Corpus("bundled", read, PARTS)


def read_text(path: Path | str, name: str | None = None) -> Corpus:
    """A UTF-8 text file whose documents are separated by blank lines."""
    file = _existing(path)

    def read() -> Iterator[Document]:
        ordinal, first, lines = 0, 0, list[str]()
        for number, line in _lines(file):
            if line.strip():
                first = first if lines else number
                lines.append(line)
            elif lines:
                yield Document(ordinal, "\n".join(lines), None, file.name, first)
                ordinal, lines = ordinal + 1, []
        if lines:
            yield Document(ordinal, "\n".join(lines), None, file.name, first)

    return Corpus(name or file.stem, read)


def read_jsonl(path: Path | str, field: str = "text", name: str | None = None) -> Corpus:
    """A UTF-8 file with one JSON object a line, the document in one of its fields. Blank lines are no documents."""
    file = _existing(path)

    def read() -> Iterator[Document]:
        numbered = ((number, line) for number, line in _lines(file) if line.strip())
        for ordinal, (number, line) in enumerate(numbered):
            text = _field_of(line, field, f"Line {number} of '{file.name}'")
            yield Document(ordinal, text, None, file.name, number)

    return Corpus(name or file.stem, read)


def _existing(path: Path | str) -> Path:
    file = Path(path)
    if not file.is_file():
        raise NotFound(f"There is no file '{file.name}'.", "A corpus is a text file or a JSON Lines file.")
    return file


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, from 1, without their ends."""
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise BadRequest(
                    f"Line {number} of '{file.name}' is not valid UTF-8 (byte {error.start + 1} of the line).",
                    "Convert the file to UTF-8.",
                ) from None
            yield number, text.rstrip("\r\n")


def _field_of(line: str, field: str, where: str) -> str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "too deep or too large"
        raise BadRequest(f"{where} is not valid JSON: {reason}.", "Each line holds one JSON object.") from None
    if not isinstance(row, dict):
        raise BadRequest(f"{where} is not a JSON object.", f'Each line reads like {{"{field}": "…"}}.')
    text = row.get(field)
    if not isinstance(text, str):
        what = "has no field" if field not in row else "holds no text in its field"
        hint = (
            f"Each line needs a field '{field}' with its text. Another is named with --field on the command line, "
            "field= in Python, “Field of the text” on the page."
        )
        raise BadRequest(f"{where} {what} '{field}'.", hint)
    return sound(text, where)


def sound(text: str, where: str) -> str:
    """The same text, if it has a form in UTF-8; what lone surrogates stand for is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{where} holds half of a surrogate pair.", "Such a text has no form in UTF-8.") from None
    return text
