"""Compiled decoding: the same tokens and numbers over a static cache, here with work run again in place of replayed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from neuronscope.capture import generate
from neuronscope.capture.compiled import CompiledDecode
from neuronscope.capture.generate import Generation
from neuronscope.core.errors import BadRequest
from neuronscope.core.events import Event, Failed, Receipt, Step, Token
from neuronscope.core.stats import STATS
from neuronscope.models.loaded import LoadedModel
from neuronscope.traces.payloads import decode
from support.again import Records
from support.families import FAMILIES
from support.runs import ids, receipts, request, run, steps, tiny

STEPS = 14
COMPILE = tuple(family for family in FAMILIES if getattr(tiny(family).model, "_can_compile_fullgraph", False))


def _compiled(
    monkeypatch: pytest.MonkeyPatch, loaded: LoadedModel, config: dict[str, Any] | None = None, **more: Any
) -> tuple[list[Event], Records]:
    records = Records()
    monkeypatch.setattr(generate, "compiled_decode", lambda *given: CompiledDecode(*given, record=records))
    return run(loaded, STEPS, config, compiled=True, **more), records


def _assert_close(found: list[Step], expected: list[Step]) -> None:
    """Within what a sum in another order makes; keys beyond a window weigh nothing and may be named."""
    for one, other in zip(found, expected, strict=True):
        assert (one.step, one.pos0, one.t_add, one.token_id) == (other.step, other.pos0, other.t_add, other.token_id)
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
        for a, b in zip(one.entries, other.entries, strict=True):
            assert a.address == b.address
            for name in STATS:
                if b.stats and name != "sparsity":
                    assert a.stats[name] == pytest.approx(b.stats[name], rel=1e-3, abs=1e-4), (
                        one.step,
                        a.address,
                        name,
                    )
            if b.payload is not None and b.payload["kind"] == "attention_summary":
                first, second = decode(a.payload or {}, a.shape), decode(b.payload, b.shape)
                count = second["weights"].shape[1]
                np.testing.assert_allclose(first["weights"][:, :count], second["weights"], atol=1e-4)
                np.testing.assert_allclose(first["entropy"], second["entropy"], atol=1e-3)
                assert not first["weights"][:, count:].any()


@pytest.mark.parametrize("family", COMPILE)
def test_every_family_gives_the_tokens_and_numbers_of_a_plain_run(monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    found, records = _compiled(monkeypatch, tiny(family))
    _assert_close(steps(found), steps(run(tiny(family), STEPS)))
    # The prompt and one token go by themselves.
    assert records.queued == [STEPS - 2]


@pytest.mark.parametrize("tier", ["full_row", "full_matrix"])
@pytest.mark.parametrize("quantization", ["f32", "q8"])
def test_rows_end_where_the_text_does(monkeypatch: pytest.MonkeyPatch, tier: str, quantization: str) -> None:
    config = {"capture_mode": "full", "attention_tier": tier, "quantization": quantization}
    found, _ = _compiled(monkeypatch, tiny("llama"), config)
    plain = steps(run(tiny("llama"), STEPS, config))
    for one, other in zip(steps(found), plain, strict=True):
        for a, b in zip(one.entries, other.entries, strict=True):
            assert a.shape == b.shape
            if a.address.startswith("attn_weights"):
                first, second = decode(a.payload or {}, a.shape), decode(b.payload or {}, b.shape)
                assert first["first_key"] == second["first_key"] == 0
                np.testing.assert_allclose(
                    first["values"], second["values"], atol=1e-4 if quantization == "f32" else 2e-2
                )


def test_a_drawn_token_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {"temperature": 1.0, "top_k": 20, "seed": 3}
    found, _ = _compiled(monkeypatch, tiny("llama"), **drawn)
    assert ids(found) == ids(run(tiny("llama"), STEPS, **drawn))


CHANGES = (
    {"id": "a", "units": ["mlp_act.1:3"], "op": "scale", "value": 3.0, "positions": "all"},
    {"id": "b", "units": ["resid_post.0:1"], "op": "add", "value": 2.0, "positions": [2, 14, 16]},
)


@pytest.mark.parametrize("count", [1, 2])
def test_changes_are_the_same(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    given = CHANGES[:count]
    found, records = _compiled(monkeypatch, tiny("llama"), interventions=given)
    plain = run(tiny("llama"), STEPS, interventions=given)
    _assert_close(steps(found), steps(plain))
    assert [[_rounded(one) for one in r.interventions] for r in receipts(found)] == [
        [_rounded(one) for one in r.interventions] for r in receipts(plain)
    ]
    # Where some tokens are changed and others not, they go by themselves until the last of them.
    first = receipts(plain)[0].interventions[0]
    assert first["fired"]
    assert len(records) == 1


def _rounded(receipt: dict[str, Any]) -> dict[str, Any]:
    return {**receipt, "delta_l2": round(receipt["delta_l2"], 3)}


def test_a_change_in_mid_run_is_recorded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    records = Records()
    monkeypatch.setattr(generate, "compiled_decode", lambda *given: CompiledDecode(*given, record=records))

    def events(compiled: bool) -> list[Event]:
        generation = Generation(tiny("llama"), request(STEPS, compiled=compiled))
        found = []
        for event in generation.events():
            found.append(event)
            if isinstance(event, Step) and event.step == 5:
                generation.intervene(CHANGES[:1])
            if isinstance(event, Step) and event.step == 9:
                generation.intervene([])
        return found

    found, plain = events(True), events(False)
    _assert_close(steps(found), steps(plain))
    assert [event.step for event in found if isinstance(event, Receipt)] == [
        event.step for event in plain if isinstance(event, Receipt)
    ]
    assert len(records) == 3


def test_what_was_queued_ahead_counts_only_where_it_is_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead: list[str] = []
    go_ahead, rewind = CompiledDecode.go_ahead, CompiledDecode.rewind

    def counted(self: CompiledDecode, ids: torch.Tensor) -> None:
        go_ahead(self, ids)
        ahead.append("ahead")

    def undone(self: CompiledDecode) -> None:
        if self._ahead:
            ahead.append("rewound")
        rewind(self)

    monkeypatch.setattr(CompiledDecode, "go_ahead", counted)
    monkeypatch.setattr(CompiledDecode, "rewind", undone)
    loaded, records = tiny("llama"), Records()
    monkeypatch.setattr(generate, "compiled_decode", lambda *given: CompiledDecode(*given, record=records))
    rows = _Rows({7})
    generation = Generation(loaded, request(STEPS, compiled=True), rows=rows)
    found = steps(list(generation.events()))
    _assert_close(found, steps(run(loaded, STEPS)))
    # Who wants the blocks' outputs of a step gets that step made anew, on the position that was queued already.
    assert rows.taken == [7]
    assert ahead.count("rewound") == 1
    # All but the prompt, the pass that is tried, and the last one, which nothing follows.
    assert ahead.count("ahead") == STEPS - 3


class _Rows:
    """Wants the blocks' outputs of some steps."""

    def __init__(self, wanted: set[int]) -> None:
        self._wanted, self._step, self.taken = wanted, -1, list[int]()

    @property
    def wanted(self) -> bool:
        self._step += 1
        return self._step in self._wanted

    def take(self, step: int, _token: Token, _values: object) -> None:
        self.taken.append(step)


def test_the_second_run_of_a_kind_need_not_try(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    counts = []
    for _ in range(2):
        found, records = _compiled(monkeypatch, loaded)
        _assert_close(steps(found), steps(run(loaded, STEPS)))
        counts.append(records.queued)
    assert counts == [[STEPS - 2], [STEPS - 1]]
    # Other points, or changes in force, are another kind.
    for more in ({"config": {"capture_mode": "stats"}}, {"interventions": CHANGES[:1]}):
        _, records = _compiled(monkeypatch, loaded, **more)
        assert records.queued == [STEPS - 2]


def test_what_was_known_and_cannot_be_recorded_now_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    _compiled(monkeypatch, loaded)
    records, refused = Records(), []

    def once(work: Any, device: Any) -> Any:
        if not refused:
            refused.append(True)
            raise RuntimeError("a kernel was not loaded")
        return records(work, device)

    monkeypatch.setattr(generate, "compiled_decode", lambda *given: CompiledDecode(*given, record=once))
    _assert_close(steps(run(loaded, STEPS, compiled=True)), steps(run(loaded, STEPS)))
    assert records.queued == [STEPS - 2]


def test_tiles_are_refused() -> None:
    with pytest.raises(BadRequest, match="A tile's cells are chosen outside of the device"):
        Generation(tiny("llama"), request(compiled=True), {"capture_mode": "tile"})


def test_a_model_on_the_cpu_is_refused() -> None:
    with pytest.raises(BadRequest, match="needs an NVIDIA card, and this model is on cpu"):
        Generation(tiny("llama"), request(compiled=True))


def test_what_cannot_be_recorded_ends_the_run_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

    monkeypatch.setattr(generate, "compiled_decode", lambda *given: CompiledDecode(*given, record=refuse))  # type: ignore[arg-type,return-value]
    events = list(Generation(tiny("llama"), request(STEPS, compiled=True)).events())
    assert isinstance(events[-1], Failed)
    assert "operation not permitted when stream is capturing." in events[-1].message
    assert "Leave compiled out" in (events[-1].hint or "")
    assert len(steps(events)) == 2
