"""Payload values as bytes and back: float32, float16, or 8 bits with a scale for each row.

How far a value that is read may be from the one that was there:

- ``f32``: not at all.
- ``f16``: at most 2⁻¹¹ of its magnitude, or 2⁻²⁵ where that is more (below 2⁻¹⁴ float16 has fixed steps).
- ``q8``: at most 1/253 of the row's largest magnitude, which is half a step (that magnitude / 127) and a little for the
  step's own rounding. Rows below 2⁻¹¹⁹ throughout become zeros.

What float16 can't hold (beyond ±65504, infinite, not a number) makes its payload ``f32``, whatever was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.errors import Damaged
from neuronscope.core.trace_config import MOST_TILE_SIDE

F32 = NDArray[np.float32]
Q8_STEPS = 127
Q8_BOUND = 1 / 253
"""Largest error of ``q8`` over the largest magnitude of the row."""
F16_RELATIVE, F16_ABSOLUTE = 2.0**-11, 2.0**-25
INDEX = {"u16": "<u2", "u32": "<u4"}
_VALUE = {"f32": "<f4", "f16": "<f2", "q8": "<i1"}


def encode_values(values: F32, quantization: str) -> dict[str, Any]:
    """``{dtype, values}``, and for ``q8`` ``scales``, float32, one for each row along the last axis."""
    return encode_many(values[None], quantization)[0]


def halves_by_numpy(values: F32) -> NDArray[np.float16]:
    """In float16; what it can't hold becomes infinite."""
    with np.errstate(over="ignore"):
        return values.astype("<f2")


def encode_many(
    values: F32, quantization: str, halve: Callable[[F32], NDArray[np.float16]] = halves_by_numpy
) -> list[dict[str, Any]]:
    """:func:`encode_values` of each entry along the first axis, converted all at once, to float16 by ``halve``."""
    made: list[dict[str, Any]] = [{} for _ in values]
    for kept, dtype, columns in encode_rows(values, quantization, halve):
        parts = {name: split_bytes(column) for name, column in columns.items()}
        for n, row in enumerate(range(len(values)) if kept is None else kept.tolist()):
            made[row] = {"dtype": dtype, **{name: part[n] for name, part in parts.items()}}
    return made


Rows = NDArray[np.intp] | None


def encode_rows(
    values: F32, quantization: str, halve: Callable[[F32], NDArray[np.float16]] = halves_by_numpy
) -> list[tuple[Rows, str, dict[str, NDArray[Any]]]]:
    """Entries along the first axis as arrays: which of them, their dtype, and ``values`` and, of ``q8``, ``scales``.

    ``None`` stands for all. Those that hold what the quantization can't are apart, as ``f32``.
    """
    halves: NDArray[np.float16] | None = None
    if not len(values):
        return []
    if quantization == "f16":
        halves = halve(values)
        # An exponent of ones is infinity or no number.
        broken = (halves.view(np.uint16) & 0x7C00) == 0x7C00
        fits = np.ones(len(values), bool) if not broken.any() else ~broken.reshape(len(values), -1).any(axis=1)
    elif quantization == "q8":
        fits = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    else:
        return [(None, "f32", {"values": values.astype("<f4", copy=False)})]
    if fits.all():
        return [(None, quantization, _short(values, halves))]
    found: list[tuple[Rows, str, dict[str, NDArray[Any]]]] = []
    kept, whole = np.flatnonzero(fits), np.flatnonzero(~fits)
    if len(kept):
        found.append((kept, quantization, _short(values[kept], None if halves is None else halves[kept])))
    found.append((whole, "f32", {"values": values[whole].astype("<f4", copy=False)}))
    return found


def _short(values: F32, halves: NDArray[np.float16] | None) -> dict[str, NDArray[Any]]:
    return _steps_and_scales(values) if halves is None else {"values": halves}


def split_bytes(values: NDArray[Any]) -> list[bytes]:
    """The bytes of each entry along the first axis."""
    whole, size = values.tobytes(), values[0].nbytes if len(values) else 0
    return [whole[n * size : (n + 1) * size] for n in range(len(values))]


def _steps_and_scales(values: F32) -> dict[str, NDArray[Any]]:
    largest = np.abs(values).max(axis=-1, keepdims=True, initial=0)
    scales = (largest / np.float32(Q8_STEPS)).astype("<f4")
    # A scale below float32's normal range has too few digits left; such rows are zeros to every purpose.
    tiny = scales < np.finfo(np.float32).tiny
    scales[tiny] = 0
    steps = np.rint(values / np.where(tiny, np.float32(1), scales))
    steps[np.broadcast_to(tiny, steps.shape)] = 0
    return {"values": steps.astype("<i1"), "scales": scales}


def decode_values(payload: Mapping[str, Any], shape: tuple[int, ...]) -> F32:
    """The values of a payload in a shape. Raises :class:`Damaged` where they are not that many."""
    try:
        raw = np.frombuffer(payload["values"], _VALUE[payload["dtype"]]).reshape(shape)
        if payload["dtype"] != "q8":
            return raw.astype(np.float32)
        scales = np.frombuffer(payload["scales"], "<f4").reshape(*shape[:-1], 1)
        found: F32 = raw.astype(np.float32) * scales
        return found
    except (KeyError, ValueError, TypeError) as error:
        raise Damaged("A payload of this trace can't be read.", "Its file was changed or cut short.") from error


def index_dtype(size: int) -> str:
    """``u16`` where indices below ``size`` fit it, else ``u32``."""
    return "u16" if size <= 1 << 16 else "u32"


def decode_indices(payload: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """A payload's indices of that name. Raises :class:`Damaged` where they are not that many."""
    try:
        return np.frombuffer(payload[name], INDEX[payload["index_dtype"]]).reshape(shape).astype(np.int64)
    except (KeyError, ValueError, TypeError) as error:
        raise Damaged("A payload of this trace can't be read.", "Its file was changed or cut short.") from error


def size_of(payload: Mapping[str, Any] | None) -> int:
    """Bytes that a payload's arrays take before compression."""
    return 0 if payload is None else sum([len(value) for value in payload.values() if type(value) is bytes])


def decode(payload: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """Everything in a payload as arrays, by its ``kind``; ``shape`` is that of the entry.

    - ``topk_hidden``: ``positions [n]``, ``indices [n, k]`` into the position's values laid flat, ``values [n, k]``,
      strongest by |x| first
    - ``sampled_hidden``: ``positions [n]``, ``indices [w]``, ``values [n, w]``
    - ``full`` and ``attention_matrix``: ``values`` in the entry's shape
    - ``tile``: ``values [height, width]``, row by row, NaN in cells that hold nothing, ``positions [1]``, ``source``, and
      by that ``run`` (order: a cell is the mean of so many units, the last one of what is left), ``seed`` (random) or
      ``reference`` (pca), as :mod:`neuronscope.capture.tiles` has them
    - ``attention_row``: ``values [h, k]``, ``first_key``, the position of the first
    - ``attention_summary``: ``keys [h, n]`` as positions and ``weights [h, n]``, heaviest first, ``entropy [h]`` in nats,
      ``max [h]``, ``argmax [h]``
    - ``topk_logits``: ``ids [n]``, ``logits [n]``
    """
    kind = payload.get("kind")
    positions = np.array(payload.get("positions", ()), np.int64)
    if kind in ("full", "attention_matrix"):
        return {"values": decode_values(payload, shape), "first_key": payload.get("first_key", 0)}
    if kind == "attention_row":
        row = (shape[0], shape[-1])
        return {"values": decode_values(payload, row), "first_key": payload["first_key"]}
    if kind == "topk_hidden":
        size = (len(positions), int(payload["k"]))
        return {
            "positions": positions,
            "indices": decode_indices(payload, "indices", size),
            "values": decode_values(payload, size),
        }
    if kind == "sampled_hidden":
        indices = np.arange(0, int(np.prod(shape[1:])), int(payload["stride"]))
        return {
            "positions": positions,
            "indices": indices,
            "values": decode_values(payload, (len(positions), len(indices))),
        }
    if kind == "tile":
        return {"positions": positions, **_tile(payload)}
    if kind == "attention_summary":
        return _summary(payload)
    if kind == "topk_logits":
        count = int(payload["k"])
        return {
            "ids": decode_indices(payload, "ids", (count,)),
            "logits": decode_values(payload, (count,)),
        }
    raise Damaged(f"This trace holds a payload of kind '{str(kind)[:40]}', which this program does not know.")


def _tile(payload: Mapping[str, Any]) -> dict[str, Any]:
    height, width, filled = (int(payload[name]) for name in ("height", "width", "filled"))
    if not (0 < height <= MOST_TILE_SIDE and 0 < width <= MOST_TILE_SIDE and 0 <= filled <= height * width):
        raise Damaged("A tile of this trace has an impossible size.", "Its file was changed.")
    name, kind = _TILE_SOURCES.get(str(payload.get("source")), ("", int))
    if not isinstance(payload.get(name), kind):
        raise Damaged("A tile of this trace does not say how it was made.", "Its file was changed.")
    image = np.full(height * width, np.nan, np.float32)
    image[:filled] = decode_values(payload, (filled,))
    return {"values": image.reshape(height, width), "source": payload["source"], name: payload[name]}


_TILE_SOURCES: dict[str, tuple[str, type]] = {"order": ("run", int), "random": ("seed", int), "pca": ("reference", str)}


def _summary(payload: Mapping[str, Any]) -> dict[str, Any]:
    heads, top = int(payload["heads"]), int(payload["top"])
    floats = {"weights": (heads, top), "entropy": (heads,), "max": (heads,)}
    found: dict[str, Any] = {
        name: decode_values({"dtype": "f32", "values": payload[name]}, size) for name, size in floats.items()
    }
    found["keys"] = decode_indices(payload, "keys", (heads, top))
    found["argmax"] = decode_indices(payload, "argmax", (heads,))
    return found
