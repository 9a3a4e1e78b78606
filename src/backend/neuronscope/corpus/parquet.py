"""Parquet files as corpora, through pyarrow, which is an extra: ``pip install 'neuronscope[parquet]'``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from neuronscope.core.errors import BadRequest, NotFound
from neuronscope.corpus.readers import Corpus, Document, sound

PARQUET = {".parquet", ".pq"}
ROWS = 256
"""Rows that are read at a time."""


def need(package: str, extra: str, what: str) -> None:
    """Raise a sentence that says what to install where a package is missing."""
    if find_spec(package) is None:
        raise BadRequest(
            f"{what} needs the package {package}, which is not installed.",
            f"pip install 'neuronscope[{extra}]', or pip install {package}.",
        )


def read_parquet(path: Path | str, field: str = "text", name: str | None = None) -> Corpus:
    """A Parquet file with a document a row, in the column ``field``. Empty rows are documents without text.

    Raises :class:`BadRequest` where pyarrow is missing, the file is none, or it has no such column of text.
    """
    file = Path(path)
    if not file.is_file():
        raise NotFound(f"There is no file '{file.name}'.")
    need("pyarrow", "parquet", "Reading Parquet")
    _check(file, field)

    def read() -> Iterator[Document]:
        import pyarrow as arrow
        from pyarrow.parquet import ParquetFile

        ordinal = 0
        try:
            with ParquetFile(file) as table:
                for batch in table.iter_batches(ROWS, columns=[field]):
                    # Straight from the bytes: what pyarrow calls text need not be sound UTF-8.
                    column = batch.column(0).cast(arrow.large_binary())
                    for cell in column:
                        where = f"Row {ordinal + 1} of '{file.name}'"
                        yield Document(ordinal, _text(cell.as_py(), where), None, file.name, ordinal + 1)
                        ordinal += 1
        except (arrow.ArrowException, OSError) as error:
            raise BadRequest(f"'{file.name}' is damaged after row {ordinal}.", "Fetch or write it anew.") from error

    return Corpus(name or file.stem, read)


def _check(file: Path, field: str) -> None:
    import pyarrow as arrow
    from pyarrow import types
    from pyarrow.parquet import read_schema

    try:
        schema = read_schema(file)
    except (arrow.ArrowException, OSError) as error:
        raise BadRequest(f"'{file.name}' is not a Parquet file, or is damaged.", "Fetch or write it anew.") from error
    if field not in schema.names:
        shown = ", ".join(f"'{name}'" for name in schema.names[:20]) or "none"
        raise BadRequest(f"'{file.name}' has no column '{field}'.", f"It has {shown}; name one of them.")
    kind = schema.field(field).type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if not (types.is_string(kind) or types.is_large_string(kind)):
        raise BadRequest(f"The column '{field}' of '{file.name}' holds {kind}, not text.", "Name a column of text.")


def _text(data: bytes | None, where: str) -> str:
    if data is None:
        return ""
    try:
        return sound(data.decode(), where)
    except UnicodeDecodeError as error:
        message = f"{where} is not valid UTF-8 (byte {error.start + 1} of the text)."
        raise BadRequest(message, "Write the file anew with sound text.") from None
