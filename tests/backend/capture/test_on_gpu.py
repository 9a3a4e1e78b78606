"""Live runs on a real card: the model's numbers untouched, the short ways as the plain one. Skipped where there is no card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from neuronscope.capture import passes
from neuronscope.capture.generate import Generation
from neuronscope.capture.pieces import PiecedPasses, Pieces
from neuronscope.core.errors import BadRequest
from neuronscope.core.events import Event, Failed, Step
from neuronscope.core.stats import STATS
from neuronscope.models.loaded import LoadedModel
from neuronscope.traces.codec import step_body
from neuronscope.traces.payloads import decode
from support.families import FAMILIES
from support.runs import PROMPT, ids, plain_ids, receipts, request, run, steps, tiny

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA card")
STEPS = 20
COMPILE = tuple(family for family in FAMILIES if getattr(tiny(family).model, "_can_compile_fullgraph", False))
MODES: tuple[dict[str, Any], ...] = (
    {"capture_mode": "stats"},
    {"capture_mode": "topk", "quantization": "q8"},
    {"capture_mode": "sampled"},
    {"capture_mode": "full", "quantization": "f32"},
    {"capture_mode": "tile"},
    {"attention_tier": "full_row"},
    {"attention_tier": "full_matrix"},
)


def _on_card(family: str, dtype: torch.dtype = torch.float32) -> LoadedModel:
    loaded = tiny(family, "cuda")
    loaded.model.to(dtype)
    return loaded


def _assert_close(found: list[Step], expected: list[Step], relative: float) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.step, one.pos0, one.token_id) == (other.step, other.pos0, other.token_id)
        for a, b in zip(one.entries, other.entries, strict=True):
            assert a.address == b.address
            largest = max((abs(b.stats[name]) for name in ("min", "max") if b.stats), default=0.0)
            for name in STATS:
                if b.stats and name != "sparsity":
                    size = b.stats["l2"] if name == "l2" else largest
                    assert a.stats[name] == pytest.approx(b.stats[name], abs=relative * size + 1e-6), (a.address, name)
            if b.payload is not None and b.payload["kind"] == "attention_summary":
                first, second = decode(a.payload or {}, a.shape), decode(b.payload, b.shape)
                count = second["weights"].shape[1]
                np.testing.assert_allclose(first["weights"][:, :count], second["weights"], atol=relative)
                np.testing.assert_allclose(first["entropy"], second["entropy"], atol=10 * relative)


def _logits(loaded: LoadedModel, tokens: list[int]) -> list[torch.Tensor]:
    """Of each step by transformers alone: the prompt, then token by token on its cache."""
    found, cache, given = [], None, torch.tensor([loaded.encode(PROMPT).ids], device="cuda")
    with torch.no_grad():
        for token in tokens:
            out = loaded.model(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, given = out.past_key_values, torch.tensor([[token]], device="cuda")
            found.append(out.logits[0, -1].float().cpu())
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("config", MODES, ids=str)
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_watching_changes_no_bit(family: str, config: dict[str, Any], dtype: torch.dtype) -> None:
    loaded = _on_card(family, dtype)
    found = steps(run(loaded, STEPS, {**config, "logits_topk": 5}))
    plain = _logits(loaded, [step.token_id or 0 for step in found])
    for step, logits in zip(found, plain, strict=True):
        likely = torch.log_softmax(logits.cuda(), dim=-1).cpu()
        assert [one["logprob"] for one in step.top] == [float(likely[one["id"]]) for one in step.top]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_short_way_gives_the_numbers_of_the_plain_one(monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    loaded = _on_card(family)
    found = steps(run(loaded, STEPS))
    monkeypatch.setattr(passes, "step_graph", lambda *_given: None)
    _assert_close(found, steps(run(loaded, STEPS)), 1e-5)


PIECED = ("gpt2", "gpt_neox", "llama", "qwen3")
"""Some of the families whose passes are replayed in pieces; others may be."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_pieces_give_the_bits_of_whole_passes(monkeypatch: pytest.MonkeyPatch, family: str, dtype: torch.dtype) -> None:
    loaded, replay, replayed = _on_card(family, dtype), Pieces.replay, []

    def counted(self: Pieces, ids: torch.Tensor, pos0: int, hold: Any) -> torch.Tensor:
        replayed.append(pos0)
        return replay(self, ids, pos0, hold)

    monkeypatch.setattr(Pieces, "replay", counted)
    changes = [{"id": "a", "units": ["mlp_act.1:3"], "op": "scale", "value": 3.0, "positions": "all"}]
    found = run(loaded, STEPS, interventions=changes)
    monkeypatch.setattr(PiecedPasses, "attempt", lambda *_given: [])
    plain = run(loaded, STEPS, interventions=changes)
    assert [step_body(one) for one in steps(found)] == [step_body(one) for one in steps(plain)]
    assert _deltas(found) == _deltas(plain)
    # The prompt, the first two tokens, and two that are made both ways.
    assert len(replayed) >= (STEPS - 3 if family in PIECED else 0)


def test_changes_in_mid_run_are_proved_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = _on_card("llama")
    change = {"id": "a", "units": ["mlp_act.1:3"], "op": "scale", "value": 3.0, "positions": "all"}

    def bodies() -> list[bytes]:
        generation = Generation(loaded, request(STEPS))
        found = []
        for event in generation.events():
            if isinstance(event, Step):
                found.append(step_body(event))
                if event.step in (8, 14):
                    generation.intervene([change] if event.step == 8 else [])
        return found

    pieced = bodies()
    monkeypatch.setattr(PiecedPasses, "attempt", lambda *_given: [])
    assert pieced == bodies()


def test_the_same_run_gives_the_same_bits() -> None:
    loaded = _on_card("llama", torch.bfloat16)
    first, second = (steps(run(loaded, STEPS, seed=1)) for _ in range(2))
    assert [step_body(one) for one in first] == [step_body(one) for one in second]


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_are_those_of_transformers(family: str) -> None:
    loaded = _on_card(family)
    assert ids(run(loaded, STEPS)) == plain_ids(loaded, STEPS)


@pytest.mark.parametrize("family", COMPILE)
def test_compiled_gives_the_numbers_of_a_plain_run(family: str) -> None:
    loaded = _on_card(family)
    if family.startswith("opt"):
        # Its code asks the device how long the text is.
        events = list(Generation(loaded, request(STEPS, compiled=True)).events())
        assert isinstance(events[-1], Failed)
        assert "can't be compiled" in events[-1].message
        return
    _assert_close(steps(run(loaded, STEPS, compiled=True)), steps(run(loaded, STEPS)), 1e-3)


@pytest.mark.parametrize("config", MODES, ids=str)
def test_compiled_in_every_mode(config: dict[str, Any]) -> None:
    loaded = _on_card("llama")
    if config.get("capture_mode") == "tile":
        with pytest.raises(BadRequest, match="can't be compiled"):
            Generation(loaded, request(STEPS, compiled=True), config)
        return
    for _ in range(2):  # the second one begins with what the first has learnt
        _assert_close(steps(run(loaded, STEPS, config, compiled=True)), steps(run(loaded, STEPS, config)), 1e-3)


def test_compiled_draws_the_same_tokens_and_makes_the_same_changes() -> None:
    loaded = _on_card("llama")
    options: dict[str, Any] = {
        "temperature": 1.0,
        "seed": 3,
        "interventions": [{"id": "a", "units": ["mlp_act.1:3"], "op": "scale", "value": 3.0, "positions": "all"}],
    }
    found, plain = run(loaded, STEPS, compiled=True, **options), run(loaded, STEPS, **options)
    assert ids(found) == ids(plain)
    assert _deltas(found) == pytest.approx(_deltas(plain), rel=1e-3)
    assert len(_deltas(found)) == STEPS


def _deltas(events: list[Event]) -> list[float]:
    return [one["delta_l2"] for receipt in receipts(events) for one in receipt.interventions]
