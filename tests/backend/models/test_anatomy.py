"""Every point of every family against identities and against what Hugging Face itself returns."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedModel

from neuronscope.capture.forward import run_batch
from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import BadAddress, PointUnavailable
from neuronscope.core.points import POINTS
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import wrap
from support.families import FAMILIES, bare_neurons, output_projection, random_ids, tiny_model
from support.tokenizers import tiny_tokenizer

PARALLEL = {"gpt_neox", "phi"}
UNGATED = {"gpt2", "gpt_neox", "gpt_neox_sequential", "opt", "opt_post_norm", "phi"}
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def loaded(family: str) -> LoadedModel:
    return wrap(tiny_model(family), tiny_tokenizer(), family)


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return random_ids(length=9)


@pytest.fixture(scope="module")
def taken(loaded: LoadedModel, ids: torch.Tensor) -> Tensors:
    found = run_batch(loaded, ids, torch.ones_like(ids), loaded.anatomy.sites)
    return {str(address): tensor[0].detach().clone() for address, tensor in found.items()}


def test_neurons_are_what_a_bare_hook_on_the_output_projection_takes(
    loaded: LoadedModel, family: str, ids: torch.Tensor, taken: Tensors
) -> None:
    for layer in range(3):
        expected = bare_neurons(loaded.model, family, ids, layer)
        assert torch.equal(taken[f"mlp_act.{layer}"], expected)


def test_mlp_out_is_the_output_projection_of_the_neurons(loaded: LoadedModel, family: str, taken: Tensors) -> None:
    for layer in range(3):
        with torch.no_grad():
            expected = output_projection(loaded.model, family, layer)(taken[f"mlp_act.{layer}"])
        assert torch.allclose(taken[f"mlp_out.{layer}"], expected, atol=1e-6)


def test_neurons_follow_from_gate_and_up_or_from_the_preactivation(
    loaded: LoadedModel, family: str, taken: Tensors
) -> None:
    for layer in range(3):
        activation = loaded.anatomy.blocks[layer].activation
        assert activation is not None
        if family in UNGATED:
            expected = activation(taken[f"mlp_pre.{layer}"])
        else:
            expected = activation(taken[f"mlp_gate.{layer}"]) * taken[f"mlp_up.{layer}"]
        assert torch.allclose(taken[f"mlp_act.{layer}"], expected, atol=1e-6)


def test_the_stream_adds_up(family: str, taken: Tensors) -> None:
    for layer in range(3):
        pre, post = taken[f"resid_pre.{layer}"], taken[f"resid_post.{layer}"]
        if family == "opt_post_norm":
            continue
        attn, mlp = taken[f"attn_add.{layer}"], taken[f"mlp_add.{layer}"]
        if family in PARALLEL:
            assert torch.allclose(pre + attn + mlp, post, atol=1e-5)
        else:
            mid = taken[f"resid_mid.{layer}"]
            assert torch.allclose(pre + attn, mid, atol=1e-5)
            assert torch.allclose(mid + mlp, post, atol=1e-5)


def test_the_stream_is_what_transformers_returns(loaded: LoadedModel, ids: torch.Tensor, taken: Tensors) -> None:
    with torch.no_grad():
        output = loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
    states = [state[0] for state in output.hidden_states]
    assert torch.equal(taken["embed"], taken["resid_pre.0"])
    for layer in range(3):
        assert torch.equal(taken[f"resid_pre.{layer}"], states[layer])
    for layer in range(2):
        assert torch.equal(taken[f"resid_post.{layer}"], states[layer + 1])
    last = taken.get("ln_f", taken["resid_post.2"])
    assert torch.equal(last, states[3])
    assert torch.equal(taken["logits"], output.logits[0])


def test_attention_rows_equal_eager_ones(loaded: LoadedModel, family: str, ids: torch.Tensor, taken: Tensors) -> None:
    eager = tiny_model(family)
    eager.set_attn_implementation("eager")
    with torch.no_grad():
        output = eager(input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True)
    for layer in range(3):
        rows = taken[f"attn_weights.{layer}"]
        assert rows.shape == (4, 9, 9)
        assert torch.allclose(rows, output.attentions[layer][0], atol=1e-5)
        assert torch.allclose(rows.sum(-1), torch.ones(4, 9), atol=1e-5)


def test_attention_of_values_gives_attention_output(loaded: LoadedModel, taken: Tensors) -> None:
    """Rows times values, through the output projection, is what attention gives: it ties three points together."""
    for layer in range(3):
        block = loaded.anatomy.blocks[layer]
        rows, values = taken[f"attn_weights.{layer}"], taken[f"v.{layer}"]
        groups = rows.shape[0] // values.shape[1]
        mixed = torch.einsum("hpk,khe->phe", rows, values.repeat_interleave(groups, dim=1))
        assert block.attn_out is not None
        with torch.no_grad():
            expected = block.attn_out(mixed.flatten(1))
        assert torch.allclose(taken[f"attn_out.{layer}"], expected, atol=1e-5)
        assert torch.allclose(taken[f"head_norm.{layer}"], mixed.square().sum(-1).sqrt(), atol=1e-5)
        loaded.anatomy.check_unit(Unit(Address("head_norm", layer), 3))
        with pytest.raises(BadAddress, match="has 4 units"):
            loaded.anatomy.check_unit(Unit(Address("head_norm", layer), 4))


def test_norms_feed_attention_and_mlp(loaded: LoadedModel, family: str, taken: Tensors) -> None:
    for layer in range(3):
        block = loaded.anatomy.blocks[layer]
        if f"ln1.{layer}" in taken:
            projection, point = (block.q, "q") if block.q is not None else (block.qkv, None)
            assert projection is not None
            if point is not None:
                with torch.no_grad():
                    expected = projection(taken[f"ln1.{layer}"])
                assert torch.allclose(taken[f"q.{layer}"].flatten(1), expected, atol=1e-5)
        if f"ln2.{layer}" in taken:
            projection = block.mlp_in or block.gate or block.gate_up
            assert projection is not None
            with torch.no_grad():
                expected = projection(taken[f"ln2.{layer}"])
            name = "mlp_pre" if family in UNGATED else "mlp_gate"
            got = taken[f"{name}.{layer}"]
            assert torch.allclose(got, expected[..., : got.shape[-1]], atol=1e-5)


def test_capturing_changes_nothing(loaded: LoadedModel, ids: torch.Tensor) -> None:
    """T1: logits with taps on every point are bit for bit those without."""
    mask = torch.ones_like(ids)
    hooks = _hooks(loaded.model)
    with torch.no_grad():
        plain = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    tapped = run_batch(loaded, ids, mask, loaded.anatomy.sites)[Address("logits")]
    with torch.no_grad():
        after = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    assert torch.equal(plain, tapped)
    assert torch.equal(plain, after)
    assert _hooks(loaded.model) == hooks


def test_right_padding_leaves_real_positions_alone(loaded: LoadedModel, ids: torch.Tensor, taken: Tensors) -> None:
    padded = torch.nn.functional.pad(ids, (0, 3))
    mask = torch.nn.functional.pad(torch.ones_like(ids), (0, 3))
    addresses = [Address("mlp_act", 2), Address("attn_weights", 1)]
    found = run_batch(loaded, padded, mask, addresses)
    assert torch.allclose(found[addresses[0]][0, :9], taken["mlp_act.2"], atol=1e-5)
    assert torch.allclose(found[addresses[1]][0, :, :9, :9], taken["attn_weights.1"], atol=1e-5)


def test_every_point_is_served_or_refused_with_a_reason(loaded: LoadedModel, family: str) -> None:
    anatomy = loaded.anatomy
    for name, row in POINTS.items():
        for layer in range(3) if row.layered else (None,):
            address = Address(name, layer)
            if address in anatomy.sites:
                assert address not in anatomy.refused
                continue
            with pytest.raises(PointUnavailable) as caught:
                anatomy.site(address)
            assert len(anatomy.refused[address]) > 20
            assert anatomy.refused[address] in caught.value.message
    expected = {"router", "mlp_gate", "mlp_up"} if family in UNGATED else {"router", "mlp_pre"}
    expected |= {"resid_mid"} if family in PARALLEL else set()
    expected |= {"ln1", "ln2"} if family in ("olmo2", "opt_post_norm") else set()
    expected |= {"attn_add", "mlp_add", "ln_f"} if family == "opt_post_norm" else set()
    assert {address.point for address in anatomy.refused} == expected


def test_units_and_layers_are_checked_against_the_model(loaded: LoadedModel, family: str) -> None:
    anatomy = loaded.anatomy
    width = 128 if family == "gpt2" else 48
    anatomy.check_unit(Unit(Address("mlp_act", 2), width - 1))
    with pytest.raises(BadAddress, match=f"has {width} units"):
        anatomy.check_unit(Unit(Address("mlp_act", 2), width))
    with pytest.raises(BadAddress, match="3 layers"):
        anatomy.site(Address("mlp_act", 3))


def _hooks(model: PreTrainedModel) -> dict[str, int]:
    return {name: len(m._forward_hooks) + len(m._forward_pre_hooks) for name, m in model.named_modules()}
