from __future__ import annotations

from dataclasses import asdict

import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from neuronscope.api.schemas.cards import ModelCard
from neuronscope.models.cards.card import describe
from neuronscope.models.loading.loader import wrap
from support.families import FAMILIES, tiny_model
from support.tokenizers import tiny_tokenizer


@pytest.mark.parametrize("family", FAMILIES)
def test_the_card_counts_each_parameter_once(family: str) -> None:
    model = tiny_model(family)
    card = describe(wrap(model, tiny_tokenizer(), family))
    total = sum(p.numel() for p in model.parameters())
    assert sum(part.parameters for part in card.parts) == card.parameters == total
    assert {part.part for part in card.parts} >= {"attention", "mlp", "norms", "embeddings"}
    assert (card.layers, card.d_model, card.heads, card.vocabulary) == (3, 32, 4, 97)
    inside = sum(p.numel() for p in wrap(model, tiny_tokenizer(), family).anatomy.blocks[1].module.parameters())
    assert (card.layer_facts[1].layer, card.layer_facts[1].parameters) == (1, inside)
    for state in card.points:
        assert (state.refused is None) == (state.layers is None or len(state.layers) == 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_library_says_is_what_the_interface_sends(family: str) -> None:
    plain = asdict(describe(wrap(tiny_model(family), tiny_tokenizer(), family)))
    sent = ModelCard.model_validate({**plain, "source": "local"}).model_dump()
    assert sent == {**plain, "source": "local"}, "a field of one that the other lacks would be lost on the way"


def test_experts_are_counted_on_their_own() -> None:
    config = AutoConfig.for_model(
        "qwen2_moe", hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=97,
        intermediate_size=48, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16,
        shared_expert_intermediate_size=24, max_position_embeddings=64,
    )  # fmt: skip
    parts = {
        p.part: p.parameters for p in describe(wrap(AutoModelForCausalLM.from_config(config), tiny_tokenizer())).parts
    }
    assert parts["experts"] == 2 * 4 * 3 * 16 * 32
    assert parts["shared experts"] == 2 * 3 * 24 * 32
    assert parts["router and gates"] == 2 * (4 * 32 + 32)
    assert "mlp" not in parts


def test_position_schemes_and_norms_are_named() -> None:
    cards = {f: describe(wrap(tiny_model(f), tiny_tokenizer(), f)) for f in ("gpt2", "llama", "opt", "gpt_neox")}
    assert {f: c.position_scheme for f, c in cards.items()} == {
        "gpt2": "learned",
        "llama": "rotary",
        "opt": "learned",
        "gpt_neox": "rotary",
    }
    assert (cards["llama"].norm, cards["gpt2"].norm) == ("RMSNorm", "LayerNorm")
    assert cards["gpt_neox"].parallel_blocks
    assert not cards["llama"].parallel_blocks
