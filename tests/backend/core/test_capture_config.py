from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neuronscope.core.capture_config import REFUSED, CaptureConfig
from neuronscope.core.errors import BadAddress, BadRequest
from neuronscope.core.trace_config import TraceConfig


def test_left_out_is_full_float32() -> None:
    assert CaptureConfig.of(None) == CaptureConfig.of({}) == CaptureConfig("full", "f32", "full_matrix", 20, None, None)


def test_points_and_layers_stand_beside_it_or_in_it() -> None:
    inside = CaptureConfig.of({"points": ["mlp_act"], "layers": [1]})
    assert inside == CaptureConfig.of({}, ["mlp_act"], np.array([1])) == CaptureConfig.of(inside)
    assert [str(address) for address in inside.spec.expand(2)] == ["mlp_act.1"]
    with pytest.raises(BadRequest, match="layers are given twice"):
        CaptureConfig.of({"layers": [1]}, None, [1])


def test_what_only_a_run_has_is_refused_with_the_reason() -> None:
    for name in REFUSED:
        with pytest.raises(BadRequest, match=rf"^A capture takes no {name}: .*\. Leave it out; "):
            CaptureConfig.of({name: getattr(TraceConfig(), name)})
    for mode in ("stats", "sampled", "topk", "tile", 7):
        with pytest.raises(BadRequest, match="keeps whole tensors"):
            CaptureConfig.of({"capture_mode": mode})


def test_every_field_of_a_runs_is_taken_or_refused() -> None:
    assert {*CaptureConfig.__slots__, *REFUSED} == set(TraceConfig.__slots__)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"quantization": "f64"}, "quantization can't be 'f64'"),
        ({"attention_tier": "all", "points": ["attn_weights"]}, "attention_tier can't be 'all'"),
        ({"attention_tier": "summary"}, "not among the points"),
        ({"attention_tier": "full_row", "points": ["mlp_act", "attn_out.0"]}, "not among the points"),
        ({"logits_topk": -1}, "logits_topk can't be -1"),
        ({"logits_topk": True}, "logits_topk can't be True"),
        ({"points": []}, "points must be a list"),
        ({"points": "mlp_act"}, "'mlp_act' is one text"),
        ({"points": [3]}, "points must be a list"),
        ({"layers": [True]}, "layers must be a list"),
        ({"layers": 3}, "layers must be a list"),
        ({"dtype": "f16"}, "no 'dtype'"),
        (TraceConfig(), "can't be a TraceConfig"),
        ("f16", "can't be a str"),
    ],
)
def test_what_can_not_be_is_told(given: Any, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        CaptureConfig.of(given)


def test_unknown_points_are_told() -> None:
    with pytest.raises(BadAddress, match="no hook point 'nothing'"):
        CaptureConfig.of({"points": ["nothing"]})
