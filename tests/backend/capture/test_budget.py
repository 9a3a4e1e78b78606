from __future__ import annotations

import pytest

from neuronscope.capture.budget import STATS_BYTES, TOP_BYTES, fit
from neuronscope.core.address import Address
from neuronscope.core.events import Entry, Step
from neuronscope.core.trace_config import DROP_ORDER, TraceConfig, budget
from neuronscope.traces.payloads import size_of
from support.runs import ids, run, steps, tiny


def _size(step: Step) -> int:
    """What a step takes, by CONTRACTS' count, with no help of the code under test but the payloads' own bytes."""
    payloads = sum(len(v) for e in step.entries if e.payload for v in e.payload.values() if isinstance(v, bytes))
    return payloads + STATS_BYTES * sum(bool(e.stats) for e in step.entries) + TOP_BYTES * len(step.top)


def test_the_default_budget_grows_with_the_layers() -> None:
    assert (budget(1), budget(12), budget(13), budget(32)) == (50_000, 50_000, 52_000, 128_000)
    assert TraceConfig().resolve(32, 4096).max_bytes_per_step == 128_000


def test_payloads_go_in_the_order_of_the_contract_from_the_last_layer_and_statistics_stay() -> None:
    model = tiny("llama")
    whole = steps(run(model, 2))[1]
    payloads = [e.address for e in whole.entries if e.payload is not None and e.address != "logits"]
    order = [*DROP_ORDER, "attn_weights"]
    expected = sorted(payloads, key=lambda a: (order.index(Address.parse(a).point), -(Address.parse(a).layer or 0)))
    assert whole.dropped is None
    for gone in (1, 4, 11, len(expected) - 1):
        lost = sum(size_of(next(e.payload for e in whole.entries if e.address == a)) for a in expected[:gone])
        limit = _size(whole) - lost
        step = steps(run(model, 2, {"max_bytes_per_step": limit}))[1]
        assert step.dropped == {
            "policy": "drop_payload_keep_stats", "bytes": _size(whole), "limit": limit, "addresses": expected[:gone]
        }  # fmt: skip
        assert _size(step) == limit
        assert [e.address for e in step.entries] == [e.address for e in whole.entries]
        assert [e.stats for e in step.entries] == [e.stats for e in whole.entries]
        kept = {e.address for e in step.entries if e.payload is not None}
        assert kept == {*payloads, "logits"} - set(expected[:gone])


def test_statistics_and_likeliest_tokens_stay_where_nothing_else_fits() -> None:
    step = steps(run(tiny("llama"), 2, {"max_bytes_per_step": 1}))[1]
    assert [e.address for e in step.entries if e.payload is not None] == ["logits"]
    assert len(step.top) == 20
    assert all(e.stats for e in step.entries if not e.address.startswith(("attn_weights", "logits")))


def test_whole_layers_go_from_the_last() -> None:
    model = tiny("llama")
    whole = steps(run(model, 2))[1]
    step = steps(run(model, 2, {"max_bytes_per_step": _size(whole) - 1, "drop_policy": "drop_layer"}))[1]
    assert step.dropped is not None
    assert {e.address for e in whole.entries} - {e.address for e in step.entries} == set(step.dropped["addresses"])
    assert {a.split(".")[1] for a in step.dropped["addresses"]} == {"2"}
    assert _size(step) <= step.dropped["limit"]
    nothing = steps(run(model, 2, {"max_bytes_per_step": 1, "drop_policy": "drop_layer"}))[1]
    assert {e.address for e in nothing.entries} == {"embed", "ln_f", "logits"}


@pytest.mark.parametrize("policy", ["drop_payload_keep_stats", "drop_layer", "stop_trace"])
def test_no_budget_changes_what_is_generated(policy: str) -> None:
    model = tiny("llama")
    assert ids(run(model, 8, {"max_bytes_per_step": 1, "drop_policy": policy})) == ids(run(model, 8))


def test_points_that_the_order_does_not_name_go_first() -> None:
    entries = [Entry(f"{p}.0", (1, 4), {}, {"kind": "full", "values": b"1234"}) for p in ("mlp_out", "ln1", "mlp_gate")]
    kept, note = fit(entries, 0, TraceConfig(max_bytes_per_step=4).resolve(1, 4))
    assert note is not None
    assert note["addresses"] == ["ln1.0", "mlp_gate.0"]
    assert [e.payload is not None for e in kept] == [True, False, False]
