"""Models that are large for a test: one that takes seconds to load, and one that is so large by its headers alone."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from support.families import VOCABULARY
from support.tokenizers import tiny_tokenizer


def llama(layers: int, width: int, heads: int) -> LlamaConfig:
    """A plain Llama of a size; its vocabulary is the tiny tokenizer's."""
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=512,
        architectures=["LlamaForCausalLM"],
    )


def save_slow(folder: Path, layers: int = 8, width: int = 1024) -> Path:
    """A random Llama in bfloat16, 270 MB on disk by default: whole, and slow enough to be stopped half way."""
    torch.manual_seed(0)
    LlamaForCausalLM(llama(layers, width, heads=16)).bfloat16().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def save_huge(folder: Path, layers: int = 80, width: int = 16384) -> Path:
    """A model of hundreds of gigabytes by its headers, of which the disk holds nothing: its weight file is one hole."""
    folder.mkdir(parents=True)
    config = llama(layers, width, heads=128)
    config.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    with torch.device("meta"):
        state = LlamaForCausalLM(config).state_dict()
    header, end = {}, 0
    for name, tensor in state.items():
        start, end = end, end + 2 * tensor.numel()
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return folder
