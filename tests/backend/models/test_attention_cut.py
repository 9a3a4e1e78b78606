"""Attention that another stands in for: it is handed what the kernel would be, and its output is what the model goes on with."""

from __future__ import annotations

import pytest
import torch

from neuronscope.models.attention import AttentionHold, Seen, attend, attention_cut, configs_of
from support.families import tiny_model


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen3", "granite"])
@torch.no_grad()
def test_what_stands_in_gives_the_output(family: str) -> None:
    model, ids = tiny_model(family), torch.arange(3, 12)[None]
    expected = model(ids).logits
    held: list[Seen] = []

    def cut(seen: Seen) -> torch.Tensor:
        return attend(seen)

    with AttentionHold(held.append, configs_of(model)) as hold:
        hold.begin()
        with attention_cut(cut):
            assert torch.equal(model(ids).logits, expected)
        with attention_cut(lambda seen: torch.zeros_like(attend(seen))):
            assert not torch.equal(model(ids).logits, expected)
        assert torch.equal(model(ids).logits, expected)
    assert len(held) == 3 * model.config.num_hidden_layers
    assert all(torch.equal(seen[-1], attend(seen)) for seen in held[:3])
