"""How large a model is, from its configuration and the shapes of its tensors: what every estimate of memory rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from neuronscope.models.loading.headers import Stored

# Names that configurations use for the same number, the most usual one first.
_NAMES = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "width": ("hidden_size", "n_embd", "d_model", "dim"),
    "mlp": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "d_ff", "hidden_dim"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num"),
    "vocabulary": ("vocab_size", "padded_vocab_size"),
    "context": ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length"),
}
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
# transformers keeps experts as one 3-D parameter, which no quantization replaces, however the file splits them.
_EXPERT = re.compile(r"\bexperts?\.\d+\.|\.experts\.")
_IN_A_BLOCK = re.compile(r"\.\d+\.")
_TABLES = re.compile(
    r"(?:moe|mlp|feed_forward)\.gate\.weight$|router|embed|wte|wpe|rotary|position|relative_attention"
    r"|conv1d|\bA_log$|lm_head|embed_out"
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of a model. ``linear`` counts the parameters of the layers that 4-bit and 8-bit loading replaces."""

    parameters: int
    linear: int
    layers: int = 0
    width: int = 0
    mlp: int = 0
    kv_width: int = 0
    """Key-value heads times head width: what one position adds to a layer's keys, and again to its values."""
    vocabulary: int = 0
    context: int | None = None
    dtype: str = "float32"
    """In which most of it is stored."""
    largest: int = 0
    """Parameters of its largest tensor."""


def sizes_of(config: Mapping[str, Any], tensors: Iterable[Stored]) -> Sizes:
    """Sizes of a model folder, from ``config.json`` and the headers of its weight files."""
    text = _text_part(config)
    parameters = linear = largest = 0
    by_dtype: dict[str, int] = {}
    for tensor in tensors:
        parameters += tensor.values
        largest = max(largest, tensor.values)
        linear += tensor.values if is_linear(tensor.name, tensor.shape) else 0
        by_dtype[tensor.dtype] = by_dtype.get(tensor.dtype, 0) + tensor.values
    width, heads = _number(text, "width"), _number(text, "heads")
    head_width = _plain(text.get("head_dim")) or (width // heads if heads else 0)
    return Sizes(
        parameters=parameters,
        linear=linear,
        layers=_number(text, "layers"),
        width=width,
        mlp=_number(text, "mlp") or 4 * width,
        kv_width=(_number(text, "kv_heads") or heads) * head_width,
        vocabulary=_number(text, "vocabulary"),
        context=_number(text, "context") or None,
        dtype=_DTYPES.get(max(by_dtype, key=lambda name: by_dtype[name], default=""), "float32"),
        largest=largest,
    )


def is_linear(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor is the weight of a layer that bitsandbytes replaces: a matrix inside a block, no expert's."""
    if len(shape) != 2 or not name.endswith(".weight") or not _IN_A_BLOCK.search(name):
        return False
    return not _EXPERT.search(name) and not _TABLES.search(name)


def _text_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("text_config", "llm_config", "language_config"):
        part = config.get(name)
        if isinstance(part, dict):
            return part
    return config


def _number(config: Mapping[str, Any], what: str) -> int:
    return next((number for name in _NAMES[what] if (number := _plain(config.get(name)))), 0)


def _plain(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
