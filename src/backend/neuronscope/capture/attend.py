"""Attention of a step, read beside the kernel: where each head looks, or the rows and matrices themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neuronscope.capture.taps import read_taps
from neuronscope.capture.watch import Arrays
from neuronscope.core.address import Address
from neuronscope.core.events import Entry
from neuronscope.core.trace_config import Resolved
from neuronscope.models.attention import AttentionCall, configs_of, observe_attention
from neuronscope.models.loaded import LoadedModel
from neuronscope.traces.payloads import encode_many, index_dtype

TOP_KEYS = 8


class AttentionWatch:
    """Rows of the step's last query in tiers ``summary`` and ``full_row``, of all its queries in ``full_matrix``.

    A step of one token has one query, so there its matrix is a row. Rows are reduced over all layers at once that look
    at as many keys. Where a layer caches a window only, its first key is not the text's first: keys are named by their
    position in the text.
    """

    def __init__(self, loaded: LoadedModel, addresses: Sequence[Address], resolved: Resolved) -> None:
        self._loaded, self._resolved = loaded, resolved
        self._tier = resolved.config.attention_tier
        self._layers: dict[nn.Module, Address] = {}
        self._own: list[Address] = []
        self._rows: dict[Address, Tensor] = {}
        self._grouped: list[list[Address]] = []
        self._seen = 0
        self._configs = configs_of(loaded.model)
        self.addresses = list(addresses)
        for address in addresses:
            site = loaded.anatomy.site(address)
            config = getattr(site.module, "config", loaded.model.config)
            own = getattr(site, "own", False) or getattr(config, "_attn_implementation", None) != "sdpa"
            if own:
                self._own.append(address)
            else:
                self._layers[site.module] = address

    @contextmanager
    def observe(self, seen: int, processed: int) -> Iterator[None]:
        """Around one pass over ``processed`` tokens, after which the model has seen ``seen`` in all."""
        self._rows.clear()
        self._seen = seen
        with ExitStack() as stack:
            if self._layers:
                stack.enter_context(observe_attention(self._loaded.model, self._by_interface, self._configs))
            if self._own:
                stack.enter_context(read_taps(self._loaded, self._own, [1, processed], self._by_module))
            yield

    def _by_interface(self, module: nn.Module, call: AttentionCall) -> None:
        address = self._layers.get(module)
        if address is not None:
            whole = self._tier == "full_matrix"
            self._rows[address] = (call if whole else call.last()).weights()[0]

    def _by_module(self, address: Address, rows: Tensor) -> None:
        kept = rows[0] if self._tier == "full_matrix" else rows[0][:, -1:]
        self._rows[address] = kept.float().clone()

    def reduce(self) -> list[Tensor]:
        """The step's results on the model's device, in the order in which :meth:`entries` takes them back."""
        groups: dict[tuple[int, ...], list[Address]] = {}
        for address, rows in self._rows.items():
            groups.setdefault(tuple(rows.shape), []).append(address)
        self._grouped = list(groups.values())
        reduce: Callable[[Tensor], list[Tensor]] = _summary if self._tier == "summary" else lambda rows: [rows]
        return [t for group in self._grouped for t in reduce(torch.stack([self._rows[a] for a in group]))]

    def entries(self, arrays: Arrays) -> list[Entry]:
        """Entries in the order of the addresses, from the arrays that :meth:`reduce` gave, now on the CPU."""
        made: dict[Address, Entry] = {}
        for group in self._grouped:
            shape = tuple(self._rows[group[0]].shape)
            first = self._seen - shape[2]
            payloads = self._summaries(arrays, first) if self._tier == "summary" else self._whole(arrays, first)
            for address, payload in zip(group, payloads, strict=True):
                made[address] = Entry(str(address), shape, {}, payload)
        return [made[address] for address in self.addresses if address in made]

    def _summaries(self, arrays: Arrays, first: int) -> list[dict[str, Any]]:
        weights, keys, entropy = next(arrays), next(arrays) + first, next(arrays)
        kind = index_dtype(self._seen)
        keys = keys.astype(np.uint16 if kind == "u16" else np.uint32)
        head = {
            "kind": "attention_summary",
            "heads": weights.shape[1],
            "top": weights.shape[2],
            "index_dtype": kind,
        }
        return [
            {
                **head,
                "keys": keys[n].tobytes(),
                "weights": weights[n].tobytes(),
                "entropy": entropy[n].tobytes(),
                "max": weights[n, :, 0].tobytes(),
                "argmax": keys[n, :, 0].tobytes(),
            }
            for n in range(len(weights))
        ]

    def _whole(self, arrays: Arrays, first: int) -> list[dict[str, Any]]:
        values = next(arrays)
        matrix = self._tier == "full_matrix"
        kind = "attention_matrix" if matrix else "attention_row"
        shaped = values if matrix else values[:, :, 0]
        encoded = encode_many(shaped, self._resolved.config.quantization)
        return [{"kind": kind, "first_key": first, **one} for one in encoded]


def _summary(rows: Tensor) -> list[Tensor]:
    """Heaviest keys ``[layer, h, n]`` with weights, and entropy ``[layer, h]`` in nats, of ``[layer, h, 1, key]``."""
    last = rows[:, :, 0]
    top = last.topk(min(TOP_KEYS, last.shape[-1]), dim=-1)
    return [top.values, top.indices.int(), torch.special.entr(last).sum(dim=-1)]
