"""GGUF files, looked at before anything of them is loaded: sound, readable by transformers, and how large.

Only the header is read, with every length checked against the file: the libraries that read the rest believe it.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from neuronscope.core.errors import CorruptModel, NeuronScopeError, UnsupportedModel
from neuronscope.models.loading.headers import Stored
from neuronscope.models.loading.sizes import Sizes

SUFFIX = ".gguf"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_MANY = 1 << 20
_DIMENSIONS = 4
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a file says of itself. Arrays in ``facts`` are their lengths."""

    facts: dict[str, Any]
    tensors: tuple[Stored, ...]

    @property
    def family(self) -> str:
        return str(self.facts["general.architecture"])


def read_gguf(path: Path) -> GgufHeader:
    """The header of a file. Raises :class:`CorruptModel` with what is wrong, :class:`UnsupportedModel` for old kinds."""
    try:
        with path.open("rb") as file:
            return _Reader(path, file).header()
    except OSError as error:
        raise CorruptModel(
            f"'{path.name}' can't be read: {error.strerror or error}.", "Fetch or convert the file anew."
        ) from error


def gguf_sizes(header: GgufHeader) -> Sizes:
    """Sizes from a header: its own facts and the shapes of its tensors."""
    tensors, name = header.tensors, header.family

    def fact(key: str) -> int:
        value = header.facts.get(f"{name}.{key}")
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else 0

    width, heads = fact("embedding_length"), fact("attention.head_count")
    head_width = fact("attention.key_length") or (width // heads if heads else 0)
    embedding = next((t for t in tensors if t.name == "token_embd.weight" and len(t.shape) == 2), None)
    kinds = {t.dtype for t in tensors if len(t.shape) == 2}
    return Sizes(
        parameters=sum(t.values for t in tensors),
        linear=sum(t.values for t in tensors if len(t.shape) == 2 and t.name.startswith("blk.")),
        layers=fact("block_count"),
        width=width,
        mlp=fact("feed_forward_length") or 4 * width,
        kv_width=(fact("attention.head_count_kv") or heads) * head_width,
        vocabulary=embedding.shape[0] if embedding else 0,
        context=fact("context_length") or None,
        dtype=_DTYPES.get(next(iter(kinds)), "float16") if len(kinds) == 1 else "float16",
        largest=max((t.values for t in tensors), default=0),
    )


@cache
def _block_sizes() -> dict[int, tuple[str, int, int]]:
    """Of each kind of tensor its name, and how many values take how many bytes."""
    from gguf.constants import GGML_QUANT_SIZES

    return {int(kind): (kind.name, *size) for kind, size in GGML_QUANT_SIZES.items()}


class _Reader:
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._size = path.stat().st_size

    def header(self) -> GgufHeader:
        if self._file.read(4) != b"GGUF":
            raise self._broken("it does not start as one")
        version = self._number("<I")
        if version not in _VERSIONS:
            raise UnsupportedModel(
                f"'{self._path.name}' is GGUF version {version}; versions 2 and 3 can be read.",
                "Convert it anew with a current llama.cpp.",
            )
        tensor_count, fact_count = self._number("<Q"), self._number("<Q")
        if tensor_count > _MANY or fact_count > _MANY:
            raise self._broken("it claims more entries than a model can have")
        facts = {}
        for _ in range(fact_count):
            key = self._text()
            facts[key] = self._value(self._number("<I"))
        if not isinstance(facts.get("general.architecture"), str):
            raise self._broken("it does not say which architecture it holds")
        entries = [self._entry() for _ in range(tensor_count)]
        alignment = facts.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            raise self._broken("its alignment makes no sense")
        start = -(-self._file.tell() // alignment) * alignment
        for stored, offset in entries:
            if start + offset + stored.bytes > self._size:
                raise self._broken(f"{stored.name[:60]} lies outside of the file, as after an interrupted download")
        return GgufHeader(facts, tuple(stored for stored, _ in entries))

    def _entry(self) -> tuple[Stored, int]:
        name = self._text()
        dimensions = self._number("<I")
        if not 0 < dimensions <= _DIMENSIONS:
            raise self._broken(f"{name[:60]} has {dimensions} dimensions")
        # The fastest-moving dimension comes first here, last in torch.
        shape = tuple(reversed([self._number("<Q") for _ in range(dimensions)]))
        kind, offset = self._number("<I"), self._number("<Q")
        if kind not in _block_sizes():
            raise UnsupportedModel(
                f"'{self._path.name}' holds tensors of kind {kind}, which is not known here.",
                "Take a file with a usual quantization such as Q8_0 or Q4_K_M.",
            )
        label, values, size = _block_sizes()[kind]
        count = math.prod(shape)
        if count % values:
            raise self._broken(f"{name[:60]} is no whole number of blocks")
        return Stored(name, label, shape, count // values * size), offset

    def _value(self, kind: int) -> Any:
        if kind in _NUMBERS:
            return self._number(_NUMBERS[kind])
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            raise self._broken(f"it has a value of unknown type {kind}")
        inner, length = self._number("<I"), self._number("<Q")
        if inner in _NUMBERS:
            self._skip(length * struct.calcsize(_NUMBERS[inner]))
        elif inner == _STRING and length <= self._left() // 8:
            for _ in range(length):
                self._skip(self._number("<Q"))
        else:
            raise self._broken("it has an array that can't be read")
        return length

    def _number(self, form: str) -> Any:
        raw = self._file.read(struct.calcsize(form))
        if len(raw) < struct.calcsize(form):
            raise self._broken("it ends within its header, as after an interrupted download")
        return struct.unpack(form, raw)[0]

    def _text(self) -> str:
        length = self._number("<Q")
        if length > self._left():
            raise self._broken("it ends within its header, as after an interrupted download")
        raw: bytes = self._file.read(length)
        return raw.decode("utf-8", errors="replace")

    def _skip(self, count: int) -> None:
        if count > self._left():
            raise self._broken("it ends within its header, as after an interrupted download")
        self._file.seek(count, 1)

    def _left(self) -> int:
        return self._size - self._file.tell()

    def _broken(self, why: str) -> NeuronScopeError:
        return CorruptModel(f"'{self._path.name}' is not a sound GGUF file: {why}.", "Fetch or convert the file anew.")
