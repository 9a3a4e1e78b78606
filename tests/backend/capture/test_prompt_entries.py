"""What a capture keeps in less than full float32, against the capture that keeps it all and against a run's own step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuronscope.capture.forward import capture_prompt
from neuronscope.core.capture_config import CaptureConfig
from neuronscope.core.errors import NotCaptured
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import wrap
from neuronscope.traces.arrival import import_trace
from neuronscope.traces.payloads import F16_ABSOLUTE, F16_RELATIVE, Q8_BOUND, decode
from neuronscope.traces.store import Trace
from neuronscope.traces.transfer import arrays
from support.families import tiny_model
from support.runs import run, steps
from support.tokenizers import tiny_tokenizer

PROMPT = "Hi, cat 42!"
POINTS = ("mlp_act", "q.1", "attn_weights", "ln_f")


@pytest.fixture(scope="module")
def llama() -> LoadedModel:
    return wrap(tiny_model("llama"), tiny_tokenizer(), "tiny")


@pytest.fixture(scope="module")
def exact(llama: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return capture_prompt(llama, PROMPT, CaptureConfig(points=POINTS), tmp_path_factory.mktemp("exact"))


def captured(loaded: LoadedModel, folder: Path, **config: Any) -> Trace:
    return capture_prompt(loaded, PROMPT, CaptureConfig(points=POINTS, **config), folder)


@pytest.mark.parametrize("quantization", ["f16", "q8"])
def test_values_are_as_near_as_their_form_allows(
    llama: LoadedModel, exact: Trace, tmp_path: Path, quantization: str
) -> None:
    trace = captured(llama, tmp_path, quantization=quantization)
    assert trace.start["config"]["quantization"] == quantization
    assert trace.points == exact.points
    for address in trace.points:
        values, found = exact[address], trace[address]
        bound = np.maximum(np.abs(values) * F16_RELATIVE, F16_ABSOLUTE)
        if quantization == "q8":
            bound = np.abs(values).max(axis=-1, keepdims=True) * Q8_BOUND
        assert found.dtype == np.float32
        assert found.shape == values.shape
        assert (np.abs(found - values) <= bound).all()
        assert not np.array_equal(found, values)
        assert np.array_equal(trace.values(0, address)["values"], found)
    # Statistics are of what the model computed, not of what was kept.
    assert [entry.stats for entry in trace.step(0).entries] == [entry.stats for entry in exact.step(0).entries]
    assert trace.size_bytes < exact.size_bytes


@pytest.mark.parametrize("tier", ["summary", "full_row"])
def test_attention_is_kept_as_a_run_keeps_it(llama: LoadedModel, exact: Trace, tmp_path: Path, tier: str) -> None:
    trace = captured(llama, tmp_path, attention_tier=tier)
    config = {"points": ["attn_weights"], "attention_tier": tier, "quantization": "f32"}
    first = steps(run(llama, 1, config, prompt=PROMPT))[0]
    for entry in first.entries:
        if not entry.address.startswith("attn_weights"):
            continue
        assert entry.payload is not None
        expected, found = decode(entry.payload, entry.shape), trace.values(0, entry.address)
        assert expected.keys() == found.keys()
        for name, values in expected.items():
            assert np.allclose(found[name], values, atol=1e-5), name
        if tier == "full_row":
            assert np.array_equal(found["values"], exact[entry.address][:, -1])
        with pytest.raises(NotCaptured, match=f"did not keep {entry.address}"):
            trace[entry.address]
    assert np.array_equal(trace["mlp_act.0"], exact["mlp_act.0"])


def test_any_form_is_taken_away_and_in_again(llama: LoadedModel, tmp_path: Path) -> None:
    made = captured(llama, tmp_path, quantization="q8", attention_tier="summary")
    found = dict(arrays(made))
    assert np.array_equal(found["mlp_act.2"], made["mlp_act.2"])
    assert found["step_0000/attn_weights.1/keys"].shape[0] == len(found["step_0000/attn_weights.1/entropy"])
    (tmp_path / "elsewhere").mkdir()
    with Trace.open(import_trace(made.path, tmp_path / "elsewhere")) as again:
        assert np.array_equal(again["mlp_act.2"], made["mlp_act.2"])


def test_as_many_next_tokens_are_told_as_are_asked_for(llama: LoadedModel, exact: Trace, tmp_path: Path) -> None:
    assert captured(llama, tmp_path, logits_topk=3).step(0).top == exact.step(0).top[:3]
    assert captured(llama, tmp_path, logits_topk=0).step(0).top == ()
    assert len(captured(llama, tmp_path, logits_topk=1000).step(0).top) == llama.anatomy.vocabulary
