"""What a capture keeps of each tensor of a prompt: all its values, or of attention what the last token looks at."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neuronscope.core.address import Address
from neuronscope.core.capture_config import ATTENTION, CaptureConfig
from neuronscope.core.events import Entry
from neuronscope.traces.payloads import encode_values, index_dtype

F32 = NDArray[np.float32]


def entry_of(address: Address, values: F32, stats: dict[str, float], config: CaptureConfig) -> tuple[Entry, F32 | None]:
    """The entry of a tensor, and the tensor itself where it is to be kept beside it just as it is."""

    def entry(payload: dict[str, Any]) -> Entry:
        return Entry(str(address), values.shape, stats, payload)

    if address.point == ATTENTION and config.attention_tier != "full_matrix":
        row = np.ascontiguousarray(values[:, -1])
        if config.attention_tier == "summary":
            return entry(_summary(row)), None
        return entry({"kind": "attention_row", "first_key": 0, **encode_values(row, config.quantization)}), None
    if config.quantization == "f32":
        return entry({"kind": "full"}), values
    return entry({"kind": "full", **encode_values(values, config.quantization)}), None


def _summary(rows: F32) -> dict[str, Any]:
    """Of ``[h, k]``, as a run's steps summarise it: the heaviest keys of each head with their weights, and the entropy in nats."""
    from neuronscope.capture.attend import TOP_KEYS

    weights = torch.from_numpy(rows)
    top = weights.topk(min(TOP_KEYS, rows.shape[-1]), dim=-1)
    kind = index_dtype(rows.shape[-1])
    keys = top.indices.numpy().astype("<u2" if kind == "u16" else "<u4")
    heaviest = top.values.numpy()
    columns = {
        "keys": keys,
        "weights": heaviest,
        "entropy": torch.special.entr(weights).sum(dim=-1).numpy(),
        "max": heaviest[:, 0],
        "argmax": keys[:, 0],
    }
    common = {"kind": "attention_summary", "heads": len(rows), "top": keys.shape[1], "index_dtype": kind}
    return {**common, **{name: column.tobytes() for name, column in columns.items()}}
