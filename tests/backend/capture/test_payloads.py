"""Every kind of payload against an independent computation from a full capture of the same run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from neuronscope.capture.reduce import tensor_stats
from neuronscope.core.events import Entry, Step
from neuronscope.traces.payloads import F16_ABSOLUTE, F16_RELATIVE, Q8_BOUND, decode
from support.families import FAMILIES
from support.runs import run, steps, tiny

POINTS = ("embed", "resid_post", "mlp_act", "attn_out", "q", "ln_f", "logits")
TOKENS = 7


def _values(entry: Entry) -> dict[str, Any]:
    assert entry.payload is not None
    return decode(entry.payload, entry.shape)


def _by_address(step: Step) -> dict[str, Entry]:
    return {entry.address: entry for entry in step.entries}


@pytest.fixture(scope="module", params=["llama", "opt"])
def whole(request: pytest.FixtureRequest) -> tuple[str, list[dict[str, np.ndarray]]]:
    config = {"capture_mode": "full", "quantization": "f32", "points": POINTS}
    found = steps(run(tiny(request.param), TOKENS, config))
    return request.param, [{e.address: _values(e)["values"] for e in step.entries} for step in found]


def test_statistics_are_those_of_the_whole_tensor(whole: tuple[str, list[dict[str, np.ndarray]]]) -> None:
    family, tensors = whole
    found = steps(run(tiny(family), TOKENS, {"capture_mode": "stats", "points": POINTS}))
    for step, expected in zip(found, tensors, strict=True):
        plain = ~np.array([token.special for token in step.inputs])
        for address, entry in _by_address(step).items():
            values = expected[address]
            assert entry.shape == values.shape
            kept = values[plain] if len(values) == len(plain) and plain.any() else values
            bound = 1e-5 * max(1.0, float(np.abs(kept).max()) * kept.size**0.5)
            assert entry.stats == pytest.approx(tensor_stats(kept), abs=bound)


@pytest.mark.parametrize("topk", [1, 5, 1000])
def test_the_strongest_are_those_of_the_whole_tensor(whole: tuple[str, list[dict[str, np.ndarray]]], topk: int) -> None:
    family, tensors = whole
    config = {"capture_mode": "topk", "topk": topk, "points": POINTS, "quantization": "f32"}
    for step, expected in zip(steps(run(tiny(family), TOKENS, config)), tensors, strict=True):
        for address, entry in _by_address(step).items():
            got, rows = _values(entry), expected[address].reshape(len(expected[address]), -1)
            assert entry.payload is not None
            assert entry.payload["kind"] == "topk_hidden"
            count = min(topk, rows.shape[1])
            places = [0, len(rows) // 2, len(rows) - 1] if len(rows) > 1 else [0]
            assert got["positions"].tolist() == places
            for n, place in enumerate(places):
                order = np.argsort(-np.abs(rows[place]), kind="stable")[:count]
                assert np.array_equal(np.abs(got["values"][n]), np.abs(rows[place][order]))
                assert np.array_equal(got["values"][n], rows[place][got["indices"][n]])
                assert len(set(got["indices"][n].tolist())) == count


@pytest.mark.parametrize("stride", [1, 7])
def test_samples_are_every_nth_unit(whole: tuple[str, list[dict[str, np.ndarray]]], stride: int) -> None:
    family, tensors = whole
    config = {"capture_mode": "sampled", "sample_stride": stride, "points": POINTS, "quantization": "f32"}
    for step, expected in zip(steps(run(tiny(family), TOKENS, config)), tensors, strict=True):
        for address, entry in _by_address(step).items():
            got, rows = _values(entry), expected[address].reshape(len(expected[address]), -1)
            assert np.array_equal(got["values"], rows[got["positions"]][:, ::stride])
            assert np.array_equal(got["indices"], np.arange(0, rows.shape[1], stride))


@pytest.mark.parametrize("quantization", ["f16", "q8"])
@pytest.mark.parametrize("mode", ["full", "topk", "sampled"])
def test_shortened_values_stay_within_their_bounds(
    whole: tuple[str, list[dict[str, np.ndarray]]], quantization: str, mode: str
) -> None:
    family, _ = whole
    model = tiny(family)
    base = {"capture_mode": mode, "points": POINTS}
    exact = steps(run(model, TOKENS, {**base, "quantization": "f32"}))
    short = steps(run(model, TOKENS, {**base, "quantization": quantization}))
    for one, other in zip(exact, short, strict=True):
        for address, entry in _by_address(other).items():
            assert entry.payload is not None
            assert entry.payload["dtype"] == quantization
            true, got = _values(_by_address(one)[address])["values"], _values(entry)["values"]
            if quantization == "f16":
                bound = np.maximum(F16_RELATIVE * np.abs(true), F16_ABSOLUTE)
            else:
                bound = Q8_BOUND * np.abs(true).max(axis=-1, keepdims=True)
            assert (np.abs(got - true) <= bound).all()
            assert not np.array_equal(got, true)


def test_the_prompt_keeps_more_than_statistics_of_one_point_by_default() -> None:
    prefill, decoded = steps(run(tiny("llama"), 2))
    kept = {e.address.split(".")[0] for e in prefill.entries if e.payload is not None}
    assert kept == {"resid_post", "attn_weights", "logits"}
    for entry in prefill.entries:
        assert entry.stats or entry.address.startswith(("attn_weights", "logits"))
    names = {e.address.split(".")[0] for e in decoded.entries if e.payload is not None}
    assert names == {
        "embed", "resid_pre", "attn_out", "resid_mid", "mlp_act", "mlp_out", "resid_post", "ln_f", "attn_weights", "logits"
    }  # fmt: skip


def test_the_likeliest_tokens_come_with_their_logits() -> None:
    model = tiny("gpt2")
    step = steps(run(model, 1))[0]
    got = _values(_by_address(step)["logits"])
    with torch.no_grad():
        logits = model.model(input_ids=torch.tensor([[t.id for t in step.inputs]])).logits[0, -1]
    best = logits.topk(20)
    assert got["ids"].tolist() == best.indices.tolist() == [row["id"] for row in step.top]
    assert np.allclose(got["logits"], best.values.numpy(), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tier", ["summary", "full_row", "full_matrix"])
def test_attention_is_eager_attention(family: str, tier: str) -> None:
    """Against the weights that transformers' eager attention returns for the whole text, sliding windows included."""
    model = tiny(family)
    config = {"attention_tier": tier, "quantization": "f32", "points": ("attn_weights",)}
    found = steps(run(model, TOKENS, config))
    text = [t.id for step in found for t in step.inputs]
    eager = tiny(family).model
    eager.set_attn_implementation("eager")
    with torch.no_grad():
        rows = eager(input_ids=torch.tensor([text]), output_attentions=True).attentions
    for step in found:
        seen = step.pos0 + step.t_add
        for layer, entry in (
            (int(e.address.split(".")[1]), e) for e in step.entries if e.payload and e.address != "logits"
        ):
            expected = rows[layer][0, :, step.pos0 : seen, :seen].numpy()
            _compare(tier, _values(entry), expected)


def _compare(tier: str, got: dict[str, Any], expected: np.ndarray) -> None:
    last = expected[:, -1]
    if tier != "summary":
        first, values = got["first_key"], got["values"]
        wanted = last if tier == "full_row" else expected
        assert np.abs(wanted[..., first:] - values).max() < 1e-5
        # Keys that a sliding cache has let go had no weight.
        assert wanted[..., :first].sum() == 0
        return
    heads = np.arange(len(last))[:, None]
    count = got["weights"].shape[1]
    assert count == min(8, last.shape[1]) or last[:, :-count].max() == 0
    assert np.abs(np.sort(last, axis=1)[:, ::-1][:, :count] - got["weights"]).max() < 1e-5
    assert np.abs(last[heads, got["keys"]] - got["weights"]).max() < 1e-5
    entropy = -np.where(last > 0, last * np.log(np.where(last > 0, last, 1)), 0).sum(axis=1)
    assert np.abs(entropy - got["entropy"]).max() < 1e-5
    assert np.abs(last.max(axis=1) - got["max"]).max() < 1e-5
    assert np.abs(last[heads[:, 0], got["argmax"]] - last.max(axis=1)).max() < 1e-5
