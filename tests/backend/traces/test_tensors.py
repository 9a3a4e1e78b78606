"""Whole tensors that are stored from a step's tables are, row for row and byte for byte, those of entries made one by one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from neuronscope.capture import step_entries
from neuronscope.capture.generate import Generation
from neuronscope.capture.whole_sheet import WholeSheet
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


def _all_ways(
    monkeypatch: pytest.MonkeyPatch, loaded: LoadedModel, folder: Path, config: dict[str, Any], **more: Any
) -> tuple[list[Step], int]:
    """The steps, and how many went the short way; files are held to be the same by tables, and of entries made one by one."""
    short: list[PackedEntries] = []
    original = WholeSheet.pack

    def counted(self: WholeSheet) -> PackedEntries | None:
        packed = original(self)
        if packed is not None:
            short.append(packed)
        return packed

    monkeypatch.setattr(WholeSheet, "pack", counted)
    found = _recorded(loaded, folder, config, **more)
    monkeypatch.setattr(WholeSheet, "pack", lambda _self: None)
    by_tables = _recorded(loaded, folder, config, **more)
    monkeypatch.setattr(step_entries, "fit_tables", lambda *_given: None)
    one_by_one = _recorded(loaded, folder, config, **more)
    assert not any(_packed(one_by_one[0]))
    assert found[1:] == by_tables[1:] == one_by_one[1:]
    for one, other in zip(found[0], one_by_one[0], strict=True):
        assert list(one.entries) == list(other.entries)
        assert (one.dropped, payload_bytes(one)) == (other.dropped, payload_bytes(other))
        assert (has_whole(one), has_payload(one)) == (has_whole(other), has_payload(other))
        # As it is sent: with its values.
        assert step_body(one) == step_body(other)
    return found[0], len(short)


def _packed(steps: list[Step]) -> list[bool]:
    return [isinstance(step.entries, PackedEntries) for step in steps]


@pytest.mark.parametrize("quantization", ["f32", "f16", "q8"])
@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_neox", "qwen3"])
def test_files_are_the_same_by_all_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, quantization: str
) -> None:
    loaded = tiny(family)
    points = tuple(sorted({address.point for address in loaded.anatomy.sites}))
    config = {**FULL, "quantization": quantization, "points": points}
    found, short = _all_ways(monkeypatch, loaded, tmp_path, config)
    assert _packed(found) == [False, *[True] * (STEPS - 1)]
    assert all(has_whole(step) for step in found)
    # All but the prompt, the token by which the taps learn what is held, and one that is learnt from.
    assert short == (STEPS - 3 if quantization == "f16" else 0)


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
    _all_ways(monkeypatch, tiny(family), tmp_path, config)


def test_what_float16_cannot_hold_is_stored_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change = {"units": ["mlp_out.1:3"], "op": "set", "value": 1e6}
    found, short = _all_ways(monkeypatch, tiny("llama"), tmp_path, FULL, changes=(change,))
    assert {e.payload["dtype"] for e in found[-1].entries if e.payload and e.payload["kind"] == "full"} == {
        "f16",
        "f32",
    }
    assert all(_packed(found)[1:])
    assert short == 0


def test_a_step_that_outgrows_its_budget_loses_what_it_does_by_all_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = tiny("llama")
    last = _recorded(loaded, tmp_path, FULL)[0][5]
    stats = sum(28 for entry in last.entries if entry.stats)
    # Attention looks at a key more at each step.
    config = {**FULL, "max_bytes_per_step": payload_bytes(last) + stats + 8 * len(last.top)}
    found, short = _all_ways(monkeypatch, loaded, tmp_path, config)
    assert short == STEPS - 3
    assert [step.dropped is None for step in found] == [False, *[True] * 5, *[False] * (STEPS - 6)]
