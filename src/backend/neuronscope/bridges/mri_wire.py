"""LLMRI's messages: a length of four bytes, big-endian, and that many bytes of JSON. What a client may say, and scans.

The protocol was read off LLMRI's own two ends, ``mri_server.py`` and ``mri_viewer.py``, and the scanner behind them
(``class LLMRI`` in its ``anima.py``). What CONTRACTS leaves open is decided by them:

- ``interventions`` maps a unit to a **multiplier**: the scanner multiplies ``hidden[0, -1, unit]``, the block's output at
  the last token, its viewer calls the argument ``neuron_multipliers`` and says "1.50x". So 0 ablates, 1 changes nothing.
- ``layer`` may be null, which its viewer sends unless told otherwise: every layer.
- ``turn`` counts runs from 1, ``token`` the tokens of one run from 0; the first scan is of the prompt's last token.
- Scans are taken after the change, so that a client sees what the model went on with.

Two things are ours. The scanner clamps what it multiplied to ±10,000; here the product stands. Its server takes ``ping`` in
silence; here it is answered with ``pong``, which its viewer passes over.
"""

from __future__ import annotations

import json
import math
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.errors import BadRequest

HEADER = struct.Struct("!I")
MOST_BYTES = 1 << 20
"""Bytes of a client's message; a larger one closes it."""
MOST_LAYERS = 100_000


@dataclass(frozen=True, slots=True)
class Scan:
    """A block's output at the last token of a step, float32 ``[d]``."""

    timestamp: float
    turn: int
    token: int
    layer: int
    values: NDArray[np.float32]

    def to_map(self) -> dict[str, Any]:
        """As it is sent."""
        values = self.values.astype("<f4", copy=False)
        found = {"min": values.min(), "max": values.max(), "mean": values.mean(), "std": values.std()}
        return {
            "type": "scan",
            "timestamp": self.timestamp,
            "layer": self.layer,
            "turn": self.turn,
            "token": self.token,
            "shape": list(values.shape),
            "dtype": "float32",
            "activations": values.tobytes().hex(),
            # JSON has no word for what is not finite.
            "stats": {name: float(value) if np.isfinite(value) else None for name, value in found.items()},
        }


@dataclass(frozen=True, slots=True)
class Setting:
    """What a client wants changed: multipliers by unit, in one layer or in all."""

    layer: int | None
    multipliers: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Clear:
    """Nothing is to be changed any more."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Is anybody there?"""


Command = Setting | Clear | Ping


def pack(message: Mapping[str, Any]) -> bytes:
    """A message as it travels."""
    body = json.dumps(message).encode()
    return HEADER.pack(len(body)) + body


def notice(kind: str, **fields: Any) -> bytes:
    """A message that is no scan, packed; LLMRI stamps each with the time."""
    return pack({"type": kind, "timestamp": time.time(), **fields})


def read_command(body: bytes) -> Command:
    """What a client said. Raises :class:`BadRequest` for anything else."""
    try:
        said = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadRequest("It is not JSON.") from error
    if not isinstance(said, dict):
        raise BadRequest("It is no JSON object.")
    kind, fields = said.get("type"), {key: said[key] for key in said if key not in ("type", "timestamp")}
    if kind == "intervention" and {"interventions"} <= set(fields) <= {"interventions", "layer"}:
        return _setting(fields.get("layer"), fields["interventions"])
    if kind == "clear_interventions" and not fields:
        return Clear()
    if kind == "ping" and not fields:
        return Ping()
    raise BadRequest("It is none of intervention, clear_interventions and ping, or has other fields.")


def _setting(layer: object, given: object) -> Setting | Clear:
    if layer is not None and (not isinstance(layer, int) or isinstance(layer, bool) or not 0 <= layer < MOST_LAYERS):
        raise BadRequest("Its layer is none.")
    if not isinstance(given, dict):
        raise BadRequest("Its interventions are no object.")
    multipliers = {_unit(name): _number(value) for name, value in given.items()}
    # As LLMRI takes it: an empty set clears.
    return Setting(layer, multipliers) if multipliers else Clear()


def _unit(name: str) -> int:
    if not (name.isascii() and name.isdecimal() and len(name) < 10):
        raise BadRequest("A unit is none.")
    return int(name)


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadRequest("A multiplier is no number.")
    try:
        found = float(value)
    except OverflowError as error:
        raise BadRequest("A multiplier is too large.") from error
    if not math.isfinite(found):
        raise BadRequest("A multiplier is not finite.")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
