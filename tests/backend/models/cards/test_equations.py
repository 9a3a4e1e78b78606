"""Each formula's facts, evaluated by code written here, against what the real modules do on a longer text than the probe's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM

from neuronscope.models.anatomy import Anatomy, inspect_model
from neuronscope.models.cards.equations import Equation, equations
from neuronscope.models.cards.formulas.activation import MlpFacts, mlp_facts
from neuronscope.models.cards.formulas.attention import AttentionFacts, attention_facts
from neuronscope.models.cards.formulas.ends import embedding_facts, logit_facts
from neuronscope.models.cards.formulas.evidence import Evidence, gather
from neuronscope.models.cards.formulas.norm import NormFacts, norm_facts
from neuronscope.models.cards.formulas.rotary import RotaryFacts, rotary_latex, rotary_words
from neuronscope.models.cards.layer_groups import alike
from neuronscope.models.inspection.structure import is_norm, text_config
from support.families import CONFIGS, FAMILIES, random_ids, tiny_model

LENGTH = 11


def evidence_of(family: str) -> tuple[Evidence, list[list[int]]]:
    model = tiny_model(family)
    anatomy = inspect_model(model)
    groups = alike(anatomy, text_config(model))
    return gather(model, anatomy, [layers[0] for layers in groups]), groups


def watch(
    model: nn.Module, modules: list[nn.Module]
) -> tuple[dict[nn.Module, Tensor], dict[nn.Module, Tensor], Tensor]:
    """Inputs and outputs of modules over 11 tokens, and the logits; eager attention gives its weights out."""
    taken: dict[nn.Module, Tensor] = {}
    given: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor], output: Tensor) -> None:
        taken[module] = args[0] if args else kwargs["hidden_states"]
        given[module] = output[0] if isinstance(output, tuple) else output

    handles = [m.register_forward_hook(keep, with_kwargs=True) for m in modules]
    model.set_attn_implementation("eager")  # type: ignore[operator]
    with torch.no_grad():
        out = model(input_ids=random_ids(LENGTH), output_attentions=True)
    for handle in handles:
        handle.remove()
    return taken, given, out


@pytest.mark.parametrize("family", FAMILIES)
def test_every_norm_is_what_its_formula_says(family: str) -> None:
    model = tiny_model(family)
    norms = [m for m in model.modules() if is_norm(m)]
    taken, given, _ = watch(model, norms)
    for norm in (n for n in norms if n in taken):
        facts = norm_facts(norm, 32)
        assert isinstance(facts, NormFacts), facts
        x = taken[norm].double()
        centred = x - x.mean(-1, keepdim=True) if facts.kind == "layer" else x
        y = centred / (centred.square().mean(-1, keepdim=True) + facts.eps).sqrt()
        weight = norm.weight.double()
        y = y * (weight + 1 if facts.weight == "plus one" else weight)
        y = y + norm.bias.double() if facts.bias else y
        assert torch.allclose(y.float(), given[norm], atol=2e-5, rtol=1e-4)
        assert (facts.weight == "plus one") == family.startswith("gemma")
        assert facts.kind == ("rms" if "RMS" in type(norm).__name__ else "layer")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "SiLU": lambda x: x / (1 + torch.exp(-x)),
    "GELU": lambda x: x / 2 * (1 + torch.erf(x / math.sqrt(2))),
    "GELU, tanh form": lambda x: x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "ReLU": lambda x: x.clamp(min=0),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_mlp_bends_its_neurons_as_its_formula_says(family: str) -> None:
    evidence, _ = evidence_of(family)
    facts = mlp_facts(evidence, 0)
    assert isinstance(facts, MlpFacts), facts
    bend = ACTIVATIONS[facts.function.name]
    if facts.gated:
        gate, up, act = (evidence.value(name, 0) for name in ("mlp_gate", "mlp_up", "mlp_act"))
        assert gate is not None
        assert up is not None
        wanted = bend(gate.double()) * up
    else:
        pre, act = evidence.value("mlp_pre", 0), evidence.value("mlp_act", 0)
        assert pre is not None
        wanted = bend(pre.double())
    assert act is not None
    assert torch.allclose(wanted.float(), act, atol=1e-5)
    assert facts.gated == (family not in ("gpt2", "gpt_neox", "gpt_neox_sequential", "opt", "opt_post_norm", "phi"))


def turned(x: Tensor, facts: AttentionFacts) -> Tensor:
    """``[position, head, width]`` rotated one pair at a time, as the formula is written."""
    rotary = facts.rotary
    if rotary is None:
        return x
    assert rotary.theta is not None
    assert not rotary.scaling
    out, half = x.clone(), rotary.dimensions // 2
    for i in range(half):
        a, b = (i, i + half) if rotary.pairing == "halves" else (2 * i, 2 * i + 1)
        for t in range(x.shape[0]):
            angle = t * rotary.theta ** (-2 * i / rotary.dimensions)
            out[t, :, a] = x[t, :, a] * math.cos(angle) - x[t, :, b] * math.sin(angle)
            out[t, :, b] = x[t, :, b] * math.cos(angle) + x[t, :, a] * math.sin(angle)
    return out


def normed(x: Tensor, norm: nn.Module | None, kind: str) -> Tensor:
    if norm is None or kind == "none":
        return x
    flat = x.flatten(1) if kind == "whole" else x
    with torch.no_grad():
        return norm(flat.float()).reshape(x.shape).double()


@pytest.mark.parametrize("family", FAMILIES)
def test_attention_weights_over_more_tokens_than_the_probe_follow_from_the_formula(family: str) -> None:
    evidence, groups = evidence_of(family)
    model, anatomy = evidence.model, evidence.anatomy
    for layer in (layers[0] for layers in groups):
        facts = attention_facts(evidence, layer)
        assert isinstance(facts, AttentionFacts), facts
        assert facts.proved == "projected"
        assert facts.output_follows
        weights, (q, k) = _weights_and_projections(model, anatomy, layer)
        attention = anatomy.blocks[layer].attention
        q = turned(normed(q, getattr(attention, "q_norm", None), facts.qk_norm), facts)
        k = turned(normed(k, getattr(attention, "k_norm", None), facts.qk_norm), facts)
        for head in range(facts.heads):
            for t in range(LENGTH):
                first = 0 if facts.window is None else max(0, t - facts.window + 1)
                keys = k[first : t + 1, head * facts.kv_heads // facts.heads]
                z = facts.scale * keys @ q[t, head]
                z = facts.softcap * torch.tanh(z / facts.softcap) if facts.softcap is not None else z
                wanted = functional.pad(z.softmax(-1), (first, LENGTH - 1 - t))
                assert torch.allclose(wanted.float(), weights[head, t], atol=1e-5)
        assert (facts.window is not None) == (
            CONFIGS[family][1].get("sliding_window") is not None and not (family == "gemma2" and layer == 1)
        )
    assert (facts.qk_norm == "none") == (family not in ("qwen3", "gemma3", "olmo2"))


def _weights_and_projections(model: nn.Module, anatomy: Anatomy, layer: int) -> tuple[Tensor, list[Tensor]]:
    from neuronscope.core.address import Address

    sites = [anatomy.sites[Address(name, layer)] for name in "qk"]
    _, given, out = watch(model, [site.module for site in sites])
    return out.attentions[layer][0], [site.take(given[site.module])[0].double() for site in sites]


@pytest.mark.parametrize("family", FAMILIES)
def test_embedding_and_logits_are_what_their_formulas_say(family: str) -> None:
    evidence, _ = evidence_of(family)
    model, ids = evidence.model, random_ids(LENGTH)
    first, head = evidence.anatomy.blocks[0].module, model.get_output_embeddings()
    taken, _, out = watch(model, [first, head])
    facts = embedding_facts(evidence)
    assert facts.scale is not None
    # Gemma's embedding multiplies by itself; its plain weight is the row that the formula names.
    wanted = facts.scale * functional.embedding(ids, model.get_input_embeddings().weight)
    if facts.learned is not None:
        table = next(
            m for m in model.modules() if isinstance(m, nn.Embedding) and m is not model.get_input_embeddings()
        )
        wanted = wanted + table.weight[facts.offset : facts.offset + LENGTH]
    assert torch.allclose(wanted, taken[first], atol=1e-5)
    assert (facts.learned is not None) == (family in ("gpt2", "opt", "opt_post_norm"))

    said = logit_facts(evidence)
    assert said.scale is not None
    scores = said.scale * (taken[head] @ head.weight.T + (head.bias if said.bias else 0))
    scores = said.cap * torch.tanh(scores / said.cap) if said.cap is not None else scores
    assert torch.allclose(scores, out.logits, atol=1e-4)
    assert (said.cap is not None) == (family == "gemma2")
    assert said.tied == (head.weight is model.get_input_embeddings().weight)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_written_holds_the_numbers_of_the_facts(family: str) -> None:
    evidence, groups = evidence_of(family)
    found = equations(evidence, groups)
    by_part: dict[str, list[Equation]] = {}
    for one in found:
        by_part.setdefault(one.part, []).append(one)
        assert one.latex or one.note, "an equation that is not there says why"
        assert one.latex.count("{") == one.latex.count("}")
        assert not re.search(r"\^\{[^{}]*\}\^", one.latex), "no two exponents on one letter"
    assert set(by_part) == {"embedding", "norm", "positions", "attention", "mlp", "block", "logits"}
    for part in ("positions", "attention", "mlp", "block"):
        assert sorted(layer for one in by_part[part] for layer in one.layers or []) == [0, 1, 2]
    facts = attention_facts(evidence, 0)
    assert isinstance(facts, AttentionFacts)
    scores = by_part["attention"][0].latex
    assert (f"t-{facts.window}<s" in scores) == (facts.window is not None)
    assert (r"50\tanh" in scores) == (family == "gemma2")
    assert (r"\lfloor h/2\rfloor" in scores) == (facts.kv_heads < facts.heads)
    if facts.rotary is not None:
        assert f"10000^{{-2i/{facts.rotary.dimensions}}}" in by_part["positions"][0].latex
    norm = by_part["norm"][0].latex
    assert ("(1+" in norm) == family.startswith("gemma")
    blocks = by_part["block"][0].words
    assert ("parallel" in blocks) == (family in ("gpt_neox", "phi"))
    assert ("0.5" in blocks) == (family == "granite")


def test_a_norm_that_is_neither_is_said_to_be_so() -> None:
    class OddNorm(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x / x.abs().mean(-1, keepdim=True)

    assert norm_facts(OddNorm(), 32) == "OddNorm follows neither the formula of RMSNorm nor of LayerNorm"
    assert isinstance(norm_facts(nn.BatchNorm1d(4), 32), str)


def test_attention_that_follows_no_formula_is_not_given_one() -> None:
    evidence, _ = evidence_of("llama")
    for module, call in list(evidence.seen.attention.items()):
        shuffled = call.query[..., torch.randperm(call.query.shape[-1], generator=torch.Generator().manual_seed(0))]
        evidence.seen.attention[module] = type(call)(
            shuffled, call.key, call.value, call.mask, call.scaling, call.causal
        )
    facts = attention_facts(evidence, 0)
    assert isinstance(facts, AttentionFacts)
    assert facts.proved == "kernel", "the weights no longer follow from what the projections gave"
    assert facts.rotary is None


@pytest.mark.parametrize(("theta", "written"), [(1e6, "1000000^{-2i/8}"), (12345.5, "(12345.5)^{-2i/8}")])
def test_a_large_or_broken_base_is_written_so_that_it_can_be_set(theta: float, written: str) -> None:
    facts = RotaryFacts(8, 8, "halves", False, theta, "", {}, 1.0, 0.1, 1.0)
    assert rf"\omega_i={written}" in rotary_latex(facts)
    assert f"theta {theta:.15g}" in rotary_words(facts)


def test_stretched_frequencies_are_named_by_their_rule() -> None:
    rope = {"rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32}  # fmt: skip
    settings = {**CONFIGS["llama"][1], "rope_parameters": rope}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **settings)).eval()
    facts = attention_facts(gather(model, inspect_model(model), [0]), 0)
    assert isinstance(facts, AttentionFacts)
    assert facts.proved == "projected"
    assert facts.rotary is not None
    assert (facts.rotary.scaling, facts.rotary.settings["factor"], facts.rotary.theta) == ("llama3", 8.0, 10_000.0)
    assert r"s_{\text{llama3}}" in rotary_latex(facts.rotary)


def test_alibi_is_told_by_the_weights() -> None:
    config = AutoConfig.for_model("bloom", hidden_size=32, n_layer=2, n_head=4, vocab_size=97)
    model = AutoModelForCausalLM.from_config(config).eval()
    facts = attention_facts(gather(model, inspect_model(model), [0]), 0)
    assert isinstance(facts, AttentionFacts)
    assert facts.proved == "projected"
    assert facts.alibi == pytest.approx((1 / 4, 1 / 16, 1 / 64, 1 / 256))
