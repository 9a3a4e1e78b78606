"""Modules named by hand: used where they hold, refused with the reason where they don't, and never served unproved."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from neuronscope.core.address import Address
from neuronscope.core.errors import BadRequest, UnsupportedModel
from neuronscope.models.anatomy import inspect_model
from neuronscope.models.inspection.naming import ModuleNames
from neuronscope.models.loading.loader import wrap
from support.architectures import tiny_architecture
from support.families import tiny_model
from support.tokenizers import tiny_tokenizer
from support.truth import check

LLAMA = {
    "blocks": "model.layers",
    "final_norm": "model.norm",
    "attention": "self_attn",
    "attn_out": "self_attn.o_proj",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "mlp": "mlp",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "mlp_out": "mlp.down_proj",
    "ln1": "input_layernorm",
    "ln2": "post_attention_layernorm",
}


@pytest.fixture(scope="module")
def llama() -> PreTrainedModel:
    return tiny_model("llama")


def test_names_that_hold_give_what_inspection_finds(llama: PreTrainedModel) -> None:
    found, named = inspect_model(llama), inspect_model(llama, ModuleNames.parse(LLAMA))
    assert found.refused == named.refused
    for address, site in found.sites.items():
        assert named.sites[address].module is site.module
        assert named.sites[address].side == site.side


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("q", "self_attn.k_proj"),
        ("k", "self_attn.v_proj"),
        ("v", "self_attn.k_proj"),
        ("attn_out", "mlp.down_proj"),
        ("mlp_out", "self_attn.o_proj"),
        ("gate", "mlp.up_proj"),
        ("ln1", "post_attention_layernorm"),
        ("ln2", "input_layernorm"),
    ],
)
def test_a_name_that_does_not_hold_is_refused_with_the_reason(llama: PreTrainedModel, key: str, wrong: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"The name given for {key} does not hold: ") as caught:
        inspect_model(llama, ModuleNames.parse({key: wrong}))
    assert f"{wrong!r}, named by hand, was not proved to give it" in caught.value.message


def test_a_stack_named_by_hand_is_taken_and_proved() -> None:
    """Inspection takes the stack that ends in the scores; a person may want to look at another, if it is one."""
    model = tiny_model("llama")
    front = nn.ModuleList(tiny_model("llama", seed=3).model.layers[:2])
    model.model.add_module("front", front)
    embed = model.model.embed_tokens

    class Fronted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = embed

        @property
        def weight(self) -> torch.Tensor:
            return self.table.weight

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            hidden: torch.Tensor = self.table(ids)
            places = torch.arange(ids.shape[1])[None]
            turns = model.model.rotary_emb(hidden, places)
            for block in front:
                hidden = block(hidden, position_embeddings=turns, attention_mask=None)
            return hidden

    model.model.embed_tokens = Fronted()
    found = inspect_model(model)
    assert [b.module for b in found.blocks] == list(model.model.layers)
    named = inspect_model(model, ModuleNames(blocks="model.front"))
    assert [b.module for b in named.blocks] == list(front)
    assert Address("mlp_act", 1) in named.sites
    assert "no norm takes" in named.refused[Address("ln_f")]


def test_a_list_that_carries_no_stream_is_refused() -> None:
    model = tiny_architecture("xlm")
    with pytest.raises(UnsupportedModel) as caught:
        inspect_model(model)
    assert "modules={'blocks': …}" in caught.value.hint
    assert "transformer.attentions (3 × MultiHeadAttention)" in caught.value.hint
    with pytest.raises(UnsupportedModel, match=r"transformer\.ffns is not the list of decoder blocks"):
        inspect_model(model, ModuleNames(blocks="transformer.ffns"))


def test_unknown_keys_and_modules_are_refused_with_those_that_there_are(llama: PreTrainedModel) -> None:
    with pytest.raises(BadRequest, match="no module called 'neurons'") as unknown:
        ModuleNames.parse({"neurons": "mlp"})
    assert "mlp_out" in unknown.value.hint
    with pytest.raises(BadRequest, match="is empty"):
        ModuleNames.parse({"mlp_out": ""})
    with pytest.raises(UnsupportedModel, match=r"no list of modules named 'model\.blocks'") as no_list:
        inspect_model(llama, ModuleNames(blocks="model.blocks"))
    assert "model.layers (3 × LlamaDecoderLayer)" in no_list.value.hint
    with pytest.raises(UnsupportedModel, match=r"no module named 'mlp\.out', given for mlp_out") as missing:
        inspect_model(llama, ModuleNames(mlp_out="mlp.out"))
    assert "mlp.down_proj" in missing.value.hint
    with pytest.raises(UnsupportedModel, match="not the norm after the last block"):
        inspect_model(llama, ModuleNames(final_norm="model.layers.0.input_layernorm"))


def test_a_named_model_is_captured_like_any_other() -> None:
    loaded = wrap(tiny_model("llama"), tiny_tokenizer(), "named", modules=LLAMA)
    eager = tiny_model("llama")
    eager.set_attn_implementation("eager")
    assert not check(loaded, eager).wrong
