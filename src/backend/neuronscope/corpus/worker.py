"""Runs shards of a corpus through a model and commits what each one adds.

Everything is taken in where it passes, layer by layer, while it is still in the processor's cache: no layer's values
outlive the next one's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.taps import read_taps
from neuronscope.core.address import Address
from neuronscope.corpus.commits import ShardPart, small
from neuronscope.corpus.histogram import ShardSpread
from neuronscope.corpus.moments import ShardMoments
from neuronscope.corpus.plan import Plan
from neuronscope.corpus.readers import Document
from neuronscope.corpus.sample import Sample, place_hash, share_below
from neuronscope.corpus.topk import Batch, TopK
from neuronscope.corpus.topk_cpu import CpuTopK
from neuronscope.corpus.windows import Shard, Tokenizer, plan_batches
from neuronscope.models.loaded import LoadedModel

T = TypeVar("T")
PLACES = 1 << 40
"""Tokens that a shard has room for in the numbering of places: place p of shard s is ``s * PLACES + p``."""


class Run(Protocol):
    """Calls what it is given and returns its result; raises what it raises."""

    def __call__(self, work: Callable[[], T], /) -> T: ...


def at_once(work: Callable[[], T], /) -> T:
    """A :class:`Run` that waits for nobody."""
    return work()


class Worker:
    """One model at work on shards, in any order. It keeps the floors that it has found, and nothing else of a shard."""

    def __init__(self, loaded: LoadedModel, plan: Plan, tokenizer: Tokenizer, files: dict[str, int], run: Run) -> None:
        self.loaded, self.plan, self.tokenizer, self.files, self.run = loaded, plan, tokenizer, files, run
        self.taps = plan.taps
        self.special = np.array(sorted(loaded.special_ids), np.int64)
        cpu = loaded.device.type == "cpu"
        self.top: dict[Address, TopK | CpuTopK] = {
            address: CpuTopK(units, plan.k) if cpu else TopK(units, plan.k, loaded.device)
            for address, units in zip(plan.taps, plan.units, strict=True)
        }
        self.sample = Sample(plan.sample, sum(plan.units))
        self.first_unit = dict(zip(plan.taps, np.cumsum([0, *plan.units]).tolist(), strict=False))

    def shard(
        self,
        number: int,
        documents: list[Document],
        work: Path,
        progress: Callable[[int], None],
        check: Callable[[], None],
    ) -> None:
        """Run a shard and commit it to the folder ``work``. ``progress`` is told how many of its documents are done."""
        shard = self.run(lambda: self.tokenizer.shard(documents))
        self.loaded.check_rows([int(shard.ids.max(initial=0))])
        run = ShardRun(self, number, shard)
        batches = plan_batches(shard.lengths, self.plan.batch_tokens)
        waiting = shard.windows_of.copy()
        for windows in batches:
            check()
            # One batch at a time, so that others who wait for the model get their turn.
            self.run(lambda windows=windows: run.batch(windows))  # type: ignore[misc]
            np.subtract.at(waiting, shard.docs[windows] - shard.first_doc, 1)
            progress(int((waiting == 0).sum()))
        self.run(lambda: run.part(batches, documents)).write(work, number)
        progress(len(documents))


class ShardRun:
    """A shard while it is run."""

    def __init__(self, worker: Worker, number: int, shard: Shard) -> None:
        self.worker, self.shard, self.base = worker, shard, number * PLACES
        plan, device = worker.plan, worker.loaded.device
        pairs = list(zip(plan.taps, plan.units, strict=True))
        self.moments = {address: ShardMoments(units, device) for address, units in pairs}
        self.spread = {address: ShardSpread(units, device) for address, units in pairs}
        self.counts = ~np.isin(shard.ids, worker.special)
        at = np.flatnonzero(self.counts)
        window = np.searchsorted(shard.starts, at, side="right") - 1
        within = window - np.searchsorted(shard.docs, shard.docs)[window]
        hashes = place_hash(plan.seed, shard.docs[window].astype(np.int64), within, at - shard.starts[window])
        worker.sample.expect(self.base + at, hashes)
        self.spreads = np.zeros(len(shard.ids), np.bool_)
        self.spreads[at] = hashes < share_below(plan.histogram)

    def batch(self, windows: NDArray[np.int64]) -> None:
        """Run some windows and take in what the model does on them."""
        ids, mask, at = grid_of(self.shard, windows)
        counted = np.flatnonzero((at >= 0) & self.counts[at.clip(min=0)])
        if counted.size == 0:
            return
        loaded, places = self.worker.loaded, at.ravel()[counted]
        device = loaded.device
        keys = np.full(at.size, -1)
        keys[counted] = self.base + places
        batch = Batch(
            torch.from_numpy(counted).to(device),
            torch.from_numpy(keys).to(device),
            torch.from_numpy(self.shard.lengths[windows]).to(device),
            at.shape[1],
            int(self.base + places[0]),
        )
        kept = self.worker.sample.wanted(self.base + places)
        spread = np.flatnonzero(self.spreads[places])
        picks = torch.from_numpy(counted[np.union1d(kept, spread)]).to(device)
        in_kept, in_spread = (np.searchsorted(np.union1d(kept, spread), some) for some in (kept, spread))

        def take(address: Address, grid: Tensor) -> None:
            cells = grid.reshape(-1, grid.shape[-1])
            self.worker.top[address].update(grid, self.moments[address].update(cells, batch.counted), batch)
            if picks.numel() == 0:
                return
            rows = cells.index_select(0, picks).float()
            if in_spread.size:
                self.spread[address].update(rows[torch.from_numpy(in_spread).to(device)])
            if in_kept.size:
                values = rows.cpu().numpy()[in_kept]
                self.worker.sample.fill(self.base + places[kept], self.worker.first_unit[address], values)

        shape = (int(ids.shape[0]), int(ids.shape[1]))
        with torch.no_grad(), loaded.lock, read_taps(loaded, self.worker.taps, shape, take):
            loaded.model.base_model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False)

    def part(self, batches: list[NDArray[np.int64]], documents: list[Document]) -> ShardPart:
        """What the shard adds."""
        worker, shard, addresses = self.worker, self.shard, self.worker.taps
        batch_of = np.zeros(len(shard.docs), np.int32)
        for number, windows in enumerate(batches):
            batch_of[windows] = number
        hits = [worker.top[address].between(self.base, self.base + PLACES) for address in addresses]
        mine = (worker.sample.keys >= self.base) & (worker.sample.keys < self.base + PLACES)
        return ShardPart(
            ids=shard.ids,
            parts=shard.parts,
            chars=shard.chars,
            starts=shard.starts,
            batches=batch_of,
            windows_of=shard.windows_of,
            source_files=np.array([self._file(document) for document in documents], np.int32),
            source_lines=np.array([document.line for document in documents], np.int64),
            counts=np.array([len(batches), self.counts.sum(), self.spreads.sum()], np.int64),
            moments=np.concatenate([self.moments[address].table() for address in addresses]),
            spread=small(np.concatenate([self.spread[address].counts() for address in addresses])),
            powers=np.concatenate([self.spread[address].powers() for address in addresses]),
            hit_units=np.concatenate(
                [_numpy(hit.unit) + worker.first_unit[a] for a, hit in zip(addresses, hits, strict=True)]
            ).astype(np.int32),
            hit_keys=np.concatenate([_numpy(hit.key) for hit in hits]) - self.base,
            hit_values=np.concatenate([_numpy(hit.value) for hit in hits]),
            hit_excerpts=np.concatenate([_numpy(hit.excerpt) for hit in hits]),
            sample_hashes=worker.sample.hashes[mine],
            sample_keys=worker.sample.keys[mine] - self.base,
            sample_values=worker.sample.values[mine],
        )

    def _file(self, document: Document) -> int:
        return -1 if document.file is None else self.worker.files[document.file]


def grid_of(shard: Shard, windows: NDArray[np.int64]) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    """Right-padded ids and attention mask ``[rows, positions]``, and each cell's place in the shard, or -1."""
    lengths = shard.lengths[windows]
    positions = np.arange(int(lengths.max()))
    inside = positions < lengths[:, None]
    at = np.where(inside, shard.starts[windows][:, None] + positions, -1)
    # Padding repeats a token that is there: id 0 need not exist, and no token looks at it.
    ids = shard.ids[at.clip(min=0)].astype(np.int64)
    return torch.from_numpy(ids), torch.from_numpy(inside.astype(np.int64)), at


def _numpy(tensor: Tensor) -> NDArray[np.generic]:
    found: NDArray[np.generic] = tensor.cpu().numpy()
    return found
