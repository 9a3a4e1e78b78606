"""The strongest contexts by brute force: every value kept, every list sorted. Shares no code with the builder.

Only one thing is taken from an index: which windows were run together, since rounding depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import wrap
from support.tokenizers import tiny_tokenizer

LAYERS, NEURONS, CONTEXT = 2, 12, 24


@lru_cache(maxsize=16)
def tiny_llama(act: str = "silu", seed: int = 0, dtype: str = "float32", bos: bool = True) -> LoadedModel:
    """A random Llama of 2 layers of 12 neurons that reads 24 bytes at a time."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        hidden_size=16,
        intermediate_size=NEURONS,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        num_key_value_heads=1,
        vocab_size=258,
        max_position_embeddings=CONTEXT,
        hidden_act=act,
        initializer_range=0.5,
    )
    model = LlamaForCausalLM(config).to(getattr(torch, dtype))
    return wrap(model, tiny_tokenizer(258, bos=bos), f"tiny-{act}-{seed}")


@dataclass(frozen=True)
class Row:
    """A window as the model reads it."""

    doc: int
    window: int
    ids: list[int]


def rows_of(loaded: LoadedModel, texts: list[str], length: int) -> list[Row]:
    """Each text cut into windows of at most ``length`` tokens, with what the tokenizer puts before a text in front."""
    before = loaded.tokenizer("")["input_ids"]
    rows = []
    for doc, text in enumerate(texts):
        ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        stride = length - len(before)
        for window, start in enumerate(range(0, len(ids), stride)):
            rows.append(Row(doc, window, before + ids[start : start + stride]))
    return rows


Read = Callable[[LoadedModel, torch.Tensor, torch.Tensor], np.ndarray]


def bare_values(
    loaded: LoadedModel, rows: list[Row], batch_of: list[int], read: Read | None = None
) -> list[np.ndarray]:
    """Neurons of every layer side by side, ``[position, neuron]`` for each row, by bare hooks on ``down_proj``.

    ``read`` reads something else of a batch of ids under a mask.
    """
    found: list[np.ndarray] = [np.zeros(0)] * len(rows)
    for batch in sorted(set(batch_of)):
        members = [number for number, of in enumerate(batch_of) if of == batch]
        longest = max(len(rows[number].ids) for number in members)
        ids = torch.zeros((len(members), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for place, number in enumerate(members):
            ids[place, : len(rows[number].ids)] = torch.tensor(rows[number].ids)
            mask[place, : len(rows[number].ids)] = 1
        together = (read or _neurons)(loaded, ids, mask)
        for place, number in enumerate(members):
            found[number] = together[place, : len(rows[number].ids)]
    return found


def _neurons(loaded: LoadedModel, ids: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    taken: list[torch.Tensor] = []
    handles = [
        layer.mlp.down_proj.register_forward_pre_hook(lambda _m, args: taken.append(args[0].detach().clone()))
        for layer in loaded.model.model.layers
    ]
    with torch.no_grad():
        loaded.model.model(input_ids=ids, attention_mask=mask, use_cache=False)
    for handle in handles:
        handle.remove()
    return torch.cat(taken, dim=-1).float().numpy()


Hit = tuple[float, int, int, int]


def strongest(loaded: LoadedModel, rows: list[Row], values: list[np.ndarray], k: int) -> list[list[Hit]]:
    """For each neuron (layers side by side) its ``k`` best ``(value, doc, window, position)``."""
    special = set(loaded.tokenizer.all_special_ids)
    places = [
        (row.doc, row.window, position, number)
        for number, row in enumerate(rows)
        for position, token in enumerate(row.ids)
        if token not in special
    ]
    table = np.array([values[number][position] for _, _, position, number in places])
    best = []
    for neuron in range(table.shape[1] if len(places) else 0):
        column = table[:, neuron].tolist()
        hits = [(value, *place[:3]) for value, place in zip(column, places, strict=True)]
        best.append(sorted(hits, key=lambda hit: (-hit[0], *hit[1:]))[:k])
    return best


def stored(folder: Path, name: str) -> Any:
    """An array of an index, read by NumPy alone."""
    return np.load(folder / f"{name}.npy")


def indexed(folder: Path) -> list[list[Hit]]:
    """What an index holds, in the same form."""
    columns = [stored(folder, name).tolist() for name in ("values", "documents", "windows", "positions")]
    return [[hit for hit in zip(*lists, strict=True) if hit[1] >= 0] for lists in zip(*columns, strict=True)]
