"""The short way of a step on a GPU gives what the plain way gives: here with work that is run again in place of replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture import cache, generate
from neuronscope.capture.step_graph import StepGraph
from neuronscope.core.events import Step
from neuronscope.models.loaded import LoadedModel
from neuronscope.traces.payloads import decode
from support.families import FAMILIES
from support.runs import run, steps, tiny

STEPS = 14
PLAIN_FIRST = 4
"""The prompt, a token that is copied, one that lays out how tensors are put together, and one that tries the work."""

records: list[Again] = []


class Again:
    """Stands in for a graph on a GPU: the work is done anew each time, on the tensors that it was recorded with."""

    def __init__(self, work: Callable[[], Sequence[Tensor]], _device: torch.device) -> None:
        self._work, self.queued = work, 0
        records.append(self)

    def queue(self) -> None:
        self.queued += 1
        self._found = [tensor.clone().numpy() for tensor in self._work()]

    def arrays(self) -> list[NDArray[Any]]:
        return self._found


@pytest.fixture(autouse=True)
def _no_records() -> None:
    records.clear()


def _both(
    monkeypatch: pytest.MonkeyPatch, loaded: LoadedModel, config: dict[str, Any], count: int = STEPS
) -> tuple[list[Step], list[Step]]:
    """The steps by the short way and by the plain one."""
    with monkeypatch.context() as patch:
        patch.setattr(generate, "step_graph", lambda *given: StepGraph(*given, record=Again))
        found = steps(run(loaded, count, config))
    return found, steps(run(loaded, count, config))


def _assert_alike(found: list[Step], expected: list[Step]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.token_id, one.logprob, one.top, one.dropped) == (
            other.token_id,
            other.logprob,
            other.top,
            other.dropped,
        )
        assert len(one.entries) == len(other.entries)
        for a, b in zip(one.entries, other.entries, strict=True):
            assert (a.address, a.shape, a.stats) == (b.address, b.shape, b.stats)
            if a.payload is None or a.payload["kind"] != "attention_summary":
                assert a.payload == b.payload, a.address
                continue
            first, second = decode(a.payload, a.shape), decode(b.payload, b.shape)
            # Keys that weigh the same may come in either order, and either may be the last that is named.
            heavier = second["weights"] > second["weights"][:, -1:] + 1e-6
            for row, keys, named in zip(heavier, first["keys"], second["keys"], strict=True):
                assert set(named[row]) <= set(keys)
            np.testing.assert_allclose(first["weights"], second["weights"], atol=1e-6)
            np.testing.assert_allclose(first["entropy"], second["entropy"], atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    _assert_alike(*_both(monkeypatch, tiny(family), {}))


@pytest.mark.parametrize("mode", ["stats", "topk", "sampled", "full"])
@pytest.mark.parametrize("quantization", ["f32", "q8"])
def test_every_mode_is_recorded_once(monkeypatch: pytest.MonkeyPatch, mode: str, quantization: str) -> None:
    config = {"capture_mode": mode, "quantization": quantization}
    _assert_alike(*_both(monkeypatch, tiny("llama"), config))
    assert [one.queued for one in records] == [STEPS - PLAIN_FIRST]


def test_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    loaded.model.to(torch.bfloat16)
    _assert_alike(*_both(monkeypatch, loaded, {}))
    assert [one.queued for one in records] == [STEPS - PLAIN_FIRST]


def test_it_is_recorded_anew_where_keys_have_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 20
    monkeypatch.setattr(cache, "ROOM", 10)
    _assert_alike(
        *_both(monkeypatch, tiny("llama"), {"capture_mode": "stats", "points": ["ln_f", "attn_weights"]}, count)
    )
    assert len(records) == 2
    # The step after the keys have moved tries the work once more by itself.
    assert sum(one.queued for one in records) == count - PLAIN_FIRST - 1


def test_tiles_and_whole_rows_go_the_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for config in ({"attention_tier": "full_row"}, {"attention_tier": "full_matrix"}):
        found, expected = _both(monkeypatch, tiny("llama"), config)
        assert [step.entries for step in found] == [step.entries for step in expected]
    assert not records
