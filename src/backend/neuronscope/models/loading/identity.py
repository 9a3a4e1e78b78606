"""The model key: what traces, indexes and groups are bound to. Other weights make another key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

EDGE = 1 << 20


def file_key(folder: Path, weights: Iterable[Path], dtype: str, quantization: str) -> str:
    """A hash over configuration, tokenizer, size, header, first and last MiB of each weight file, dtype and quantization."""
    digest = hashlib.sha256()
    for name in (
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "tokenizer.model",
        "vocab.json",
        "merges.txt",
    ):
        path = folder / name
        if path.is_file():
            digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    for path in sorted(weights):
        with path.open("rb") as file:
            size = path.stat().st_size
            digest.update(f"{path.name}\0{size}\0".encode())
            header = int.from_bytes(file.read(8), "little")
            file.seek(0)
            digest.update(file.read(max(EDGE, min(8 + header, size))))
            if size > EDGE:
                file.seek(-EDGE, 2)
                digest.update(file.read(EDGE))
    return _finish(digest, dtype, quantization)


def memory_key(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """The key of a model that came from no file: over its configuration, vocabulary and all of its weights."""
    import torch

    digest = hashlib.sha256()
    digest.update(json.dumps(model.config.to_dict(), sort_keys=True, default=str).encode())
    digest.update(json.dumps(sorted(tokenizer.get_vocab().items())).encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return _finish(digest, str(model.dtype).removeprefix("torch."), "none")


def _finish(digest: hashlib._Hash, dtype: str, quantization: str) -> str:
    digest.update(f"{dtype}\0{quantization}".encode())
    return digest.hexdigest()[:32]
