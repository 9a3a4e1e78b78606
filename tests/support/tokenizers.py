"""A tokenizer for tiny random models: bytes 0 to 255 folded into a small vocabulary, with one special token."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from support.families import tiny_model


def tiny_tokenizer(vocabulary: int = 97, bos: bool = True) -> PreTrainedTokenizerFast:
    """Byte-level, without merges: each byte is a token, and bytes beyond the vocabulary are unknown."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet(), key=lambda c: (c != "Ġ", c))
    pieces = ["<s>", "<unk>", *alphabet][:vocabulary]
    tokenizer = Tokenizer(models.BPE({piece: n for n, piece in enumerate(pieces)}, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", unk_token="<unk>")


def save_tiny(folder: Path, family: str = "llama", seed: int = 0) -> Path:
    """A whole model folder as the hub would hold it: configuration, safetensors, tokenizer."""
    tiny_model(family, seed).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
