"""What a step's tensors are reduced to: tensors of one width are put into one, so that all layers are reduced at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.fused import halve, reduce_rows
from neuronscope.capture.fused_cpu import plain
from neuronscope.capture.prompt_watch import PromptWatch, index_type, payload_head
from neuronscope.capture.tiles import Tiles
from neuronscope.core.address import Address
from neuronscope.core.events import Entry
from neuronscope.core.trace_config import Resolved
from neuronscope.traces.tables import EntryTable, by_shape, in_order, stats_map, with_values

Arrays = Iterator[NDArray[Any]]


@dataclass
class Group:
    """Points of one width and dtype: which of a step's tensors become its rows, and the row of each point."""

    width: int
    sources: list[int]
    addresses: list[Address]
    places: list[int]
    names: list[str]
    shapes: list[tuple[int, ...]]
    alike: bool
    """Whether the tensors have one shape, so that they can be put together as they are."""

    def rows(self, chosen: list[Tensor], out: Tensor | None = None) -> Tensor:
        """The tensors that are its rows as ``[row, value]``, in their own dtype; in ``out`` where there is one."""
        if not self.alike:
            chosen = [tensor.reshape(-1) for tensor in chosen]
        if out is not None:
            out = out.view(len(chosen) * chosen[0].shape[0], *chosen[0].shape[1:])
        return torch.cat(chosen, out=out).view(len(chosen), self.width)


class _Layout:
    """How a step's tensors are put together. It stays as long as the same points come, the same of them as one tensor."""

    def __init__(self, addresses: list[Address], tensors: list[Tensor]) -> None:
        self._addresses = addresses
        self._same: list[tuple[int, int]] = []
        first: dict[int, int] = {}
        groups: dict[tuple[int, torch.dtype], Group] = {}
        for n, (address, tensor) in enumerate(zip(addresses, tensors, strict=True)):
            group = groups.setdefault((tensor.numel(), tensor.dtype), Group(tensor.numel(), [], [], [], [], [], True))
            source = first.setdefault(id(tensor), n)
            if source != n:
                self._same.append((source, n))
                group.places.append(group.sources.index(source))
            else:
                group.alike = group.alike and tensor.shape == tensors[(group.sources or [n])[0]].shape
                group.places.append(len(group.sources))
                group.sources.append(n)
            axes = len(address.row.axes) - 1
            group.addresses.append(address)
            group.names.append(str(address))
            group.shapes.append((1, *tensor.shape[tensor.ndim - axes :]))
        self.groups = list(groups.values())

    def fits(self, addresses: list[Address], tensors: list[Tensor]) -> bool:
        """Whether it serves these too."""
        return addresses is self._addresses and all(tensors[a] is tensors[b] for a, b in self._same)


class Watch:
    """Takes a step's tensors as the taps hand them over, reduces them on their device and makes entries of the result.

    Of a step of one token all tensors are reduced together at its end. A longer one, the prompt, has a way of its own.
    ``tiles`` are for mode ``tile``.
    """

    def __init__(self, addresses: Sequence[Address], resolved: Resolved, tiles: Tiles | None = None) -> None:
        self.addresses = list(addresses)
        self.names = [str(address) for address in self.addresses]
        self._resolved = resolved
        self._mode = resolved.config.capture_mode
        self._tiles = tiles
        self._prompt = PromptWatch(resolved, tiles)
        self._taken: tuple[list[Address], list[Tensor]] = ([], [])
        self._layout = _Layout([], [])
        self._long = False

    def begin(self, special: Sequence[bool], device: torch.device) -> None:
        """A step over tokens of which some are ``special`` and stay out of the statistics, unless all are."""
        count = len(special)
        self._long = count > 1
        self._taken = ([], [])
        if self._long:
            kept = [n for n, flag in enumerate(special) if not flag]
            self._prompt.begin(count, torch.tensor(kept, device=device) if kept and len(kept) < count else None)

    def take(self, address: Address, tensor: Tensor) -> None:
        """One tensor ``[1, position, …]`` of the pass, which may go on to change in place."""
        if self._long:
            self._prompt.take(address, tensor[0])
        else:
            self._taken[0].append(address)
            self._taken[1].append(tensor.clone())

    def take_held(self, addresses: list[Address], tensors: list[Tensor]) -> None:
        """Tensors ``[1, 1, …]`` of a step of one token, as :meth:`HeldTaps.collect` gives them; they change no more."""
        copied = self._taken
        self._taken = (copied[0] + addresses, copied[1] + tensors) if copied[0] else (addresses, tensors)

    @property
    def groups(self) -> Sequence[Group] | None:
        """The groups of the step that was reduced last; ``None`` of a prompt."""
        return None if self._long else self._layout.groups

    def plain_rows(self) -> list[tuple[Group, list[Tensor]]] | None:
        """:meth:`chosen_rows`, or ``None`` where some tensor is not float32 in one piece on the CPU."""
        found = self.chosen_rows()
        if found is None or not all(plain(row, group.width) for group, rows in found for row in rows):
            return None
        return found

    def chosen_rows(self) -> list[tuple[Group, list[Tensor]]] | None:
        """The groups of a step of one token with the tensors that are their rows; ``None`` where it isn't as the last one.
        They are there until :meth:`reduce`."""
        addresses, tensors = self._taken
        if self._long or not self._layout.fits(addresses, tensors):
            return None
        return [(group, [tensors[n] for n in group.sources]) for group in self._layout.groups]

    def _lay_out(self) -> list[tuple[Group, Tensor]]:
        """The groups of the layout and their rows."""
        addresses, tensors = self._taken
        self._taken = ([], [])
        if not self._layout.fits(addresses, tensors):
            self._layout = _Layout(addresses, tensors)
        return [(group, group.rows([tensors[n] for n in group.sources])) for group in self._layout.groups]

    def reduce(self) -> list[Tensor]:
        """The step's results on the model's device, in the order in which :meth:`entries` takes them back."""
        if self._long:
            return self._prompt.reduce()
        return self.reduce_of(self._lay_out())

    def reduce_of(self, groups: list[tuple[Group, Tensor]]) -> list[Tensor]:
        """:meth:`reduce` of groups and their rows ``[row, value]`` in the model's dtype."""
        found: list[Tensor] = []
        for group, together in groups:
            rows = together.float()
            reduced = reduce_rows(rows, self._resolved.topk if self._mode == "topk" else None)
            found += [tensor for tensor in reduced if tensor is not None]
            if self._mode == "sampled":
                found.append(rows[:, :: self._resolved.config.sample_stride].contiguous())
            elif self._mode == "full":
                found.append(rows)
            elif self._tiles is not None:
                found += self._tiles.reduce(rows, group.addresses, group.places)
        return found

    def entries(self, arrays: Arrays) -> list[Entry]:
        """Entries in the order of the addresses, from the arrays that :meth:`reduce` gave, now on the CPU."""
        made = self._prompt.entries(arrays) if self._long else self._row_entries(arrays)
        return in_order(made, self.names)

    def tables(self, arrays: Arrays) -> list[EntryTable] | None:
        """The same as tables, in any order; ``None`` for a prompt and for tiles, whose entries have less in common."""
        if self._long or self._tiles is not None:
            return None
        return [table for group in self._layout.groups for table in self._group_tables(arrays, group)]

    def _row_entries(self, arrays: Arrays) -> Iterator[Entry]:
        for group in self._layout.groups:
            if self._tiles is None:
                for table in self._group_tables(arrays, group):
                    yield from table.entries()
                continue
            stats = [stats_map(*row) for row in next(arrays).tolist()]
            tiles = self._tiles.payloads(arrays, group.addresses, 0)
            for n, (address, place) in enumerate(zip(group.addresses, group.places, strict=True)):
                yield Entry(group.names[n], group.shapes[n], stats[place], tiles.get(address))

    def _group_tables(self, arrays: Arrays, group: Group) -> list[EntryTable]:
        """What a group's rows, which are of one position, become."""
        table = EntryTable(group.names, group.shapes, group.places, next(arrays))
        if self._mode == "stats":
            return [table]
        quantization = self._resolved.config.quantization
        if self._mode == "full":
            table.common = {"kind": "full"}
            # Scales go by rows of the tensor itself, which of queries are heads.
            parts = by_shape(table) if quantization == "q8" else [table]
            values = next(arrays)
            return [
                found
                for part in parts
                for found in with_values(
                    part,
                    values.reshape(len(values), *part.shapes[0]) if quantization == "q8" else values,
                    quantization,
                    halve,
                )
            ]
        table.common = {**payload_head(self._resolved, group.width), "positions": [0]}
        if self._mode == "topk":
            table.columns["indices"] = next(arrays).astype(index_type(group.width))
        return with_values(table, next(arrays)[:, None], quantization, halve)
