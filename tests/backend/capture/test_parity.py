"""The parity check holds for every family, and turns red when a tap reads the wrong tensor or changes the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch

from neuronscope.capture import parity
from neuronscope.core.address import Address
from neuronscope.core.errors import CorruptModel
from neuronscope.models.anatomy import inspect_model
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import wrap
from support.architectures import tiny_architecture
from support.families import FAMILIES
from support.tokenizers import tiny_model, tiny_tokenizer


def loaded(family: str) -> LoadedModel:
    return wrap(tiny_model(family), tiny_tokenizer())


@pytest.mark.parametrize("family", FAMILIES)
def test_it_holds_and_has_a_row_for_every_point_served(family: str) -> None:
    model = loaded(family)
    found = parity.measure(model)
    assert found.holds, [row for row in found.rows if not row.holds]
    assert found.note == ""
    assert {row.point for row in found.rows} == {address.point for address in model.anatomy.sites}
    assert found.largest_absolute == 0
    assert next(row for row in found.rows if row.point == "attn_weights").compared_with == parity.EAGER
    assert 1 < found.tokens <= parity.TOKENS


def test_it_holds_in_bfloat16() -> None:
    model = wrap(tiny_model("llama").to(torch.bfloat16), tiny_tokenizer())
    found = parity.measure(model)
    assert found.holds, [row for row in found.rows if not row.holds]


def test_a_tap_at_the_wrong_place_is_seen() -> None:
    model = loaded("llama")
    sites = model.anatomy.sites
    sites[Address("mlp_act", 1)] = replace(sites[Address("mlp_act", 1)], take=lambda t: t * (1 + 1e-3))
    found = parity.measure(model)
    assert not found.holds
    assert {row.point for row in found.rows if not row.holds} == {"mlp_out"}


def test_a_tap_that_changes_the_model_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded("gpt2")
    real = parity.read_taps

    @contextmanager
    def meddling(loaded: LoadedModel, *rest: Any) -> Iterator[None]:
        block = loaded.anatomy.blocks[1]
        assert block.mlp_out is not None
        handle = block.mlp_out.register_forward_hook(lambda _module, _args, output: output * (1 + 1e-5))
        try:
            with real(loaded, *rest):
                yield
        finally:
            handle.remove()

    monkeypatch.setattr(parity, "read_taps", meddling)
    found = parity.measure(model)
    assert not found.holds
    assert found.largest_absolute > 0
    assert not found.rows[0].holds
    assert found.rows[0].point == "logits"


def test_wrong_attention_rows_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from neuronscope.models.attention import AttentionCall

    model = loaded("mistral")  # inspection itself would refuse such rows
    right = AttentionCall.weights
    monkeypatch.setattr(AttentionCall, "weights", lambda self: right(self).roll(1, dims=-1))
    found = parity.measure(model)
    assert {row.point for row in found.rows if not row.holds} == {"attn_weights"}


def test_a_point_is_compared_at_every_layer() -> None:
    found = parity.measure(loaded("llama"))
    counts: dict[str, int] = {}
    for row in found.rows:
        if row.compared_with in (parity.HIDDEN, parity.BARE, parity.EAGER):
            counts[row.point] = counts.get(row.point, 0) + row.layers
    assert counts["resid_post"] == counts["mlp_act"] == counts["attn_weights"] == counts["q"] == 3


def test_no_hook_is_left_and_the_kernel_is_put_back() -> None:
    model = loaded("qwen3")
    before = model.model.config._attn_implementation
    parity.measure(model)
    assert model.model.config._attn_implementation == before == "sdpa"
    assert not any(m._forward_pre_hooks for m in model.model.modules())


@pytest.mark.parametrize("model_type", ["mamba", "rwkv", "gemma4", "mixtral", "deepseek_v3", "bloom", "zamba2", "bart"])
def test_it_holds_for_families_of_other_kinds(model_type: str) -> None:
    model = wrap(tiny_architecture(model_type), tiny_tokenizer())
    found = parity.measure(model)
    assert found.holds, [row for row in found.rows if not row.holds]
    assert {row.point for row in found.rows} == {address.point for address in model.anatomy.sites}


def test_weights_that_are_no_numbers_are_refused_by_name() -> None:
    model = loaded("qwen3")
    with torch.no_grad():
        model.model.get_submodule("model.layers.1.mlp.down_proj").weight[0, 0] = float("nan")
    with pytest.raises(CorruptModel, match=r"model\.layers\.1\.mlp\.down_proj\.weight is the first"):
        parity.measure(model)


def test_a_model_that_overflows_is_said_to_and_its_taps_still_hold() -> None:
    model = tiny_model("llama").to(torch.float16)
    with torch.no_grad():
        model.get_submodule("lm_head").weight.fill_(6e4)
    found = parity.measure(replace(loaded("llama"), model=model, anatomy=inspect_model(model)))
    assert "overflows in float16" in found.note
    assert found.holds, [row for row in found.rows if not row.holds]
