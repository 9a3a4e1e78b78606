"""How arrays lie on disk: ``.npy`` files in one folder, each written so that it need not fit in memory."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from neuronscope.core.errors import Damaged

_CHUNK = 1 << 24


def write_bytes(stream: BinaryIO, data: memoryview) -> None:
    """The one place that writes array data: unlike NumPy's own writer it says why it failed."""
    for start in range(0, len(data), _CHUNK):
        stream.write(data[start : start + _CHUNK])


def save(path: Path, array: NDArray[Any]) -> None:
    """Write an array as ``.npy``."""
    with Appender(path, array.dtype, array.shape[1:]) as file:
        file.append(array)


class Appender:
    """An ``.npy`` file that grows along its first axis, so that what it holds need not fit in memory."""

    def __init__(self, path: Path, dtype: np.dtype[Any] | type, row: tuple[int, ...] = ()) -> None:
        self.rows = 0
        self._dtype = np.dtype(dtype)
        self._row = row
        self._stream = path.open("wb")
        self._header()

    def append(self, array: NDArray[Any]) -> None:
        """Add rows."""
        data = np.ascontiguousarray(array, self._dtype)
        if data.shape[1:] != self._row:
            raise ValueError(f"rows of shape {data.shape[1:]} in a file of rows of shape {self._row}")
        self.rows += data.shape[0]
        if data.size:
            write_bytes(self._stream, data.reshape(-1).view(np.uint8).data)

    def close(self) -> None:
        """Write the final number of rows into the header: NumPy pads it so that it fits."""
        try:
            self._stream.seek(0)
            self._header()
        finally:
            self._stream.close()

    def __enter__(self) -> Appender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            with contextlib.suppress(OSError):
                self._stream.close()

    def _header(self) -> None:
        described = npy.dtype_to_descr(self._dtype)
        npy.write_array_header_1_0(
            self._stream, {"descr": described, "fortran_order": False, "shape": (self.rows, *self._row)}
        )


def save_json(path: Path, value: object) -> None:
    """Write JSON, readable by a person."""
    with path.open("w", encoding="utf-8") as stream:
        json.dump(value, stream, ensure_ascii=False, indent=1)


def load_json(path: Path) -> Any:
    """Read JSON; :class:`Damaged` where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Damaged(
            f"'{path.name}' of the index '{path.parent.name}' can't be read.", "Build the index anew."
        ) from error


def load(path: Path, dtype: np.dtype[Any] | type, shape: tuple[int, ...]) -> NDArray[Any]:
    """Map an ``.npy`` file into memory; :class:`Damaged` unless it is whole and has this dtype and shape."""
    try:
        array: NDArray[Any] = npy.open_memmap(path, mode="r") if 0 not in shape else _empty(path)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise Damaged(
            f"'{path.name}' of the index '{path.parent.name}' is missing or damaged.", "Build the index anew."
        ) from error
    if array.shape != shape or array.dtype != np.dtype(dtype):
        raise Damaged(
            f"'{path.name}' of the index '{path.parent.name}' holds {array.dtype} {array.shape}, "
            f"not {np.dtype(dtype)} {shape} as its manifest says.",
            "Build the index anew.",
        )
    # A plain array over the same pages: indexing a memmap object costs several times as much.
    return array.view(np.ndarray)


def _empty(path: Path) -> NDArray[Any]:
    # Nothing can be mapped from a file without rows.
    with path.open("rb") as stream:
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    return array


def damaged(folder: Path, what: str) -> Damaged:
    return Damaged(f"The index '{folder.name}' is damaged: {what}.", "Build the index anew.")


def folder_bytes(folder: Path) -> int:
    """Size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def commit(folder: Path, place: Path) -> None:
    """Have the system write a folder's files out, then give it its name: it is there whole or not at all."""
    to_disk(folder)
    folder.rename(place)
    _folder_to_disk(place.parent)


def to_disk(folder: Path) -> None:
    """Have the system write out everything that lies in a folder."""
    for path in folder.iterdir():
        if path.is_file():
            with path.open("r+b") as stream:
                os.fsync(stream.fileno())
    _folder_to_disk(folder)


def _folder_to_disk(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder can't be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
