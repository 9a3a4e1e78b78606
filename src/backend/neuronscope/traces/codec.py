"""How steps and tensors become bytes: zstd over MessagePack, and one safetensors buffer per tensor."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgpack
import numpy as np
import zstandard
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from neuronscope.core.errors import Damaged
from neuronscope.core.events import Entry, Step, Token

MAX_CHUNK = 1 << 30
_TENSOR = "tensor"


def pack_step(step: Step) -> bytes:
    """Entries, inputs and top logits of a step; its scalar columns are stored beside them."""
    body = {
        "entries": [asdict(entry) for entry in step.entries],
        "inputs": [asdict(token) for token in step.inputs],
        "top": list(step.top),
    }
    return zstandard.compress(msgpack.packb(body), level=3)


def unpack_step(chunk: bytes) -> tuple[tuple[Entry, ...], tuple[Token, ...], tuple[dict[str, Any], ...]]:
    """Entries, inputs and top logits. Raises :class:`Damaged` for anything that :func:`pack_step` did not write."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(chunk, max_output_size=MAX_CHUNK)
        body = msgpack.unpackb(raw)
        entries = tuple(Entry(e["address"], tuple(e["shape"]), dict(e["stats"]), e["payload"]) for e in body["entries"])
        return entries, tuple(Token(**token) for token in body["inputs"]), tuple(body["top"])
    except (zstandard.ZstdError, ValueError, KeyError, TypeError, msgpack.UnpackException) as error:
        raise Damaged("A step of this trace can't be read.", "Its file was changed or cut short.") from error


def pack_tensor(values: NDArray[np.float32]) -> bytes:
    """One safetensors buffer that holds the tensor under the name ``tensor``."""
    return save({_TENSOR: np.ascontiguousarray(values)})


def unpack_tensor(data: bytes) -> NDArray[np.float32]:
    """The tensor of :func:`pack_tensor`. Raises :class:`Damaged` for anything else."""
    try:
        found: NDArray[np.float32] = load(data)[_TENSOR]
    except (SafetensorError, KeyError) as error:
        raise Damaged("A tensor of this trace can't be read.", "Its file was changed or cut short.") from error
    return found
