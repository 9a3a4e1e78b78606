"""Attention of a step, read beside the kernel: where each head looks, or the rows and matrices themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from neuronscope.capture.fused import halve
from neuronscope.capture.fused_cpu import attention_summaries, side_by_side
from neuronscope.capture.taps import read_taps
from neuronscope.capture.watch import Arrays
from neuronscope.core.address import Address
from neuronscope.core.trace_config import Resolved
from neuronscope.models.attention import AttentionCall, AttentionHold, Seen, call_of, configs_of, rows_together
from neuronscope.models.loaded import LoadedModel
from neuronscope.traces.payloads import index_dtype
from neuronscope.traces.tables import EntryTable, with_values

TOP_KEYS = 8


class AttentionWatch:
    """Rows of the step's last query in tiers ``summary`` and ``full_row``, of all its queries in ``full_matrix``.

    Within it, passes between :meth:`begin` and :meth:`end` are read. A step of one token has one query, so there its
    matrix is a row. Rows are reduced over all layers at once that look at as many keys. Where a layer caches a window only,
    its first key is not the text's first: keys are named by their position in the text.
    """

    def __init__(self, loaded: LoadedModel, addresses: Sequence[Address], resolved: Resolved) -> None:
        self._loaded, self._resolved = loaded, resolved
        self._tier = resolved.config.attention_tier
        self._layers: dict[nn.Module, Address] = {}
        self._own: list[Address] = []
        self._rows: dict[Address, Tensor] = {}
        self._held: dict[nn.Module, tuple[int, Seen]] = {}
        self._fresh = False
        self._pass = 0
        self._taps = ExitStack()
        self._calls: dict[tuple[object, ...], tuple[list[Address], list[AttentionCall]]] = {}
        self._grouped: list[tuple[list[Address], tuple[int, ...]]] = []
        self.seen = 0
        """Tokens that the model has seen after this step."""
        self._hold = AttentionHold(self.take, configs_of(loaded.model))
        self.addresses = list(addresses)
        self._names = {address: str(address) for address in self.addresses}
        self.names = list(self._names.values())
        for address in addresses:
            site = loaded.anatomy.site(address)
            config = getattr(site.module, "config", loaded.model.config)
            own = getattr(site, "own", False) or getattr(config, "_attn_implementation", None) != "sdpa"
            if own:
                self._own.append(address)
            else:
                self._layers[site.module] = address

    def __enter__(self) -> Self:
        self._hold.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._hold.__exit__(kind, error, trace)
        self._held.clear()
        self._calls.clear()

    def begin(self, seen: int, processed: int) -> None:
        """Read the next pass over ``processed`` tokens, after which the model has seen ``seen`` in all."""
        self._rows.clear()
        self._calls.clear()
        self.seen, self._fresh = seen, True
        self._pass += 1
        if self._layers:
            self._hold.begin()
        if self._own:
            self._taps.enter_context(read_taps(self._loaded, self._own, [1, processed], self._by_module))

    def end(self) -> None:
        """The pass is over, or it failed."""
        self._taps.close()
        self._hold.end()

    def take(self, seen: Seen) -> None:
        """A call of the pass."""
        # Only held, not computed: between two layers every line of ours runs on a cold cache. In place of the pass before's:
        # letting all go at once would give their memory back to the system, and take it anew.
        self._held[seen[0]] = (self._pass, seen)

    def _by_module(self, address: Address, rows: Tensor) -> None:
        kept = rows[0] if self._tier == "full_matrix" else rows[0][:, -1:]
        self._rows[address] = kept.float().clone()

    def reduce(self) -> list[Tensor]:
        """The step's results on the model's device, in the order in which :meth:`tables` takes them back."""
        summary = self._tier == "summary"
        self._grouped = []
        found: list[Tensor] = []
        for addresses, calls in self._together():
            made = _summary_of_calls(calls) if summary else [rows_together(calls)]
            self._grouped.append((addresses, _form(calls[0])))
            found += made
        for addresses, rows in self._apart():
            self._grouped.append((addresses, tuple(rows.shape[1:])))
            found += _summary(rows) if summary else [rows]
        self._calls.clear()
        return found

    def plain_calls(self) -> list[tuple[list[Address], list[AttentionCall]]] | None:
        """The step's calls, those together that are of one form; ``None`` where not all are of one query, without a mask, and
        as :func:`side_by_side` says. They are there until :meth:`reduce`."""
        found = self._together()
        if self._rows or not all(_plain(calls[0]) for _, calls in found):
            return None
        return found

    def standing_calls(self) -> list[tuple[list[Address], list[AttentionCall]]] | None:
        """The step's calls as of :meth:`plain_calls`, wherever they are, each with all keys that it has room for; ``None`` where
        some are of another kind, or keep their keys in no room of their own. They are there until :meth:`reduce`."""
        found = self._together()
        unlike = any(call.mask is not None or whole_keys(call) is None for _, calls in found for call in calls)
        if self._rows or self._own or unlike:
            return None
        return found

    def note_forms(self, calls: Sequence[tuple[list[Address], list[AttentionCall]]]) -> None:
        """What :meth:`tables` will be given is of these calls, reduced elsewhere."""
        self._grouped = [(addresses, _form(alike[0])) for addresses, alike in calls]
        self._calls.clear()

    def _together(self) -> list[tuple[list[Address], list[AttentionCall]]]:
        """Calls of one query that look at as many keys under one mask; rows of the others are left for :meth:`_apart`."""
        if not self._fresh:
            return list(self._calls.values())
        self._fresh = False
        for number, seen in self._held.values():
            address = self._layers.get(seen[0])
            if address is None or number != self._pass:
                continue
            call = call_of(seen)
            if self._tier != "full_matrix":
                call = call.last()
            query, key, mask = call.query, call.key, call.mask
            batch, heads, queries, _ = query.shape
            if queries == 1 and batch == 1 and (mask is None or mask.shape[:3] == (1, 1, 1)):
                # One mask serves all layers of a kind, as the very same tensor.
                kind = (heads, query.stride(), key.shape, key.stride(), call.scaling, id(mask))
                addresses, calls = self._calls.setdefault(kind, ([], []))
                addresses.append(address)
                calls.append(call)
            else:
                self._rows[address] = call.weights()[0]
        return list(self._calls.values())

    def _apart(self) -> Iterator[tuple[list[Address], Tensor]]:
        """Rows ``[layer, h, p, k]`` of the layers that look at as many keys."""
        apart: dict[tuple[int, ...], list[Address]] = {}
        for address, rows in self._rows.items():
            apart.setdefault(tuple(rows.shape), []).append(address)
        for addresses in apart.values():
            yield addresses, torch.stack([self._rows[address] for address in addresses])
        self._rows.clear()

    def forms(self) -> list[tuple[list[Address], int, int]]:
        """What was reduced last: addresses that belong together, their heads, and how many keys they look at."""
        return [(addresses, heads, min(room, self.seen)) for addresses, (heads, _, room) in self._grouped]

    def tables(self, arrays: Arrays) -> list[EntryTable]:
        """Entries as tables, from the arrays that :meth:`reduce` gave, now on the CPU."""
        found: list[EntryTable] = []
        for group, (heads, queries, room) in self._grouped:
            # A static cache has room for more keys than there are; a window has fewer.
            count = min(room, self.seen)
            names, first = [self._names[address] for address in group], self.seen - count
            table = EntryTable(names, [(heads, queries, count)] * len(group), range(len(group)))
            if self._tier == "summary":
                found.append(self._summaries(table, arrays, first, count))
            else:
                found += self._whole(table, arrays, first, count)
        return found

    def _summaries(self, table: EntryTable, arrays: Arrays, first: int, count: int) -> EntryTable:
        weights, keys = next(arrays)[..., :count], next(arrays)[..., :count] + first
        entropy = next(arrays)
        kind = index_dtype(self.seen)
        keys = keys.astype(np.uint16 if kind == "u16" else np.uint32)
        table.common = {
            "kind": "attention_summary",
            "heads": weights.shape[1],
            "top": weights.shape[2],
            "index_dtype": kind,
        }
        table.columns = {
            "keys": keys,
            "weights": weights,
            "entropy": entropy,
            "max": weights[:, :, 0],
            "argmax": keys[:, :, 0],
        }
        return table

    def _whole(self, table: EntryTable, arrays: Arrays, first: int, count: int) -> list[EntryTable]:
        values = next(arrays)[..., :count]
        matrix = self._tier == "full_matrix"
        table.common = {"kind": "attention_matrix" if matrix else "attention_row", "first_key": first}
        return with_values(table, values if matrix else values[:, :, 0], self._resolved.config.quantization, halve)


def _plain(call: AttentionCall) -> bool:
    """Whether the compiled loops serve it."""
    return call.mask is None and side_by_side(call.query, call.key)


def _form(call: AttentionCall) -> tuple[int, int, int]:
    """Heads, queries, keys."""
    return call.query.shape[1], 1, call.key.shape[2]


def whole_keys(call: AttentionCall) -> Tensor | None:
    """Keys ``[1, g, room, e]`` of which a call's are the first, as :class:`RoomyLayer` keeps them; ``None`` where they aren't."""
    key = call.key
    width, groups = key.shape[3], key.shape[1]
    room, left = divmod(key.stride(1), width)
    if left or key.stride(2) != width or key.stride(3) != 1 or room < key.shape[2]:
        return None
    if key.storage_offset() or key.untyped_storage().nbytes() < groups * room * width * key.element_size():
        return None
    return key.as_strided((1, groups, room, width), (groups * room * width, room * width, width, 1))


def summaries_in_room(queries: Tensor, keys: Sequence[Tensor], scale: float, seen: Tensor) -> list[Tensor]:
    """:func:`_summary` of ``queries [layer, h, 1, e]`` over the first ``seen`` of each layer's ``keys [1, g, room, e]``."""
    layers, heads, _, width = queries.shape
    groups, room = keys[0].shape[1:3]
    shared = queries.view(layers, groups, -1, width)
    products = [torch.matmul(query, key[0].transpose(1, 2)) for query, key in zip(shared, keys, strict=True)]
    scores = torch.stack(products).view(layers, heads, 1, room).float() * scale
    # What lies beyond is not a key yet, and may be anything.
    beyond = torch.arange(room, device=seen.device) >= seen
    return _summary(torch.softmax(scores.masked_fill(beyond, float("-inf")), dim=-1))


def _summary_of_calls(calls: list[AttentionCall]) -> list[Tensor]:
    """:func:`_summary` of :func:`rows_together`."""
    first = calls[0]
    if not _plain(first):
        return _summary(rows_together(calls))
    reduced = attention_summaries([call.query for call in calls], [call.key for call in calls], first.scale, TOP_KEYS)
    return [torch.from_numpy(array) for array in reduced]


def _summary(rows: Tensor) -> list[Tensor]:
    """Heaviest keys ``[layer, h, n]`` with weights, and entropy ``[layer, h]`` in nats, of ``[layer, h, 1, key]``."""
    last = rows[:, :, 0]
    top = last.topk(min(TOP_KEYS, last.shape[-1]), dim=-1)
    return [top.values, top.indices.int(), torch.special.entr(last).sum(dim=-1)]
