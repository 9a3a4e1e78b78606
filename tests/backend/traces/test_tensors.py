"""Whole tensors that are stored from a step's tables are, row for row and byte for byte, those of entries made one by one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from neuronscope.capture import step_entries
from neuronscope.capture.generate import Generation
from neuronscope.core.events import Step
from neuronscope.models.loaded import LoadedModel
from neuronscope.runtime.run import Run
from neuronscope.traces.codec import has_payload, has_whole, payload_bytes, step_body
from neuronscope.traces.packed import PackedEntries
from support.runs import request, tiny

STEPS = 8
FULL = {"capture_mode": "full", "attention_tier": "full_matrix"}
Rows = list[tuple[Any, ...]]


def _recorded(
    loaded: LoadedModel, folder: Path, config: dict[str, Any], changes: tuple[dict[str, Any], ...] = ()
) -> tuple[list[Step], Rows, Rows]:
    """The steps of a run, and of its file the steps and tensors as they lie there."""
    run = Run(Generation(loaded, request(STEPS), config, changes), folder)
    steps = [event for event in run if isinstance(event, Step)]
    assert run.recording_error is None
    assert run.path is not None
    with closing(sqlite3.connect(run.path)) as db:
        chunks = db.execute("SELECT * FROM steps ORDER BY step").fetchall()
        tensors = db.execute("SELECT * FROM tensors ORDER BY rowid").fetchall()
    return steps, chunks, tensors


def _both(
    monkeypatch: pytest.MonkeyPatch, loaded: LoadedModel, folder: Path, config: dict[str, Any], **more: Any
) -> tuple[list[Step], list[Step]]:
    """The steps packed from tables, and those of entries made one by one; both files are held to be the same."""
    found = _recorded(loaded, folder, config, **more)
    monkeypatch.setattr(step_entries, "fit_tables", lambda *_given: None)
    expected = _recorded(loaded, folder, config, **more)
    assert not any(isinstance(step.entries, PackedEntries) for step in expected[0])
    assert found[1] == expected[1]
    assert found[2] == expected[2]
    for one, other in zip(found[0], expected[0], strict=True):
        assert list(one.entries) == list(other.entries)
        assert (one.dropped, payload_bytes(one)) == (other.dropped, payload_bytes(other))
        assert (has_whole(one), has_payload(one)) == (has_whole(other), has_payload(other))
        # As it is sent: with its values.
        assert step_body(one) == step_body(other)
    return found[0], expected[0]


def _packed(steps: list[Step]) -> list[bool]:
    return [isinstance(step.entries, PackedEntries) for step in steps]


@pytest.mark.parametrize("quantization", ["f32", "f16", "q8"])
@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_neox", "qwen3"])
def test_files_are_the_same_by_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, quantization: str
) -> None:
    loaded = tiny(family)
    points = tuple(sorted({address.point for address in loaded.anatomy.sites}))
    config = {**FULL, "quantization": quantization, "points": points}
    found, _ = _both(monkeypatch, loaded, tmp_path, config)
    assert _packed(found) == [False, *[True] * (STEPS - 1)]
    assert all(has_whole(step) for step in found)


@pytest.mark.parametrize(
    "config",
    [
        {"capture_mode": "full"},
        {"capture_mode": "full", "points": ("mlp_act", "attn_weights"), "layers": (1,)},
        {"attention_tier": "full_matrix"},
        {"attention_tier": "full_matrix", "capture_mode": "stats", "points": ("logits", "attn_weights")},
        {"attention_tier": "full_row", "capture_mode": "full"},
        {**FULL, "max_bytes_per_step": 3000},
        {**FULL, "max_bytes_per_step": 3000, "points": ("logits", "mlp_act")},
    ],
)
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_so_they_are_where_less_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, config: dict[str, Any]
) -> None:
    _both(monkeypatch, tiny(family), tmp_path, config)


def test_what_float16_cannot_hold_is_stored_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change = {"units": ["mlp_out.1:3"], "op": "set", "value": 1e6}
    found, _ = _both(monkeypatch, tiny("llama"), tmp_path, FULL, changes=(change,))
    assert {e.payload["dtype"] for e in found[-1].entries if e.payload and e.payload["kind"] == "full"} == {
        "f16",
        "f32",
    }
    assert all(_packed(found)[1:])
