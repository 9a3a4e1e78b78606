"""The short way of a step on a GPU gives what the plain way gives: here with work that is run again in place of replayed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from neuronscope.capture import cache, passes
from neuronscope.capture.step_graph import StepGraph
from neuronscope.core.events import Step
from neuronscope.models.loaded import LoadedModel
from neuronscope.traces.payloads import decode
from support.again import Records
from support.families import FAMILIES
from support.runs import run, steps, tiny

STEPS = 14
PLAIN_FIRST = 4
"""The prompt, a token that is copied, one that lays out how tensors are put together, and one that tries the work."""


def _both(
    monkeypatch: pytest.MonkeyPatch, loaded: LoadedModel, config: dict[str, Any], count: int = STEPS
) -> tuple[list[Step], list[Step], Records]:
    """The steps by the short way and by the plain one, and what was recorded."""
    records = Records()
    with monkeypatch.context() as patch:
        patch.setattr(passes, "step_graph", lambda loaded, *given: StepGraph(*given, loaded.device, record=records))
        found = steps(run(loaded, count, config))
    return found, steps(run(loaded, count, config)), records


def _assert_alike(found: list[Step], expected: list[Step]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.token_id, one.logprob, one.top) == (other.token_id, other.logprob, other.top)
        assert one.dropped == other.dropped
        for a, b in zip(one.entries, other.entries, strict=True):
            assert (a.address, a.shape, a.stats) == (b.address, b.shape, b.stats)
            if a.payload is None or a.payload["kind"] != "attention_summary":
                assert a.payload == b.payload, a.address
                continue
            first, second = decode(a.payload, a.shape), decode(b.payload, b.shape)
            np.testing.assert_allclose(first["weights"], second["weights"], atol=1e-6)
            np.testing.assert_allclose(first["entropy"], second["entropy"], atol=1e-5)
            # Keys that weigh the same may come in either order, and either may be the last that is named.
            heavier = second["weights"] > second["weights"][:, -1:] + 1e-6
            for row, keys, named in zip(heavier, first["keys"], second["keys"], strict=True):
                assert set(named[row]) <= set(keys)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    found, expected, _ = _both(monkeypatch, tiny(family), {})
    _assert_alike(found, expected)


@pytest.mark.parametrize("mode", ["stats", "topk", "sampled", "full"])
@pytest.mark.parametrize("quantization", ["f32", "q8"])
def test_every_mode_is_recorded_once(monkeypatch: pytest.MonkeyPatch, mode: str, quantization: str) -> None:
    config = {"capture_mode": mode, "quantization": quantization}
    found, expected, records = _both(monkeypatch, tiny("llama"), config)
    _assert_alike(found, expected)
    assert records.queued == [STEPS - PLAIN_FIRST]


def test_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    loaded.model.to(torch.bfloat16)
    found, expected, records = _both(monkeypatch, loaded, {})
    _assert_alike(found, expected)
    assert records.queued == [STEPS - PLAIN_FIRST]


def test_it_is_recorded_anew_where_keys_have_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "ROOM", 10)
    found, expected, records = _both(monkeypatch, tiny("llama"), {"capture_mode": "stats"}, 20)
    _assert_alike(found, expected)
    # The step after the keys have moved tries the work once more by itself.
    assert len(records) == 2
    assert sum(records.queued) == 20 - PLAIN_FIRST - 1


def test_what_cannot_be_recorded_goes_the_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def refuse(*_given: object) -> Any:
        tried.append(True)
        raise RuntimeError("operation not permitted when stream is capturing")

    with monkeypatch.context() as patch:
        patch.setattr(passes, "step_graph", lambda loaded, *given: StepGraph(*given, loaded.device, record=refuse))
        found = steps(run(tiny("llama"), STEPS))
    _assert_alike(found, steps(run(tiny("llama"), STEPS)))
    assert tried == [True]


@pytest.mark.parametrize("config", [{"attention_tier": "full_row"}, {"attention_tier": "full_matrix"}, {"layers": [0]}])
def test_what_it_does_not_serve_goes_the_plain_way(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]) -> None:
    found, expected, records = _both(monkeypatch, tiny("llama"), config)
    _assert_alike(found, expected)
    assert bool(records) == ("layers" in config)
