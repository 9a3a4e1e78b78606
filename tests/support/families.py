"""One tiny random-weight model for each family that the program names, and variants that change the block's structure."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

VOCABULARY = 97
_SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 64,
}
_GROUPED = {**_SIZES, "num_key_value_heads": 2}
_GEMMA = {**_GROUPED, "head_dim": 8, "query_pre_attn_scalar": 8}
_OPT = {
    "hidden_size": 32,
    "ffn_dim": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 64,
    "word_embed_proj_dim": 32,
}

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 3, "n_head": 4, "vocab_size": VOCABULARY, "n_positions": 64}),
    "gpt_neox": ("gpt_neox", _SIZES),
    "gpt_neox_sequential": ("gpt_neox", {**_SIZES, "use_parallel_residual": False}),
    "opt": ("opt", _OPT),
    "opt_post_norm": ("opt", {**_OPT, "do_layer_norm_before": False}),
    "phi": ("phi", _SIZES),
    "phi3": ("phi3", {**_GROUPED, "pad_token_id": 0}),
    "llama": ("llama", _GROUPED),
    "mistral": ("mistral", {**_GROUPED, "sliding_window": 4}),
    "qwen2": ("qwen2", _GROUPED),
    "qwen3": ("qwen3", {**_GROUPED, "head_dim": 8}),
    "gemma": ("gemma", {**_GROUPED, "head_dim": 8}),
    "gemma2": ("gemma2", {**_GEMMA, "sliding_window": 4}),
    "gemma3": ("gemma3_text", {**_GEMMA, "sliding_window": 4}),
    "olmo2": ("olmo2", _GROUPED),
    "granite": ("granite", {**_GROUPED, "residual_multiplier": 0.5}),
}

FAMILIES = tuple(CONFIGS)


def tiny_model(family: str, seed: int = 0) -> PreTrainedModel:
    """A model of that family in float32 with 3 layers of width 32; weights and biases drawn with the seed."""
    model_type, settings = CONFIGS[family]
    config = AutoConfig.for_model(model_type, **settings)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def random_ids(length: int = 9, batch: int = 1, seed: int = 1) -> torch.Tensor:
    """Token ids ``[batch, length]``."""
    return torch.randint(3, VOCABULARY, (batch, length), generator=torch.Generator().manual_seed(seed))


MLP_OUT = {
    "gpt2": "transformer.h.{}.mlp.c_proj",
    "gpt_neox": "gpt_neox.layers.{}.mlp.dense_4h_to_h",
    "gpt_neox_sequential": "gpt_neox.layers.{}.mlp.dense_4h_to_h",
    "opt": "model.decoder.layers.{}.fc2",
    "opt_post_norm": "model.decoder.layers.{}.fc2",
    "phi": "model.layers.{}.mlp.fc2",
}
"""Where each family keeps its MLP's output projection, written down by hand, not found by the code under test."""


def output_projection(model: PreTrainedModel, family: str, layer: int) -> torch.nn.Module:
    """The module whose input the neurons are, by the family's own name for it."""
    return model.get_submodule(MLP_OUT.get(family, "model.layers.{}.mlp.down_proj").format(layer))


def bare_neurons(model: PreTrainedModel, family: str, ids: torch.Tensor, layer: int) -> torch.Tensor:
    """``[position, neuron]`` by a bare forward pre-hook: no code of the program is involved."""
    taken: list[torch.Tensor] = []
    projection = output_projection(model, family, layer)
    handle = projection.register_forward_pre_hook(lambda _module, args: taken.append(args[0].detach().clone()))
    try:
        with torch.no_grad():
            model(input_ids=ids, attention_mask=torch.ones_like(ids))
    finally:
        handle.remove()
    return taken[0].reshape(ids.shape[1], -1)
