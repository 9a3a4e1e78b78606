"""From the shards of an index to its files: in the shards' order, whoever ran them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neuronscope.core.errors import BadRequest, Damaged
from neuronscope.corpus.bins import BINS, POWERS
from neuronscope.corpus.commits import ShardPart, committed
from neuronscope.corpus.files import Appender
from neuronscope.corpus.moments import Total
from neuronscope.corpus.plan import Plan
from neuronscope.corpus.sample import Sample
from neuronscope.corpus.topk import NO_KEY, Hits
from neuronscope.corpus.topk_cpu import CpuTopK
from neuronscope.corpus.windows import Tokenizer
from neuronscope.corpus.writer import Found, write_index
from neuronscope.models.loaded import LoadedModel

STREAM = {
    "tokens": ("ids", np.int32, ()),
    "token_parts": ("parts", np.uint8, ()),
    "token_chars": ("chars", np.int32, (2,)),
    "window_batches": ("batches", np.int32, ()),
    "source_files": ("source_files", np.int32, ()),
    "source_lines": ("source_lines", np.int64, ()),
}
"""Files that hold an array of each shard, one after the other."""


def merge(
    work: Path,
    plan: Plan,
    loaded: LoadedModel,
    tokenizer: Tokenizer,
    files: tuple[str, ...],
    unavailable: dict[str, str],
) -> None:
    """Write the files of the index from the shards that lie in ``work``, which must be all of them."""
    numbers = sorted(committed(work))
    if numbers != list(range(len(numbers))):
        raise Damaged("A shard of the unfinished index is missing.", "Build the index anew.")
    units = sum(plan.units)
    total, spread, powers = Total(units), np.zeros((units, BINS), np.int32), np.zeros((units, POWERS))
    top = CpuTopK(units, plan.k)
    sample, sampled = Sample(plan.sample, units), 0
    stream = _Stream(work)
    with stream:
        for part in _parts(work, numbers):
            sampled += int(part.counts[2])
            total.add(part.moments, int(part.counts[1]))
            spread += part.spread
            powers += part.powers
            place = torch.from_numpy(part.hit_keys) + stream.tokens
            unit = torch.from_numpy(part.hit_units).long()
            top.absorb(Hits(unit, place, torch.from_numpy(part.hit_values), torch.from_numpy(part.hit_excerpts)))
            keys = part.sample_keys + stream.tokens
            sample.expect(keys, part.sample_hashes)
            chosen = np.flatnonzero(np.isin(keys, sample.keys))
            sample.fill(keys[chosen], 0, part.sample_values[chosen])
            stream.add(part)
    if total.count == 0:
        raise BadRequest(f"'{plan.corpus}' holds no text to index.", "Add documents to it.")
    values, places, excerpts = (found.numpy() for found in top.ranked())
    found = Found(
        np.where(places == NO_KEY, -1, places),
        values,
        excerpts,
        total.table(),
        total.count,
        spread,
        powers,
        sampled,
        sample.keys,
        sample.values,
        len(numbers),
    )
    write_index(work, found, plan, loaded, tokenizer, files, unavailable, plan.begun(work))


class _Stream:
    """The corpus as tokens, written shard by shard."""

    def __init__(self, folder: Path) -> None:
        self.tokens = self.windows = self.batches = 0
        self._open = contextlib.ExitStack()
        self._files = {
            name: self._open.enter_context(Appender(folder / f"{name}.npy", dtype, row))
            for name, (_, dtype, row) in STREAM.items()
        }
        for name in ("window_starts", "document_windows"):
            self._files[name] = self._open.enter_context(Appender(folder / f"{name}.npy", np.int64))
            self._files[name].append(np.zeros(1))

    def add(self, part: ShardPart) -> None:
        """Append a shard."""
        for name, (field, _, _) in STREAM.items():
            column: NDArray[Any] = getattr(part, field)
            self._files[name].append(column + np.int32(self.batches) if field == "batches" else column)
        self._files["window_starts"].append(self.tokens + part.starts[1:])
        self._files["document_windows"].append(self.windows + np.cumsum(part.windows_of))
        self.tokens += len(part.ids)
        self.windows += len(part.batches)
        self.batches += int(part.counts[0])

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *failure: object) -> None:
        self._open.__exit__(*failure)  # type: ignore[arg-type]


def _parts(work: Path, numbers: list[int]) -> Iterator[ShardPart]:
    for number in numbers:
        yield ShardPart.read(work, number)
