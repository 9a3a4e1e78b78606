"""Diagrams against the structure that each family's own code has, written down here by hand."""

from __future__ import annotations

import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from neuronscope.core.points import POINTS
from neuronscope.models.anatomy import inspect_model
from neuronscope.models.cards.diagram import Diagram, draw
from neuronscope.models.cards.diagram_types import BlockDiagram
from neuronscope.models.cards.formulas.evidence import gather
from neuronscope.models.cards.layer_groups import Run, alike
from neuronscope.models.inspection.structure import text_config
from support.families import FAMILIES, tiny_model

SMALL = {"hidden_size": 32, "num_hidden_layers": 4, "vocab_size": 97, "max_position_embeddings": 64}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48}


def drawn(model_or_family: object) -> Diagram:
    model = tiny_model(model_or_family) if isinstance(model_or_family, str) else model_or_family
    anatomy = inspect_model(model)
    groups = alike(anatomy, text_config(model))
    return draw(gather(model, anatomy, [layers[0] for layers in groups]), groups)


def made(kind: str, **settings: object) -> Diagram:
    return drawn(AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **settings)).eval())


def into(block: BlockDiagram, target: str) -> set[str]:
    return {edge.source for edge in block.edges if edge.target == target}


def chain(block: BlockDiagram, start: str, *steps: str) -> bool:
    return all(source in into(block, target) for source, target in zip((start, *steps), steps, strict=False))


@pytest.mark.parametrize("family", FAMILIES)
def test_each_module_of_a_block_is_drawn_once_with_its_own_path(family: str) -> None:
    model = tiny_model(family)
    diagram = drawn(model)
    assert sorted(layer for block in diagram.blocks for layer in block.layers) == [0, 1, 2]
    for block in diagram.blocks:
        ids = [node.id for node in block.nodes]
        assert len(ids) == len(set(ids))
        paths = [node.path for node in block.nodes if node.path]
        assert len(paths) == len(set(paths))
        for node in (n for n in block.nodes if n.path):
            assert type(model.get_submodule(node.path)).__name__ == node.module
        covered = {id(p) for path in paths for p in model.get_submodule(path).parameters()}
        first = inspect_model(model).blocks[block.layers[0]].module
        assert {id(p) for p in first.parameters()} <= covered, "nothing with weights is left out"
        assert all({edge.source, edge.target} <= set(ids) for edge in block.edges)
        assert all(edge.source != edge.target for edge in block.edges)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_point_is_at_one_box_or_said_to_be_absent(family: str) -> None:
    for block in drawn(family).blocks:
        places = [point.point for node in block.nodes for point in node.points] + [p.point for p in block.absent]
        assert sorted(places) == sorted(name for name, row in POINTS.items() if row.layered)
        refused = {p.point: p.refused for node in block.nodes for p in node.points}
        assert refused["resid_pre"] is None
        assert refused["mlp_act"] is None


def test_a_sequential_block_adds_twice() -> None:
    block = drawn("llama").blocks[0]
    assert block.order == "one after the other, norms before"
    assert chain(
        block,
        "in",
        "norm-attention",
        "q",
        "attention",
        "attn-out",
        "add-attention",
        "norm-mlp",
        "gate",
        "act",
        "mlp-out",
    )
    assert into(block, "add-attention") == {"in", "attn-out"}
    assert into(block, "add-mlp") == {"add-attention", "mlp-out"}
    assert into(block, "act") == {"gate", "up"}
    assert next(n for n in block.nodes if n.id == "gate").shape == "32 → 48"


@pytest.mark.parametrize(("family", "shared"), [("phi", True), ("gpt_neox", False)])
def test_a_parallel_block_adds_once(family: str, shared: bool) -> None:
    block = drawn(family).blocks[0]
    assert into(block, "add") == {"in", "attn-out", "mlp-out"}
    assert ("norm-mlp" in {n.id for n in block.nodes}) != shared
    assert into(block, "mlp-in") == {"norm-attention" if shared else "norm-mlp"}
    assert ("shared norm" in block.order) == shared


def test_norms_after_and_around() -> None:
    olmo = drawn("olmo2").blocks[0]
    assert olmo.order == "one after the other, norms after"
    assert chain(olmo, "in", "q", "q-norm", "attention", "attn-out", "post-attention", "add-attention", "gate")
    gemma = drawn("gemma2").blocks[0]
    assert gemma.order == "one after the other, norms before and after"
    assert chain(gemma, "add-attention", "norm-mlp", "gate", "act", "mlp-out", "post-mlp", "add-mlp", "out")
    opt = drawn("opt_post_norm").blocks[0]
    assert chain(opt, "in", "q", "attention", "attn-out", "add-attention", "norm-sum-attention", "mlp-in")
    assert into(opt, "add-mlp") == {"norm-sum-attention", "mlp-out"}, "the normalised sum is the stream from there on"
    assert chain(opt, "add-mlp", "norm-sum-mlp", "out")


def test_a_multiplier_is_written_at_the_sum() -> None:
    block = drawn("granite").blocks[0]
    assert [n.note for n in block.nodes if n.role == "sum"] == ["attention times 0.5", "mlp times 0.5"]


def test_experts_are_drawn_with_their_router_and_the_one_of_every_token() -> None:
    diagram = made(
        "qwen2_moe", **SMALL, **HEADS, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16,
        shared_expert_intermediate_size=24,
    )  # fmt: skip
    block = diagram.blocks[0]
    kinds = {(e.source, e.target): e.kind for e in block.edges}
    assert kinds["router", "experts"] == "choice"
    assert into(block, "mix") == {"experts", "shared_expert"}
    assert into(block, "add-mlp") == {"add-attention", "mix"}
    experts = next(n for n in block.nodes if n.id == "experts")
    assert "gate_up_proj 4 × 32 × 32" in experts.inside
    assert not next(n for n in block.nodes if n.id == "add-mlp").note


def test_a_block_without_attention_is_drawn_as_what_it_is() -> None:
    diagram = made("mamba", hidden_size=32, num_hidden_layers=3, vocab_size=97, state_size=4)
    block = diagram.blocks[0]
    assert chain(block, "in", "norm-attention", "mixer", "add-attention", "out")
    assert into(block, "add-attention") == {"in", "mixer"}
    assert any(part.startswith("conv1d") for part in next(n for n in block.nodes if n.id == "mixer").inside)
    assert {"mlp_act", "mlp_gate"} <= {point.point for point in block.absent}
    assert not {n.id for n in block.nodes} & {"q", "attention", "mlp-out"}


def test_a_hybrid_is_drawn_kind_by_kind_in_its_pattern() -> None:
    settings = {
        **SMALL,
        **HEADS,
        "num_experts": 4,
        "use_mamba_kernels": False,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
    }
    diagram = made("jamba", **settings)
    assert diagram.stack == [Run([0, 1], 2)]
    assert [block.layers for block in diagram.blocks] == [[0, 2], [1, 3]]
    first, second = ({node.role for node in block.nodes} for block in diagram.blocks)
    assert "mixer" in first
    assert "attention" not in first
    assert {"attention", "experts", "router"} <= second


def test_what_stands_around_the_blocks() -> None:
    gpt2, llama, opt = drawn("gpt2"), drawn("llama"), drawn("opt_post_norm")
    assert [n.title for n in gpt2.before] == ["token embedding", "position embedding"]
    assert [n.title for n in llama.before] == ["token embedding"]
    assert [n.note for n in gpt2.after] == ["", "tied to the embedding"]
    assert [n.note for n in llama.after] == ["", "weights of its own"]
    assert [n.title for n in opt.after] == ["head"], "this variant has no final norm"
