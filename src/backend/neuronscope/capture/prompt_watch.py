"""What a prompt's tensors are reduced to: those of one shape together, as far as keeping them that long costs little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.fused import reduce_rows
from neuronscope.capture.tiles import Tiles
from neuronscope.core.address import Address
from neuronscope.core.events import Entry
from neuronscope.core.trace_config import Resolved
from neuronscope.traces.payloads import encode_values, index_dtype
from neuronscope.traces.tables import stats_map

MOST_WAITING = 64 << 20
"""Bytes of a prompt's tensors that wait to be reduced together; each one beyond is reduced by itself as it comes."""


@dataclass
class _Batch:
    """Tensors of one shape: their statistics ``[tensor, 7]`` and the rows that are kept, ``[tensor, row, value]``."""

    addresses: list[Address]
    shapes: list[tuple[int, ...]]
    stats: Tensor
    kept: Tensor | None


class PromptWatch:
    """Takes tensors of a pass over several tokens and makes entries of them. ``tiles`` are for mode ``tile``.

    Starting the work on a tensor costs more than the work where the prompt is short; a long one's tensors would take as much
    memory as the pass itself.
    """

    def __init__(self, resolved: Resolved, tiles: Tiles | None) -> None:
        self._resolved, self._tiles = resolved, tiles
        self._mode = resolved.config.capture_mode
        self.begin(1, None)

    def begin(self, count: int, plain: Tensor | None) -> None:
        """A pass over ``count`` tokens, of which those at ``plain`` are in the statistics; all where there is none."""
        self._positions = sorted({0, count // 2, count - 1})
        self._plain = plain
        self._batches: list[_Batch] = []
        self._waiting: dict[tuple[object, ...], tuple[list[Address], list[tuple[int, ...]], list[Tensor]]] = {}
        self._bytes = 0

    def take(self, address: Address, values: Tensor) -> None:
        """One tensor ``[position, …]`` of the pass, which may go on to change in place."""
        shape, flat = tuple(values.shape), values.reshape(values.shape[0], -1)
        size = flat.numel() * flat.element_size()
        if self._bytes + size > MOST_WAITING:
            self._batches.append(self._batch([address], [shape], flat[None]))
            return
        self._bytes += size
        key = (flat.shape, flat.dtype, self._keeps(address))
        addresses, shapes, tensors = self._waiting.setdefault(key, ([], [], []))
        addresses.append(address)
        shapes.append(shape)
        tensors.append(flat.clone() if flat.data_ptr() == values.data_ptr() else flat)

    def _keeps(self, address: Address) -> bool:
        if self._tiles is not None:
            return self._tiles.holds(address)
        return self._mode == "full" or (self._mode != "stats" and self._resolved.keeps_prompt_payload(address.point))

    def _batch(self, addresses: list[Address], shapes: list[tuple[int, ...]], given: Tensor) -> _Batch:
        """Of ``[tensor, position, value]``, which is not needed any more afterwards."""
        rows = given.float()
        count = rows.shape[1]
        # Of the logits only the last position's are computed; it is no special token's for that.
        plain = self._plain if count > 1 else None
        counted = rows if plain is None else rows.index_select(1, plain)
        kept: Tensor | None = None
        if self._keeps(addresses[0]):
            if self._mode == "full":
                kept = rows.clone() if rows.data_ptr() == given.data_ptr() else rows
            elif self._tiles is not None:
                kept = rows[:, -1:].clone()
            else:
                kept = rows[:, self._kept(count)].clone()
        return _Batch(addresses, shapes, reduce_rows(counted.reshape(len(rows), -1))[0], kept)

    def _kept(self, count: int) -> list[int]:
        return [n for n in self._positions if n < count]

    def reduce(self) -> list[Tensor]:
        """The pass's results on the model's device, in the order in which :meth:`entries` takes them back."""
        for addresses, shapes, tensors in self._waiting.values():
            self._batches.append(self._batch(addresses, shapes, torch.stack(tensors)))
        self._waiting.clear()
        found: list[Tensor] = []
        for batch in self._batches:
            found.append(batch.stats)
            if batch.kept is None:
                continue
            if self._mode == "topk":
                rows = batch.kept.reshape(-1, batch.kept.shape[2])
                found += [tensor for tensor in reduce_rows(rows, self._resolved.topk)[1:] if tensor is not None]
            elif self._mode == "sampled":
                found.append(batch.kept[..., :: self._resolved.config.sample_stride].contiguous())
            elif self._tiles is not None:
                for address, row in zip(batch.addresses, batch.kept, strict=True):
                    found += self._tiles.reduce(row, [address], [0])
            else:
                found.append(batch.kept)
        return found

    def entries(self, arrays: Iterator[NDArray[Any]]) -> Iterator[Entry]:
        """Entries in any order, from the arrays that :meth:`reduce` gave, now on the CPU."""
        batches, self._batches = self._batches, []
        for batch in batches:
            stats = next(arrays).tolist()
            payloads = [None] * len(stats) if batch.kept is None else self._payloads(batch, batch.kept.shape[2], arrays)
            for address, shape, row, payload in zip(batch.addresses, batch.shapes, stats, payloads, strict=True):
                yield Entry(str(address), shape, stats_map(*row), payload)

    def _payloads(self, batch: _Batch, width: int, arrays: Iterator[NDArray[Any]]) -> list[dict[str, Any]]:
        quantization = self._resolved.config.quantization
        if self._tiles is not None:
            last = zip(batch.addresses, batch.shapes, strict=True)
            return [self._tiles.payloads(arrays, [address], shape[0] - 1)[address] for address, shape in last]
        if self._mode == "full":
            whole: NDArray[np.float32] = next(arrays)
            return [
                {"kind": "full", **encode_values(whole[n].reshape(shape), quantization)}
                for n, shape in enumerate(batch.shapes)
            ]
        count = len(batch.addresses)
        head = {**payload_head(self._resolved, width), "positions": self._kept(batch.shapes[0][0])}
        made = [dict(head) for _ in range(count)]
        if self._mode == "topk":
            indices = next(arrays).astype(index_type(width))
            for payload, rows in zip(made, indices.reshape(count, -1), strict=True):
                payload["indices"] = rows.tobytes()
        values: NDArray[np.float32] = next(arrays)
        for n, payload in enumerate(made):
            payload.update(encode_values(values.reshape(count, -1, values.shape[-1])[n], quantization))
        return made


def payload_head(resolved: Resolved, width: int) -> dict[str, Any]:
    """What payloads of rows of one width have in common."""
    if resolved.config.capture_mode == "sampled":
        return {"kind": "sampled_hidden", "stride": resolved.config.sample_stride}
    return {"kind": "topk_hidden", "k": min(resolved.topk, width), "index_dtype": index_dtype(width)}


def index_type(width: int) -> type[np.uint16 | np.uint32]:
    """What indices into so many values are kept as."""
    return np.uint16 if index_dtype(width) == "u16" else np.uint32
