"""The short ways of a step give the bytes of the long one, whatever the step is like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from neuronscope.capture import step_entries
from neuronscope.capture.generate import Generation
from neuronscope.capture.lay_kernel import halve_bits
from neuronscope.capture.step_sheet import StepSheet
from neuronscope.core.events import Step
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import BUNDLED_ID, Sources
from neuronscope.traces.codec import step_body
from neuronscope.traces.sheet import Sheet
from support.families import FAMILIES
from support.runs import request, run, steps, tiny

STEPS = 16
"""More than the 8 keys that are named."""
PROMPTS = ("ab", "ab" * 20)

Ways = tuple[list[Step], list[Step], int]


@pytest.fixture(params=["pack", "lay"])
def way(request: pytest.FixtureRequest) -> str:
    """Reduced from where the tensors lie, as on a CPU, or laid from numbers that were reduced elsewhere, as on a GPU."""
    return str(request.param)


def _both(
    monkeypatch: pytest.MonkeyPatch, way: str, loaded: LoadedModel, prompt: str, config: dict[str, Any], **more: Any
) -> Ways:
    """The steps by the short way, by the long one, and how many of them went the short way."""
    short: list[Sheet] = []
    original = getattr(StepSheet, way)

    def counted(self: StepSheet, *given: Any) -> Sheet | None:
        sheet = original(self, *given)
        if sheet is not None:
            short.append(sheet)
        return sheet

    with monkeypatch.context() as patch:
        if way == "lay":
            patch.setattr(StepSheet, "pack", lambda _self: None)
        patch.setattr(StepSheet, way, counted)
        found = steps(run(loaded, STEPS, config, prompt=prompt, **more))
    _long_way(monkeypatch)
    return found, steps(run(loaded, STEPS, config, prompt=prompt, **more)), len(short)


def _long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StepSheet, "pack", lambda _self: None)
    monkeypatch.setattr(StepSheet, "lay", lambda _self, _arrays: None)


def _assert_equal(found: list[Step], expected: list[Step]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert step_body(one) == step_body(other), one.step
        assert getattr(one.entries, "size", None) == getattr(other.entries, "size", None)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_same_bytes(way: str, monkeypatch: pytest.MonkeyPatch, family: str, prompt: str) -> None:
    found, expected, _ = _both(monkeypatch, way, tiny(family), prompt, {})
    _assert_equal(found, expected)


def test_lengths_that_take_a_byte_more_do_so(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = load(Sources().find(BUNDLED_ID), device="cpu")
    monkeypatch.setattr(bundled.model.generation_config, "eos_token_id", None)
    prompt = " a" * 115
    assert 128 - STEPS < len(bundled.encode(prompt).ids) < 127
    found, expected, short = _both(monkeypatch, way, bundled, prompt, {"points": ("attn_weights", "mlp_act")})
    _assert_equal(found, expected)
    assert short >= STEPS - 4


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"capture_mode": "stats"},
        {"quantization": "f32"},
        {"topk": 5, "logits_topk": 0},
        {"points": ("mlp_act", "attn_weights"), "layers": (1,)},
    ],
)
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_most_steps_go_the_short_way(
    way: str, monkeypatch: pytest.MonkeyPatch, family: str, config: dict[str, Any]
) -> None:
    found, expected, short = _both(
        monkeypatch, way, tiny(family), PROMPTS[1], {"max_bytes_per_step": 200_000, **config}
    )
    _assert_equal(found, expected)
    # All but the prompt, the tokens by which the taps learn what is held, and one that is learnt from.
    assert short >= STEPS - 5


@pytest.mark.parametrize("limit", [1_000, 1_600, 2_200, 2_800, 3_400, 4_000, 4_300, 5_000])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_what_is_beyond_the_budget_goes_alike_by_every_way(
    way: str, monkeypatch: pytest.MonkeyPatch, family: str, limit: int
) -> None:
    config = {"max_bytes_per_step": limit}
    found, expected, short = _both(monkeypatch, way, tiny(family), PROMPTS[1], config)
    _assert_equal(found, expected)
    assert [step.dropped for step in found] == [step.dropped for step in expected]
    monkeypatch.setattr(step_entries, "fit_tables", lambda *_given: None)
    one_by_one = steps(run(tiny(family), STEPS, config, prompt=PROMPTS[1]))
    for one, other in zip(found, one_by_one, strict=True):
        assert list(one.entries) == list(other.entries)
        assert one.dropped == other.dropped
    gone = (found[-1].dropped or {"addresses": []})["addresses"]
    if not any(name.startswith("attn_weights") for name in gone):
        assert short >= STEPS - 4


@pytest.mark.parametrize(
    "config",
    [
        {"capture_mode": "sampled"},
        {"quantization": "q8"},
        {"attention_tier": "full_row"},
        {"max_bytes_per_step": 1000},
        {"points": ("mlp_act", "logits")},
    ],
)
def test_other_steps_go_the_long_way(way: str, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]) -> None:
    found, expected, short = _both(monkeypatch, way, tiny("llama"), PROMPTS[0], config)
    _assert_equal(found, expected)
    assert short == 0


def test_a_value_beyond_float16_is_kept_in_float32(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    change = {"units": ["mlp_out.1:3"], "op": "set", "value": 1e6}
    found, expected, short = _both(monkeypatch, way, loaded, PROMPTS[0], {}, interventions=[change])
    _assert_equal(found, expected)
    assert short == 0
    dtypes = {e.payload["dtype"] for e in found[-1].entries if e.payload and e.payload["kind"] == "topk_hidden"}
    assert dtypes == {"f16", "f32"}


def test_no_step_is_laid_over_one_whose_values_were_all_beyond_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    change = {"units": ["mlp_out.1:3"], "op": "set", "value": 1e6}

    def found() -> list[Step]:
        made = Generation(loaded, request(STEPS), {"points": ("mlp_out",), "layers": (1,)}, [change])
        seen = []
        for event in made.events():
            if isinstance(event, Step):
                seen.append(event)
                if event.step == STEPS // 2:
                    made.intervene([])
        return seen

    short = found()
    _long_way(monkeypatch)
    _assert_equal(short, found())
    kept = [
        next(e.payload["dtype"] for e in step.entries if e.payload and "indices" in e.payload) for step in short[1:]
    ]
    assert set(kept) == {"f32", "f16"}


def test_halves_are_those_of_torch() -> None:
    rng = np.random.default_rng(3)
    anything = rng.integers(0, 1 << 32, 200_000, dtype=np.uint64).astype(np.uint32)
    # Around the smallest normal number and the largest, and just between two of them.
    near = (anything & np.uint32(0x807FF000)) | (
        rng.integers(100, 144, len(anything)).astype(np.uint32) << np.uint32(23)
    )
    edges = np.array([0x477FE000, 0x477FEFFF, 0x38800000, 0x387FFFFF, 0x33000000, 0x33000001, 0, 1 << 31], np.uint32)
    for bits in (anything, near, edges):
        halves = torch.from_numpy(bits.view(np.float32)).half().numpy()
        fits = np.isfinite(halves)
        found = np.empty(int(fits.sum()), np.uint16)
        assert halve_bits(np.ascontiguousarray(bits[fits]), found)
        np.testing.assert_array_equal(found, halves[fits].view(np.uint16))
        assert not any(halve_bits(one.reshape(1).copy(), found) for one in bits[~fits][:500])
