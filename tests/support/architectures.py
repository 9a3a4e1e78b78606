"""Every causal language model of the installed transformers, built tiny from its configuration by general rules."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

VOCABULARY = 97
LAYERS = 3
ARCHITECTURES: tuple[str, ...] = tuple(sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))

SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "embedding_dim", "word_embed_proj_dim", "emb_dim"), 32),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "decoder_ffn_dim", "encoder_ffn_dim", "n_inner", "d_inner"), 48),
    **dict.fromkeys(("ffn_hidden_size", "dff", "dim_ff", "d_ff", "feed_forward_size"), 48),
    **dict.fromkeys(
        ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "encoder_layers"), LAYERS
    ),
    **dict.fromkeys(("num_encoder_layers", "num_decoder_layers", "num_blocks", "depth"), LAYERS),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 4),
    **dict.fromkeys(("decoder_attention_heads", "encoder_attention_heads"), 4),
    **dict.fromkeys(("num_decoder_attention_heads", "num_encoder_attention_heads"), 4),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "num_attention_groups"), 2),
    **dict.fromkeys(
        ("head_dim", "dim_head", "v_head_dim", "linear_key_head_dim", "linear_value_head_dim", "linear_head_dim"), 8
    ),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"), 64),
    **dict.fromkeys(("sliding_window", "window_size", "attention_window_size", "local_attention"), 4),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "moe_topk", "moe_k"), 2),
    **dict.fromkeys(("moe_intermediate_size", "expert_ffn_hidden_size", "shared_expert_intermediate_size"), 16),
    **dict.fromkeys(("shared_intermediate_size", "shared_experts_intermediate_size"), 16),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 8),
    **dict.fromkeys(("qk_rope_head_dim", "qk_nope_head_dim", "rotary_dim"), 4),
    **dict.fromkeys(("n_group", "topk_group", "n_shared_experts", "first_k_dense_replace"), 1),
    **dict.fromkeys(("linear_num_key_heads", "linear_num_value_heads", "linear_num_heads"), 4),
    **dict.fromkeys(("mamba_n_heads", "n_mamba_heads", "mamba_num_heads"), 8),
    **dict.fromkeys(("mamba_d_state", "state_size", "ssm_state_size"), 8),
    **dict.fromkeys(("mamba_d_head", "mamba_head_dim", "mamba_headdim"), 8),
    **dict.fromkeys(("mamba_chunk_size", "chunk_size"), 8),
    "mamba_dt_rank": 4,
    "mamba_d_ssm": 64,
    "lru_width": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "vocab_size": VOCABULARY,
    "vocab_size_per_layer_input": VOCABULARY,
    "hidden_size_per_layer_input": 8,
    "index_topk": 4,
    "index_head_dim": 8,
    "index_n_heads": 2,
    "router_hidden_size": 16,
    "is_decoder": True,
    # Of the parts of models that also see or hear, which are built but not run.
    "image_size": 32,
    "patch_size": 16,
}
"""What a configuration's field becomes where it has it."""

_SHARING = {
    "num_hidden_layers": 4,
    "num_kv_shared_layers": 2,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
}
_INDEXER = {
    "indexer_n_heads": 2,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 8,
    "indexer_budget": 8,
    "indexer_compress_ratio": 2,
}
_NOTE = {
    "num_key_value_heads": 4,
    **dict.fromkeys(("swa_num_attention_heads", "swa_num_key_value_heads"), 4),
    **dict.fromkeys(("swa_qk_nope_head_dim", "swa_qk_rope_head_dim"), 4),
    **dict.fromkeys(("swa_q_lora_rank", "swa_kv_lora_rank", "swa_head_dim", "swa_v_head_dim"), 8),
}
_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [1]},
    "blt": {
        "encoder_config.hidden_size_global": 32,
        "decoder_config.hidden_size_global": 32,
        "encoder_hash_byte_group_vocab": VOCABULARY,
        "vocab_size": 260,
        "patcher_config.vocab_size": 260,
        "encoder_config.vocab_size": 260,
        "decoder_config.vocab_size": 260,
    },
    "cohere_compass_text": {"rope_parameters": {"full_attention": {**_ROPE, "mrope_section": [1, 1, 2]}}},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 10000.0},
        "ffn_config": {"ffn_hidden_size": 16},
    },
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1},
    "dots3_note": {
        **{f"text_config.{name}": value for name, value in _NOTE.items()},
        "vision_config.adapter_in_dim": 32,
        "vision_config.adapter_out_dim": 32,
        "audio_config.adapter_input_size": 32,
        "audio_config.adapter_out_dim": 32,
        "audio_config.num_key_value_heads": 4,
    },
    "dots3_note_text": _NOTE,
    "gemma3n_text": {**_SHARING, "intermediate_size": [48] * 4, "activation_sparsity_pattern": [0.5, 0.0] * 2},
    "gemma4_text": {**_SHARING, "per_layer_config": {1: {"head_dim": 16}, 3: {"head_dim": 16}}},
    "gemma4_unified": {"vision_config.num_posemb": 16, "vision_config.mm_embed_dim": 32},
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention", "linear_attention"]},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8, "moe_topk": 2},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "lfm2_moe": {"layer_types": ["conv", "full_attention", "conv"], "num_dense_layers": 1},
    "mamba2": {"num_heads": 8},
    "ministral": {"head_dim": 8},
    "nemotron": {"head_dim": 8, "num_key_value_heads": 2},
    "qwen4_exp": {f"text_config.{name}": value for name, value in _INDEXER.items()},
    "qwen4_exp_text": _INDEXER,
    "reformer": {
        "axial_pos_embds_dim": [16, 16],
        "axial_pos_shape": [8, 8],
        "attention_head_size": 8,
        "attn_layers": ["local", "lsh", "local"],
        "lsh_attn_chunk_length": 8,
        "local_attn_chunk_length": 8,
        "num_buckets": 4,
        "hash_seed": 0,
    },
    "roc_bert": {
        "shape_embed_dim": 16,
        "shape_vocab_size": VOCABULARY,
        "pronunciation_embed_dim": 16,
        "pronunciation_vocab_size": VOCABULARY,
    },
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "layers_block_type": ["linear_attention", "hybrid", "linear_attention", "hybrid"],
        "num_hidden_layers": 4,
    },
    "zaya": {"num_experts_per_tok": 1},
}
"""Further fields by model type, where the rules above do not suffice; ``a.b`` is a field of a sub-configuration."""


_DRAFTS = "it drafts for another model, on whose hidden states and cache it runs: it has no keys and values of its own"
_COMPOSITE = (
    "it is an encoder-decoder for sound: its causal class takes the configuration of its decoder, which transformers' "
    "automatic classes don't make it from"
)
NOT_BUILT: dict[str, tuple[str, str]] = {
    "gemma3n": ("requires the PIL library", "its vision tower needs the packages pillow and timm"),
    "gemma4_assistant": ("hidden_size_per_layer_input must be 0", _DRAFTS),
    "gemma4_unified_assistant": ("layer types producing a cache", _DRAFTS),
    "musicgen": ("has no attribute 'dropout'", _COMPOSITE),
    "musicgen_melody": ("has no attribute 'dropout'", _COMPOSITE),
}
"""Types that can't be built from a configuration alone: part of what transformers raises, and why."""

REFUSED: dict[str, str] = {
    "blt": "several stacks of blocks",
    "cpmant": "take tensors of shape [2, 38, 32]",
    "hrm_text": "times in one pass",
    "prophetnet": "take tensors of shape [2, 18, 32]",
    "xlm": "No list of decoder blocks was found",
    "xlnet": "take tensors of shape [6, 2, 32]",
}
"""Types that inspection refuses, and part of the sentence with which it does."""

UNCOMPARED: dict[str, tuple[str, ...]] = {
    # A gate or a norm stands between the values as projected, or between their mixture and the output projection.
    "rows times values": (
        "afmoe",
        "beam",
        "bitnet",
        "diffllama",
        "gemma3n_text",
        "gemma4",
        "gemma4_text",
        "gemma4_unified",
        "gemma4_unified_text",
        "granite_swa",
        "granitemoe_swa",
        "laguna",
        "lfm3",
        "qwen3_5",
        "qwen3_5_moe",
        "qwen3_5_moe_text",
        "qwen3_5_text",
        "qwen3_next",
    ),
    # Their attention asks for the kernel by name and keeps its values to itself.
    "heads side by side": ("deepseek_v32", "glm_moe_dsa", "mimo_v2_flash"),
    # Its eager model attends in blocks, and does not report rows over single positions.
    "attention rows": ("big_bird",),
    "heads of q": ("big_bird",),
    "heads of k": ("big_bird",),
}
"""What can't be compared from outside for which types; for all others it must be."""

SHARDS = 4


def shard(number: int) -> list[str]:
    """Every fourth type, those left out that are not built: the sweep is split over as many files."""
    return [t for t in ARCHITECTURES if t not in NOT_BUILT][number::SHARDS]


def shrunk(config_class: type[PreTrainedConfig], settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """Arguments that make a configuration of that class small; per-layer lists keep a layer of each kind."""
    settings = dict(settings or {})
    base = config_class()
    fields = base.to_dict()
    small: dict[str, Any] = {}
    for name, value in SIZES.items():
        settable = not isinstance(getattr(config_class, name, None), property)
        fits = name in fields and settable and not isinstance(fields[name], dict) and fields[name] is not None
        if fits or (name in base.attribute_map and base.attribute_map[name] not in SIZES):
            small[name] = value
    if "kv_lora_rank" in small:
        # Multi-head latent attention: every head has its own keys, and rotary embedding sees only its own part of them.
        small.update({n: v for n, v in (("num_key_value_heads", 4), ("head_dim", 4)) if n in small})
    small.update(_layer_lists(fields))
    for name, part in base.sub_configs.items():
        inner = {k.split(".", 1)[1]: v for k, v in settings.items() if k.startswith(f"{name}.")}
        current = getattr(base, name, None)
        known = type(current) if isinstance(current, PreTrainedConfig) else part
        if known.__name__ == "AutoConfig":
            continue
        small[name] = shrunk(known, inner)
        if isinstance(current, PreTrainedConfig) and current.model_type:
            small[name]["model_type"] = current.model_type
    small.update({k: v for k, v in settings.items() if "." not in k})
    return small


def _layer_lists(fields: dict[str, Any]) -> dict[str, Any]:
    """Lists with an entry per layer, cut to :data:`LAYERS` entries of which as many as possible differ."""
    count = next(
        (v for n in ("num_hidden_layers", "n_layer", "num_layers") if isinstance(v := fields.get(n), int)), None
    )
    lists = {k: v for k, v in fields.items() if isinstance(v, list) and len(v) == count and k not in ("id2label",)}
    if not lists:
        return {}
    rows = [tuple(str(v[layer]) for v in lists.values()) for layer in range(count or 0)]
    chosen = sorted({row: layer for layer, row in reversed(list(enumerate(rows)))}.values())[:LAYERS]
    rest = [layer for layer in range(len(rows)) if layer not in chosen]
    chosen = sorted((chosen + rest)[:LAYERS])
    return {k: [v[layer] for layer in chosen] for k, v in lists.items()}


def tiny_architecture(model_type: str, seed: int = 0, attention: str | None = None) -> PreTrainedModel:
    """A model of that type in float32 with random weights and biases; raises what transformers raises where it can't be."""
    config_class = CONFIG_MAPPING[model_type]
    config = config_class(**shrunk(config_class, SETTINGS.get(model_type)))
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, **({"attn_implementation": attention} if attention else {}))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:  # what is fixed is computed, not learned: positions, for one
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def random_ids(length: int = 9, batch: int = 1, seed: int = 1) -> torch.Tensor:
    """Token ids ``[batch, length]``."""
    return torch.randint(3, VOCABULARY, (batch, length), generator=torch.Generator().manual_seed(seed))
