"""A trace taken away: one file, NumPy arrays, or JSON."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.errors import Conflict
from neuronscope.core.events import Step, to_map
from neuronscope.core.storage import full_disk_named
from neuronscope.traces.payloads import decode
from neuronscope.traces.store import Trace
from neuronscope.traces.tensors import is_whole

FORMATS = ("trace", "npz", "json")


def export_trace(trace: Trace, target: Path, kind: str = "trace") -> None:
    """Write a trace to a file of a format of :data:`FORMATS`; one that is still being recorded as far as it is.

    Raises :class:`Conflict` where the file exists, :class:`StorageFull` where the disk is; then nothing is left behind.
    """
    if kind not in FORMATS:
        raise ValueError(f"a trace is written as {', '.join(FORMATS)}, not {kind}")
    if target.exists():
        raise Conflict(f"{target} exists already.", "Choose another name.")
    try:
        with full_disk_named():
            if kind == "trace":
                copy_file(trace, target)
            else:
                with target.open("wb") as file:
                    if kind == "npz":
                        write_npz(trace, file)
                    else:
                        file.writelines(json_chunks(trace))
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def copy_file(trace: Trace, target: Path) -> None:
    """A consistent copy of what is committed, in one file."""
    with closing(sqlite3.connect(f"{trace.path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        database.execute("VACUUM INTO ?", (str(target),))


def write_npz(trace: Trace, file: IO[bytes]) -> None:
    """Arrays of :func:`arrays` as ``np.load`` reads them, written one after another."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, values in arrays(trace):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)


def arrays(trace: Trace) -> Iterator[tuple[str, NDArray[Any]]]:
    """Everything that a trace holds as arrays by name.

    ``tokens``, ``token_ids`` and ``special`` of the prompt; a tensor that the first step kept whole by its address; of a
    generation ``generated`` texts, ``generated_ids`` and ``logprobs`` by step, later tensors as ``step_0001/mlp_act.3``,
    and the arrays of other payloads by their names in :func:`~neuronscope.traces.payloads.decode`, as
    ``step_0001/mlp_act.3/indices``.
    """
    yield "tokens", np.array([token.text for token in trace.tokens])
    yield "token_ids", np.array([token.id for token in trace.tokens])
    yield "special", np.array([token.special for token in trace.tokens])
    emitted = []
    for number in range(trace.step_count):
        step = trace.step(number)
        emitted.append((step.token_id, step.token, step.logprob))
        for entry in step.entries:
            if entry.payload is None:
                continue
            name = entry.address if number == 0 else f"step_{number:04d}/{entry.address}"
            if is_whole(entry.payload):
                yield name, trace.tensor(number, entry.address)
                continue
            for part, values in decode(entry.payload, entry.shape).items():
                yield f"step_{number:04d}/{entry.address}/{part}", np.asarray(values)
    if any(text is not None for _, text, _ in emitted):
        yield "generated", np.array([text or "" for _, text, _ in emitted])
        # A chat server tells no ids.
        yield "generated_ids", np.array([-1 if token is None else token for token, _, _ in emitted])
        yield "logprobs", np.array([np.nan if value is None else value for _, _, value in emitted])


def json_chunks(trace: Trace) -> Iterator[bytes]:
    """One JSON object in pieces: what the trace is, its steps with payloads as numbers, and the first step's tensors."""
    head = {
        "trace_id": trace.trace_id,
        "model_id": trace.model_id,
        "model_key": trace.model_key,
        "created_at": trace.created_at,
        "prompt": trace.prompt,
        "tokens": [{"id": t.id, "text": t.text, "special": t.special} for t in trace.tokens],
        "start": trace.start,
        "end": trace.end,
    }
    yield _json(head)[:-1] + b', "steps": ['
    for number in range(trace.step_count):
        yield (b", " if number else b"") + _json(_step(trace, number))
    yield b'], "receipts": ['
    found = [r for n in range(trace.step_count) if (r := trace.receipt(n)) is not None]
    yield b", ".join(_json(to_map(receipt)) for receipt in found) + b'], "tensors": {'
    whole = [entry.address for entry in trace.step(0).entries if is_whole(entry.payload)] if trace.step_count else []
    for number, address in enumerate(whole):
        values = trace.tensor(0, address)
        entry = _json({"shape": values.shape, "data": _plain(values)})
        yield (b", " if number else b"") + _json(address) + b": " + entry
    yield b"}}\n"


def _step(trace: Trace, number: int) -> dict[str, Any]:
    step: Step = trace.step(number, tensors=number > 0)
    found = to_map(step)
    for entry, plain in zip(step.entries, found["entries"], strict=True):
        payload = entry.payload
        if payload is None or (is_whole(payload) and "values" not in payload):
            continue
        kept = {key: value for key, value in payload.items() if not isinstance(value, bytes)}
        plain["payload"] = {**kept, **{name: _plain(v) for name, v in decode(payload, entry.shape).items()}}
    return found


def _plain(values: Any) -> Any:
    if not isinstance(values, np.ndarray):
        return values
    if values.dtype.kind != "f":
        return values.tolist()
    # JSON has no NaN and no infinity.
    return np.where(np.isfinite(values), values.astype(object), np.array(None)).tolist()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
