"""A card for every architecture that is served: whatever it computes, describing it must never fail."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from neuronscope.api.schemas.cards import ModelCard
from neuronscope.models.cards.card import describe
from neuronscope.models.loading.loader import wrap
from support.architectures import tiny_architecture
from support.tokenizers import tiny_tokenizer

# Those whose attention, norms, positions or blocks are the least like the others'; the families have tests of their own.
ODD = (
    "bailing_hybrid", "bloom", "deepseek_v3", "falcon", "gpt_oss", "inkling2_text", "jamba", "mpt", "nanochat", "reformer",
    "roberta-prelayernorm", "roformer", "rwkv", "trocr", "zamba2",
)  # fmt: skip


@pytest.mark.parametrize("model_type", ODD)
def test_an_odd_architecture_has_a_card_that_says_what_it_can(model_type: str) -> None:
    loaded = wrap(tiny_architecture(model_type), tiny_tokenizer(), model_type)
    card = describe(loaded)
    ModelCard.model_validate(asdict(card))
    assert sum(part.parameters for part in card.parts) == card.parameters
    for equation in card.equations:
        assert equation.latex or equation.note
        assert not (equation.note.startswith("Not established") and equation.latex)
    covered = sorted(layer for block in card.diagram.blocks for layer in block.layers)
    assert covered == list(range(card.layers))
