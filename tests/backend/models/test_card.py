from __future__ import annotations

import pytest
import torch

from neuronscope.models.card import describe
from neuronscope.models.loader import wrap
from support.families import FAMILIES, output_projection, tiny_model
from support.tokenizers import tiny_tokenizer


@pytest.mark.parametrize("family", FAMILIES)
def test_the_card_counts_each_parameter_once_and_reads_real_weights(family: str) -> None:
    model = tiny_model(family)
    card = describe(wrap(model, tiny_tokenizer(), family))
    total = sum(p.numel() for p in model.parameters())
    assert sum(part.parameters for part in card.parts) == card.parameters == total
    assert {part.part for part in card.parts} >= {"attention", "mlp", "norms", "embeddings"}
    weight = output_projection(model, family, 1).weight.detach()
    assert card.layer_weights[1].mlp_out_norm == pytest.approx(float(torch.linalg.norm(weight)), rel=1e-6)
    assert (card.layers, card.d_model, card.heads, card.vocabulary) == (3, 32, 4, 97)
    for state in card.points:
        assert (state.refused is None) == (state.layers is None or len(state.layers) == 3)


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
