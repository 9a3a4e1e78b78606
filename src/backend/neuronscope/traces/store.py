"""A trace opened to be read: its steps, its tensors, its events again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Address, check_layer
from neuronscope.core.errors import Damaged, NotCaptured, NotFound
from neuronscope.core.events import Done, Entry, Receipt, Step, Token, to_map
from neuronscope.traces.codec import unpack_receipt, unpack_step
from neuronscope.traces.in_use import hold, let_go
from neuronscope.traces.payloads import decode
from neuronscope.traces.tensors import is_whole, unpack_encoded, unpack_tensor
from neuronscope.traces.writer import APPLICATION_ID, FORMAT_VERSION

if TYPE_CHECKING:
    import pandas as pd


class Trace:
    """A recorded run. ``trace["mlp_act.7"]`` is float32 ``[position, neuron]``; in a notebook, ``to_pandas`` names its rows.

    ``tokens`` are those of the prompt, :attr:`inputs` all that the model read.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, meta: dict[str, Any]) -> None:
        self.path = path
        self._db = db
        start = meta["start"]
        self.trace_id: str = start["trace_id"]
        self.model_id: str = start["model_id"]
        self.model_key: str = start["model_key"]
        self.tokens = tuple(Token(**token) for token in start["tokens"])
        self.points: tuple[str, ...] = tuple(start["points"])
        self.unavailable: dict[str, str] = start["unavailable"]
        self.layer_count: int = start["config"]["layer_count"]
        self.prompt: str = meta.get("prompt", "")
        self.created_at: str = meta["created_at"]
        self.closed: bool = meta.get("closed", False)
        self._meta = meta
        hold(self, path)

    @classmethod
    def open(cls, path: Path) -> Trace:
        """Open a trace to read it.

        Raises :class:`NotFound` where there is none, :class:`Damaged` for another kind of file or a newer version.
        """
        if not path.is_file():
            raise NotFound(f"There is no trace '{path.stem}'.", "It may have been deleted.")
        try:
            db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            db.execute("PRAGMA trusted_schema=OFF")
            kind = db.execute("PRAGMA application_id").fetchone()[0]
            number = db.execute("PRAGMA user_version").fetchone()[0]
            if kind != APPLICATION_ID:
                raise Damaged(f"'{path.name}' is not a trace.")
            if number > FORMAT_VERSION:
                raise Damaged(
                    f"'{path.name}' has format version {number}; this program reads up to {FORMAT_VERSION}.",
                    "Update NeuronScope.",
                )
            meta = {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM meta")}
            return cls(path, db, meta)
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
            raise Damaged(f"'{path.name}' can't be read as a trace.", "Its file was changed or cut short.") from error

    def __getitem__(self, address: str | Address) -> NDArray[np.float32]:
        """A tensor over all tokens that the model read, float32 with the point's own axes; rows as :meth:`tokens_of`.

        Of a run that kept its tensors whole (``capture_mode`` full) these are the prompt's rows and then one for each
        token that was generated and read again: all but the last. Of points that have positions on two axes, such as
        ``attn_weights``, it is the prompt's; :meth:`tensor` gives any step's. Raises :class:`NotCaptured` where a step
        did not keep it, :class:`BadAddress` for a layer that the model lacks.
        """
        place = Address.parse(address) if isinstance(address, str) else address
        first, count = self.tensor(0, str(place)), self.step_count
        if count == 1 or place.row.axes[0] != "p":
            return first
        return np.concatenate([first, *(self.tensor(step, str(place)) for step in range(1, count))])

    def __contains__(self, address: object) -> bool:
        return str(address) in self.points

    def tensor(self, step: int, address: str) -> NDArray[np.float32]:
        """A tensor kept in full at a step; :class:`NotCaptured` with what there is where it was not kept.

        Raises :class:`BadAddress` for a layer that the model lacks.
        """
        query = "SELECT data FROM tensors WHERE step=? AND address=?"
        row = self._db.execute(query, (step, address)).fetchone()
        if row is None:
            layer = Address.parse(address).layer
            if layer is not None and self.layer_count:
                check_layer(layer, self.layer_count)
            raise NotCaptured(f"This trace did not keep {address}{self._at(step)}.", self._kept_instead(step))
        return unpack_tensor(row[0])

    def values(self, step: int, address: str) -> dict[str, Any]:
        """What a step kept of a tensor, as arrays by the names of :func:`~neuronscope.traces.payloads.decode`.

        Of a default run ``indices [position, k]`` and ``values [position, k]`` of the strongest units, and their
        ``positions`` in the step. Raises :class:`NotCaptured` where it kept statistics only or nothing.
        """
        entry = next((e for e in self.step(step, tensors=True).entries if e.address == address), None)
        if entry is None or entry.payload is None:
            what = "nothing" if entry is None else "statistics only"
            raise NotCaptured(f"Step {step} kept {what} of {address}.", "trace.points says what was watched.")
        if is_whole(entry.payload) and "dtype" not in entry.payload:
            return {"values": self.tensor(step, address), "first_key": 0}
        return decode(entry.payload, entry.shape)

    def _at(self, step: int) -> str:
        return f" whole at step {step}" if self.step_count > 1 else ""

    def _kept_instead(self, step: int) -> str:
        query = "SELECT address FROM tensors WHERE step=? ORDER BY rowid LIMIT 9"
        whole = [row[0] for row in self._db.execute(query, (step,))]
        if not whole:
            return (
                "Its steps hold statistics and the strongest values (trace.values); "
                'generate with config={"capture_mode": "full"}, or capture the text.'
            )
        return f"It holds {', '.join(whole[:8])}{' …' if len(whole) > 8 else ''}. Capture again with this point."

    def to_pandas(self, address: str) -> pd.DataFrame:
        """``[position, unit]`` as a table: tokens as rows, units as columns. Points of other axes raise ``ValueError``."""
        import pandas as pd

        values = self[address]
        if values.ndim != 2 or not Address.parse(address).row.has_units:
            raise ValueError(f"{address} has shape {values.shape}; a table needs [position, unit].")
        rows = pd.Index([token.text for token in self.tokens_of(len(values))], name="token")
        return pd.DataFrame(values, index=rows)

    @cached_property
    def inputs(self) -> tuple[Token, ...]:
        """The tokens that the model read: the prompt's, then of a run those generated, but for the last."""
        later = range(1, self.step_count)
        return (*self.tokens, *(token for number in later for token in self.step(number).inputs))

    def tokens_of(self, rows: int) -> tuple[Token, ...]:
        """The tokens of so many rows of what ``trace[…]`` gave: a run keeps the logits of each step's last token only."""
        return self.inputs[-rows:]

    def step(self, number: int, tensors: bool = False) -> Step:
        """One recorded step; :class:`NotFound` where the trace has none of this number.

        With ``tensors``, payloads that were stored as whole tensors hold their values again.
        """
        query = "SELECT step, phase, pos0, t_add, token_id, token, logprob, chunk FROM steps WHERE step=?"
        row = self._db.execute(query, (number,)).fetchone()
        if row is None:
            raise NotFound(f"This trace has no step {number}.", f"It has {self.step_count}, counted from 0.")
        entries, inputs, top, dropped = unpack_step(row[7])
        if tensors:
            entries = tuple(self._whole(number, entry) for entry in entries)
        return Step(row[1], row[0], row[2], row[3], inputs, entries, row[4], row[5], row[6], top, dropped)

    def stored(self, number: int) -> tuple[Step, bytes | None]:
        """A step for passing on: without what its chunk holds, and the chunk as it is stored, not unpacked.

        Where tensors lie beside the chunk, the whole step and no chunk. :class:`NotFound` as in :meth:`step`.
        """
        row = self._db.execute(
            "SELECT step, phase, pos0, t_add, token_id, token, logprob, chunk, "
            "EXISTS(SELECT 1 FROM tensors WHERE tensors.step = steps.step) FROM steps WHERE step=?",
            (number,),
        ).fetchone()
        if row is None or row[8]:
            return self.step(number, tensors=True), None
        return Step(row[1], row[0], row[2], row[3], (), (), row[4], row[5], row[6]), row[7]

    def _whole(self, number: int, entry: Entry) -> Entry:
        if entry.payload is None or not is_whole(entry.payload) or "dtype" not in entry.payload:
            return entry
        query = "SELECT data, dtype FROM tensors WHERE step=? AND address=?"
        row = self._db.execute(query, (number, entry.address)).fetchone()
        return entry if row is None else replace(entry, payload={**entry.payload, **unpack_encoded(*row)})

    def receipt(self, number: int) -> Receipt | None:
        """What the interventions of a step did; ``None`` where there were none."""
        try:
            row = self._db.execute("SELECT chunk FROM receipts WHERE step=?", (number,)).fetchone()
        except sqlite3.OperationalError:
            return None  # a capture of an earlier version, whose file has no such table
        return None if row is None else unpack_receipt(number, row[0])

    def chunks(self, number: int) -> list[bytes]:
        """A step's chunk and its receipt's as they are stored, not yet unpacked."""
        found = []
        for table in ("steps", "receipts"):
            with suppress(sqlite3.OperationalError):
                row = self._db.execute(f"SELECT chunk FROM {table} WHERE step=?", (number,)).fetchone()  # noqa: S608
                found += [row[0]] if row is not None else []
        return found

    @property
    def step_count(self) -> int:
        # Steps are numbered without gaps; counting them would read the whole file.
        return int(self._db.execute("SELECT COALESCE(MAX(step) + 1, 0) FROM steps").fetchone()[0])

    @property
    def end(self) -> dict[str, Any]:
        """The run's last event; a run that never said how it ended was stopped."""
        return self._meta.get("end") or to_map(Done("stopped"))

    @property
    def start(self) -> dict[str, Any]:
        """The run's first event."""
        found: dict[str, Any] = self._meta["start"]
        return found

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size

    @property
    def layers(self) -> list[int]:
        """Layers of which the trace keeps something."""
        return sorted({layer for p in self.points if (layer := Address.parse(p).layer) is not None})

    def events(self, first: int = 0) -> Iterator[dict[str, Any]]:
        """The run's events again, in their order, as maps: start, steps from ``first`` with receipts, and how it ended."""
        yield self.start
        for number in range(first, self.step_count):
            yield to_map(self.step(number, tensors=True))
            receipt = self.receipt(number)
            if receipt is not None:
                yield to_map(receipt)
        yield self.end

    def replay(self, from_step: int = 0, speed: float | None = None) -> Iterator[dict[str, Any]]:
        """The same, at ``speed`` steps a second or as fast as they are read; errors as :func:`neuronscope.traces.replay.replay`."""
        from neuronscope.traces.replay import replay

        return replay(self, from_step, speed)

    def close(self) -> None:
        self._db.close()
        let_go(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Trace {self.trace_id} of {self.model_id}: {len(self.tokens)} tokens, {len(self.points)} points>"
