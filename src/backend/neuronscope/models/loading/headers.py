"""Headers of safetensors files: names, dtypes and shapes of the tensors, read without the tensors themselves."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path

from neuronscope.core.errors import CorruptModel

# Bits of a value, as the format names its dtypes.
_BITS = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "U8": 8, "I8": 8, "BOOL": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
_MAX_HEADER = 100 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor of a weight file. ``dtype`` is the format's name for it, such as ``BF16``."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int

    @property
    def values(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def read_header(path: Path) -> list[Stored]:
    """The tensors of one file, from its header alone; every offset is checked against the file's size.

    Raises :class:`CorruptModel` with what is wrong.
    """

    def broken(why: str) -> CorruptModel:
        return CorruptModel(f"'{path.name}' is not a sound safetensors file: {why}.", "Fetch or save the model anew.")

    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise broken("it is shorter than a header")
        length = struct.unpack("<Q", start)[0]
        if length > min(size - 8, _MAX_HEADER):
            raise broken("its header is longer than the file")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            raise broken("its header is not JSON") from None
    if not isinstance(header, dict):
        raise broken("its header is not an object")
    header.pop("__metadata__", None)
    found = []
    for name, entry in header.items():
        try:
            begin, stop = (int(offset) for offset in entry["data_offsets"])
            stored = Stored(name, str(entry["dtype"]), tuple(int(extent) for extent in entry["shape"]), stop - begin)
        except (KeyError, TypeError, ValueError):
            raise broken(f"the entry of {name[:60]} is malformed") from None
        bits = _BITS.get(stored.dtype)
        fits = bits is None or stored.bytes == -(-stored.values * bits // 8)
        if begin < 0 or stop < begin or stop > size - 8 - length or min(stored.shape, default=0) < 0 or not fits:
            raise broken(f"{name[:60]} lies outside of the file, as after an interrupted download")
        found.append(stored)
    return found
