"""Entries packed from tables are, byte for byte, what they are when each is made and packed by itself."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import numpy as np
import pytest

from neuronscope.capture.generate import Generation
from neuronscope.core.events import Entry, Step
from neuronscope.core.generation import GenerateRequest
from neuronscope.traces.codec import has_payload, has_whole, payload_bytes, step_body
from neuronscope.traces.packed import EntryPacker, PackedEntries
from neuronscope.traces.tables import EntryTable, in_order, with_values
from support.runs import tiny

RANDOM = np.random.default_rng(5)


def _table(height: int, rows: list[int], width: int = 5) -> EntryTable:
    names = [f"mlp_act.{n}" for n in range(len(rows))]
    stats = RANDOM.standard_normal((height, 7)).astype(np.float32)
    stats[0, 3] = np.nan
    indices = RANDOM.integers(0, 9, (height, width)).astype(np.uint16)
    common = {"kind": "topk_hidden", "k": width, "index_dtype": "u16", "positions": [0]}
    return EntryTable(names, [(1, 9)] * len(rows), rows, stats, common, {"indices": indices})


@pytest.mark.parametrize("quantization", ["f32", "f16", "q8"])
@pytest.mark.parametrize("broken", [False, True])
def test_packed_entries_are_those_made_one_by_one(quantization: str, broken: bool) -> None:
    packer = EntryPacker()
    for step in range(3):
        table = _table(4, [0, 1, 1, 3, 2])
        values = RANDOM.standard_normal((4, 1, 5)).astype(np.float32)
        if broken:
            values[1, 0, 2] = np.inf
        grown = EntryTable(["attn_weights.0"], [(2, 1, 130 + step)], [0])
        grown.common, grown.columns = {"kind": "x"}, {"max": RANDOM.standard_normal((1, 4))[:, ::2].astype(np.float32)}
        tables = [*with_values(table, values, quantization), grown]
        names = ["mlp_act.4", "absent", "attn_weights.0", *(f"mlp_act.{n}" for n in range(4))]
        beside = Entry("logits", (1, 300), {}, {"kind": "topk_logits", "ids": bytes(300)})
        packed = packer.pack(tables, names, [beside])
        plain = [*in_order([entry for one in tables for entry in one.entries()], names), beside]
        loose = Step("decode", step, 3, 1, (), tuple(plain))
        tight = replace(loose, entries=packed)
        assert step_body(tight) == step_body(loose)
        assert payload_bytes(tight) == payload_bytes(loose) > 0
        assert has_payload(tight)
        assert len(packed) == 7
        assert [entry.payload for entry in packed] == [entry.payload for entry in plain]
        assert packed[0].address == "mlp_act.4"
        kept = [entry.payload["dtype"] for entry in plain if entry.payload and "dtype" in entry.payload]
        assert ("f32" in kept) == (broken or quantization == "f32")


def test_entries_without_payloads_hold_statistics_only() -> None:
    table = EntryTable(["embed", "ln_f"], [(1, 4), (1, 4)], [1, 0], np.zeros((2, 7), np.float32))
    packed = EntryPacker().pack([table], ["embed", "ln_f"])
    step = Step("decode", 1, 0, 1, (), packed)
    assert packed == tuple(table.entries())
    assert not has_payload(step)
    assert not has_whole(step)
    assert msgpack.unpackb(packed.data)[0] == {
        "address": "embed",
        "shape": [1, 4],
        "stats": packed[0].stats,
        "payload": None,
    }


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_neox"])
@pytest.mark.parametrize("mode", ["topk", "stats", "sampled"])
def test_a_run_packs_its_later_steps(family: str, mode: str) -> None:
    """The steps of one token are packed; unpacked and packed again one by one, they are the same bytes."""
    request = GenerateRequest(prompt="abcdef", max_new_tokens=12)
    steps = [e for e in Generation(tiny(family), request, {"capture_mode": mode}).events() if isinstance(e, Step)]
    assert [isinstance(step.entries, PackedEntries) for step in steps] == [False, *[True] * 11]
    for step in steps[1:]:
        assert step_body(replace(step, entries=tuple(step.entries))) == step_body(step)
