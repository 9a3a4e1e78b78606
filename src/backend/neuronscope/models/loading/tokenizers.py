"""A model's tokenizer, read from its folder or GGUF file; one that transformers made up is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from neuronscope.core.errors import UnsupportedModel
from neuronscope.models.loading.files import ModelFiles

# Names of the files that a vocabulary is kept in; families of their own (tiktoken, sentencepiece) bring further ones.
_KEPT_IN = ("tokenizer.json", "*.model", "*vocab*", "*merges*", "*.tiktoken", "*.bpe", "*.spm", "tekken.json")


def read_tokenizer(files: ModelFiles) -> PreTrainedTokenizerBase:
    """The tokenizer of a checked folder. Raises :class:`UnsupportedModel` where it has none, or none that can be read."""
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": files.remote_code}
    if files.gguf is not None:
        options["gguf_file"] = files.gguf
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(files.folder, **options)
    except (ValueError, KeyError, OSError, ImportError, TypeError, RuntimeError, AttributeError) as error:
        if files.gguf is None and not _has_files(files.folder):
            raise _none(files.folder) from error
        raise UnsupportedModel(f"'{files.folder.name}' has no usable tokenizer: {_first_line(error)}") from error
    if _knows_nothing(tokenizer):
        raise _none(files.folder) if files.gguf is None else UnsupportedModel(f"'{files.gguf}' holds no vocabulary.")
    return tokenizer


def _knows_nothing(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether no token stands for text: what transformers makes of a folder that has no vocabulary."""
    special = {str(token) for token in tokenizer.all_special_tokens}
    special |= {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return not set(tokenizer.get_vocab()) - special


def _has_files(folder: Path) -> bool:
    return any(next(folder.glob(pattern), None) for pattern in _KEPT_IN)


def _none(folder: Path) -> UnsupportedModel:
    return UnsupportedModel(
        f"'{folder.name}' has no tokenizer files (tokenizer.json, tokenizer.model, vocab.json …).",
        "Copy them from the model it was trained from, or save them there: tokenizer.save_pretrained(folder).",
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:240] if lines else type(error).__name__
