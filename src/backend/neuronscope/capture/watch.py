"""What a step's tensors are reduced to: rows of one width lie in one tensor, so that all layers are reduced at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.fused import STATS, row_stats, strongest
from neuronscope.core.address import Address
from neuronscope.core.events import Entry
from neuronscope.core.trace_config import Resolved
from neuronscope.traces.payloads import encode_many, encode_values, index_dtype

Arrays = Iterator[NDArray[Any]]


@dataclass
class _Group:
    """Addresses whose last token has the same number of values, and one row for each in ``rows [address, value]``."""

    addresses: list[Address]
    rows: Tensor


class Watch:
    """Takes a step's tensors as the taps hand them over, reduces them on their device and makes entries of the result.

    A step of one token fills rows that were laid out before and reduces them together. A longer one, the prompt, reduces
    each tensor as it comes, since keeping all of them would take as much memory as the pass itself.
    """

    def __init__(self, addresses: Sequence[Address], resolved: Resolved) -> None:
        self.addresses = list(addresses)
        self._resolved = resolved
        self._mode = resolved.config.capture_mode
        self._shapes: dict[Address, tuple[int, ...]] = {}
        self._slots: dict[Address, Tensor] = {}
        self._groups: list[_Group] = []
        self._prompt: dict[Address, tuple[Tensor, Tensor | None]] = {}
        self._plain: Tensor | None = None
        self._positions: list[int] = []
        self._taken: list[Address] = []
        self._long = False

    def begin(self, special: Sequence[bool], device: torch.device) -> None:
        """A step over tokens of which some are ``special`` and stay out of the statistics, unless all are."""
        count = len(special)
        self._long = count > 1
        self._positions = sorted({0, count // 2, count - 1}) if self._long else [0]
        self._prompt.clear()
        self._taken.clear()
        kept = [n for n, flag in enumerate(special) if not flag]
        self._plain = torch.tensor(kept, device=device) if kept and len(kept) < count else None

    def take(self, address: Address, tensor: Tensor) -> None:
        """One tensor ``[1, position, …]`` of the pass, which may go on to change in place."""
        if self._long:
            self._take_prompt(address, tensor[0])
            return
        slot = self._slots.get(address)
        if slot is None:
            self._lay_out(address, tensor[0])
            slot = self._slots[address]
        # As little as can be: between two layers every line of ours runs on a cold cache.
        slot.copy_(tensor.reshape(-1))
        self._taken.append(address)

    def _lay_out(self, address: Address, values: Tensor) -> None:
        flat = values[-1].numel()
        self._shapes[address] = (1, *values.shape[1:])
        group = next((g for g in self._groups if g.rows.shape[1] == flat), None)
        if group is None:
            group = _Group([], torch.empty((0, flat), dtype=torch.float32, device=values.device))
            self._groups.append(group)
        group.addresses.append(address)
        # Rows move as the group grows, in the first step that meets them; what was taken so far moves along.
        group.rows = torch.cat((group.rows, torch.zeros((1, flat), dtype=torch.float32, device=values.device)))
        self._slots.update(zip(group.addresses, group.rows.unbind(0), strict=True))

    def _take_prompt(self, address: Address, values: Tensor) -> None:
        flat = values.reshape(values.shape[0], -1).float()
        self._shapes[address] = tuple(values.shape)
        # Of the logits only the last position's are computed; it is no special token's for that.
        plain = self._plain if flat.shape[0] > 1 else None
        counted = flat if plain is None else flat.index_select(0, plain)
        kept: Tensor | None = None
        if self._mode == "full":
            kept = flat.clone() if flat.data_ptr() == values.data_ptr() else flat
        elif self._mode != "stats" and self._resolved.keeps_prompt_payload(address.point):
            kept = flat[self._kept(flat.shape[0])].clone()
        self._prompt[address] = row_stats(counted.reshape(1, -1)), kept

    def _kept(self, count: int) -> list[int]:
        return [n for n in self._positions if n < count]

    def reduce(self) -> list[Tensor]:
        """The step's results on the model's device, in the order in which :meth:`entries` takes them back."""
        if self._long:
            return self._reduce_prompt()
        found: list[Tensor] = []
        for group in self._groups:
            found.append(row_stats(group.rows))
            if self._mode == "topk":
                found += strongest(group.rows, self._resolved.topk)
            elif self._mode == "sampled":
                found.append(group.rows[:, :: self._resolved.config.sample_stride].contiguous())
            elif self._mode == "full":
                found.append(group.rows)
        return found

    def _reduce_prompt(self) -> list[Tensor]:
        found: list[Tensor] = []
        for stats, kept in self._prompt.values():
            found.append(stats)
            if kept is None:
                continue
            if self._mode == "topk":
                found += strongest(kept, self._resolved.topk)
            elif self._mode == "sampled":
                found.append(kept[:, :: self._resolved.config.sample_stride].contiguous())
            else:
                found.append(kept)
        return found

    def entries(self, arrays: Arrays) -> list[Entry]:
        """Entries in the order of the addresses, from the arrays that :meth:`reduce` gave, now on the CPU."""
        made = self._prompt_entries(arrays) if self._long else self._row_entries(arrays)
        return [found for address in self.addresses if (found := made.get(address)) is not None]

    def _row_entries(self, arrays: Arrays) -> dict[Address, Entry]:
        made: dict[Address, Entry] = {}
        # A layer that a model skips leaves the rows of an earlier step, which are not this one's.
        missing = set(self._slots).difference(self._taken) if len(self._taken) < len(self._slots) else ()
        for group in self._groups:
            stats = next(arrays).tolist()
            payloads = self._payloads(arrays, group)
            for n, address in enumerate(group.addresses):
                if address in missing:
                    continue
                values = dict(zip(STATS, stats[n], strict=True))
                made[address] = Entry(str(address), self._shapes[address], values, payloads[n])
        return made

    def _prompt_entries(self, arrays: Arrays) -> dict[Address, Entry]:
        made: dict[Address, Entry] = {}
        for address, (_, kept) in self._prompt.items():
            values = dict(zip(STATS, next(arrays)[0].tolist(), strict=True))
            shape = self._shapes[address]
            payload = self._prompt_payload(arrays, kept, shape) if kept is not None else None
            made[address] = Entry(str(address), shape, values, payload)
        return made

    def _payloads(self, arrays: Arrays, group: _Group) -> list[dict[str, Any] | None]:
        """Payloads of a group's rows, each of one position."""
        if self._mode == "stats":
            return [None] * len(group.addresses)
        quantization, width = self._resolved.config.quantization, group.rows.shape[1]
        if self._mode == "full" and quantization == "q8":
            # Scales go by rows of the tensor itself, which of queries are heads.
            shaped = zip(group.addresses, next(arrays), strict=True)
            return [{"kind": "full", **encode_values(row.reshape(self._shapes[a]), "q8")} for a, row in shaped]
        if self._mode == "full":
            return [{"kind": "full", **values} for values in encode_many(next(arrays), quantization)]
        head = self._head(width)
        if self._mode == "sampled":
            return [{**head, "positions": [0], **v} for v in encode_many(next(arrays)[:, None], quantization)]
        indices = next(arrays).astype(_index(width))
        encoded = encode_many(next(arrays)[:, None], quantization)
        return [
            {**head, "positions": [0], "indices": chosen.tobytes(), **values}
            for chosen, values in zip(indices, encoded, strict=True)
        ]

    def _prompt_payload(self, arrays: Arrays, kept: Tensor, shape: tuple[int, ...]) -> dict[str, Any]:
        quantization = self._resolved.config.quantization
        width = kept.shape[1]
        if self._mode == "full":
            return {"kind": "full", **encode_values(next(arrays).reshape(shape), quantization)}
        payload: dict[str, Any] = {**self._head(width), "positions": self._kept(shape[0])}
        if self._mode == "topk":
            payload["indices"] = next(arrays).astype(_index(width)).tobytes()
        return {**payload, **encode_values(next(arrays), quantization)}

    def _head(self, width: int) -> dict[str, Any]:
        if self._mode == "sampled":
            return {"kind": "sampled_hidden", "stride": self._resolved.config.sample_stride}
        return {"kind": "topk_hidden", "k": min(self._resolved.topk, width), "index_dtype": index_dtype(width)}


def _index(width: int) -> type[np.uint16 | np.uint32]:
    return np.uint16 if index_dtype(width) == "u16" else np.uint32
