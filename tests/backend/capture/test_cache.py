from __future__ import annotations

import pytest
import torch
from transformers import DynamicCache

from neuronscope.capture import cache
from neuronscope.capture.cache import ROOM, RoomyLayer, run_cache
from support.families import tiny_model

STEPS = 40
"""Several times the room that the layers have in these tests."""


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen3", "mistral", "gemma2"])
@torch.no_grad()
def test_logits_are_bit_for_bit_those_over_transformers_own_cache(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "ROOM", 8)
    model = tiny_model(family)
    prompt = torch.arange(3, 12)[None]

    def logits(held: DynamicCache) -> list[torch.Tensor]:
        ids, found = prompt, []
        for _ in range(STEPS):
            out = model(input_ids=ids, past_key_values=held, use_cache=True).logits[0, -1]
            ids = out.argmax().view(1, 1)
            found.append(out.clone())
        return found

    roomy = run_cache(model)
    for ours, theirs in zip(logits(roomy), logits(DynamicCache(config=model.config)), strict=True):
        assert torch.equal(ours, theirs)
    assert roomy.get_seq_length() == prompt.shape[1] + STEPS - 1
    assert any(isinstance(layer, RoomyLayer) for layer in roomy.layers) == (family != "mistral")


def test_a_step_copies_nothing_of_the_steps_before() -> None:
    layer = RoomyLayer()
    first, _ = layer.update(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4))
    second, values = layer.update(torch.full((1, 2, 1, 4), 2.0), torch.full((1, 2, 1, 4), 3.0))
    assert second.data_ptr() == first.data_ptr()
    assert second[0, 0, :, 0].tolist() == [1, 1, 1, 2]
    assert values[0, 1, :, 0].tolist() == [1, 1, 1, 3]
    for _ in range(ROOM):
        second, _ = layer.update(torch.full((1, 2, 1, 4), 2.0), torch.full((1, 2, 1, 4), 3.0))
    assert second.data_ptr() != first.data_ptr()
    assert second.shape == (1, 2, 4 + ROOM, 4)
    assert first[0, 0, :, 0].tolist() == [1, 1, 1]


def test_a_place_on_the_device_is_written_and_counted_by_no_one() -> None:
    layer = RoomyLayer()
    layer.update(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4))
    room = layer.room
    layer.write_at(torch.tensor([3]))
    keys, values = layer.update(torch.full((1, 2, 1, 4), 2.0), torch.full((1, 2, 1, 4), 3.0))
    assert keys.shape[2] == values.shape[2] == 4
    assert torch.equal(keys[:, :, 3], torch.full((1, 2, 4), 2.0))
    assert torch.equal(values[:, :, 3], torch.full((1, 2, 4), 3.0))
    assert int(layer.get_seq_length()) == 3
    assert layer.get_mask_sizes(1) == (4, 0)
    layer.write_at(None)
    assert layer.get_seq_length() == 3
    assert layer.room is room
    layer.fill(4)
    assert layer.get_seq_length() == 4
    assert layer.keys is not None
    assert torch.equal(layer.keys, keys)
