"""What a unit writes, against the families' own modules by their own names, and against what changing a neuron does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadAddress, PointUnavailable
from neuronscope.models.cards.writes import Writes, writes
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import wrap
from support.architectures import tiny_architecture
from support.families import VOCABULARY, output_projection, random_ids, tiny_model
from support.tokenizers import tiny_tokenizer

LAST, UNIT = 2, 5
FINAL_NORM = {
    "gpt2": "transformer.ln_f",
    "gpt_neox": "gpt_neox.final_layer_norm",
    "gpt_neox_sequential": "gpt_neox.final_layer_norm",
    "opt": "model.decoder.final_layer_norm",
    "phi": "model.final_layernorm",
}


def loaded_family(family: str) -> LoadedModel:
    return wrap(tiny_model(family), tiny_tokenizer(), family)


def all_logits(found: Writes) -> dict[int, float]:
    """By token id, where both ends together hold the whole vocabulary."""
    assert [t.logit for t in found.top] == sorted((t.logit for t in found.top), reverse=True)
    assert found.bottom == found.top[::-1]
    return {token.id: token.logit for token in found.top}


def expect_logits(found: Writes, wanted: Tensor, loaded: LoadedModel) -> None:
    """The same logit for every token but special ones, which are left out."""
    plain = [i for i in range(min(len(wanted), len(loaded.tokenizer))) if i not in loaded.special_ids]
    logits = all_logits(found)
    assert sorted(logits) == plain
    size = float(wanted.abs().max())
    for i in plain:
        assert logits[i] == pytest.approx(float(wanted[i]), abs=1e-5 * size)
    values = wanted[plain].double()
    assert found.mean == pytest.approx(float(values.mean()), abs=1e-6 * size)
    assert found.std == pytest.approx(float(values.std(correction=0)), rel=1e-4)


@pytest.mark.parametrize("layer", [0, LAST])
@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "granite", "olmo2", "phi"])
def test_it_is_the_column_through_norms_and_head(family: str, layer: int) -> None:
    loaded = loaded_family(family)
    model: Any = loaded.model
    own: Any = output_projection(model, family, layer).weight
    direction = own[UNIT] if family == "gpt2" else own[:, UNIT]
    if family == "gpt2":
        direction = model.transformer.ln_f.weight * (direction - direction.mean())
        wanted = model.lm_head.weight @ direction
    elif family == "phi":
        wanted = model.lm_head.weight @ (model.model.final_layernorm.weight * (direction - direction.mean()))
    elif family == "llama":
        wanted = model.lm_head.weight @ (model.model.norm.weight * direction)
    elif family == "gemma2":  # its norms multiply by one plus their weight; the cap of its logits keeps their order
        after = (1 + model.model.layers[layer].post_feedforward_layernorm.weight) * direction
        wanted = model.lm_head.weight @ ((1 + model.model.norm.weight) * after)
    elif family == "olmo2":
        after = model.model.layers[layer].post_feedforward_layernorm.weight * direction
        wanted = model.lm_head.weight @ (model.model.norm.weight * after)
    else:
        assert family == "granite"
        scale = model.config.residual_multiplier / model.config.logits_scaling
        wanted = scale * (model.lm_head.weight @ (model.model.norm.weight * direction))
    found = writes(loaded, Unit.parse(f"mlp_act.{layer}:{UNIT}"), k=VOCABULARY)
    expect_logits(found, wanted.detach(), loaded)
    assert ("what later layers make of it" in found.left_out) == (layer < LAST)
    assert any("final norm" in said for said in found.left_out)
    assert any("cap" in said for said in found.left_out) == (family == "gemma2")
    assert any("after it" in said for said in found.left_out) == (family in ("gemma2", "olmo2"))


@pytest.mark.parametrize(
    "family", ["gpt2", "gpt_neox", "gpt_neox_sequential", "opt", "phi", "llama", "qwen3", "gemma", "granite"]
)
def test_a_neuron_of_the_last_layer_that_is_raised_changes_the_logits_by_it(family: str) -> None:
    """The last layer has no path but the direct one: with the norm's divisions undone, that is all that changes."""
    loaded = loaded_family(family)
    found = writes(loaded, Unit.parse(f"mlp_act.{LAST}:{UNIT}"), k=VOCABULARY)
    by = 3.0
    plain, changed = outcome(loaded, family, 0.0), outcome(loaded, family, by)
    norm = loaded.model.get_submodule(FINAL_NORM.get(family, "model.norm"))
    with torch.no_grad():
        # What the final norm gives of nothing is its bias, which no activation changes.
        fixed = head_of(loaded, family, norm(torch.zeros(1, 32)))
    wanted = (changed[0] - fixed) * changed[1] - (plain[0] - fixed) * plain[1]
    expect_logits(found, wanted[-1] / by, loaded)


def outcome(loaded: LoadedModel, family: str, by: float) -> tuple[Tensor, Tensor]:
    """Logits ``[position, vocabulary]`` with the neuron raised, and what the final norm divided by ``[position, 1]``."""
    taken: list[Tensor] = []

    def raise_it(_module: torch.nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        changed = args[0].clone()
        changed[..., UNIT] += by
        return (changed, *args[1:])

    norm = loaded.model.get_submodule(FINAL_NORM.get(family, "model.norm"))
    handles = [
        output_projection(loaded.model, family, LAST).register_forward_pre_hook(raise_it),
        norm.register_forward_pre_hook(lambda _module, args: taken.append(args[0])),
    ]
    try:
        with torch.no_grad():
            logits = loaded.model(input_ids=random_ids()).logits[0]
    finally:
        for handle in handles:
            handle.remove()
    rows = taken[0][0].double()
    if family in FINAL_NORM:  # these are LayerNorms
        rows = rows - rows.mean(-1, keepdim=True)
    eps = next(float(getattr(norm, n)) for n in ("eps", "variance_epsilon") if hasattr(norm, n))
    return logits.double(), (rows.square().mean(-1, keepdim=True) + eps).sqrt()


def head_of(loaded: LoadedModel, family: str, rows: Tensor) -> Tensor:
    given: Tensor = loaded.model.get_submodule("lm_head")(rows)[0]
    return given.double() / (loaded.model.config.logits_scaling if family == "granite" else 1)


def test_a_unit_of_the_stream_writes_its_own_direction() -> None:
    loaded = loaded_family("gemma2")
    model: Any = loaded.model
    one = torch.zeros(32)
    one[UNIT] = 1
    plain = model.lm_head.weight @ ((1 + model.model.norm.weight) * one)
    behind = model.lm_head.weight @ (
        (1 + model.model.norm.weight) * (1 + model.model.layers[1].post_attention_layernorm.weight) * one
    )
    for point, wanted in (("resid_post", plain), ("resid_pre", plain), ("mlp_add", plain), ("attn_out", behind)):
        expect_logits(writes(loaded, Unit.parse(f"{point}.1:{UNIT}"), k=VOCABULARY), wanted.detach(), loaded)


def test_only_as_many_tokens_as_asked_for() -> None:
    loaded = loaded_family("llama")
    every, few = (writes(loaded, Unit.parse("mlp_act.1:7"), k) for k in (VOCABULARY, 3))
    assert few.top == every.top[:3]
    assert few.bottom == every.top[:-4:-1]
    assert all(token.token == loaded.token_text(token.id) for token in few.top)


@pytest.mark.parametrize(
    ("unit", "error", "sentence"),
    [
        ("mlp_act.1:48", BadAddress, "out of range"),
        ("mlp_act.9:0", BadAddress, "out of range"),
        ("head_norm.1:0", PointUnavailable, "head_norm is not added"),
        ("ln2.1:0", PointUnavailable, "ln2 is not added"),
    ],
)
def test_what_writes_nothing_is_refused(unit: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        writes(loaded_family("llama"), Unit.parse(unit))


def test_a_family_without_a_direct_path_is_refused_with_the_reason() -> None:
    with pytest.raises(PointUnavailable, match="layer 1 does not simply add to the stream"):
        writes(loaded_family("opt_post_norm"), Unit.parse("mlp_act.1:5"))


def test_a_head_with_layers_of_its_own_is_refused() -> None:
    """RoBERTa's head transforms the stream before it multiplies."""
    loaded = wrap(tiny_architecture("roberta-prelayernorm"), tiny_tokenizer(), "roberta")
    with pytest.raises(PointUnavailable, match="between the last block and the logits"):
        writes(loaded, Unit.parse("mlp_act.2:5"))
