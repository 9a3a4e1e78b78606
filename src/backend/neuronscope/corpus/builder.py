"""Building an index: one pass over a corpus, shard by shard, batch by batch, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from neuronscope.capture.forward import run_batch
from neuronscope.core.address import Address
from neuronscope.core.errors import BadRequest, Conflict, PointUnavailable
from neuronscope.core.spec import CaptureSpec
from neuronscope.corpus.files import written_whole
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.moments import Moments
from neuronscope.corpus.readers import Corpus, Digest, Document
from neuronscope.corpus.sample import Sample, place_hash
from neuronscope.corpus.topk import Batch, TopK
from neuronscope.corpus.windows import Shard, Tokenizer, in_shards, plan_batches
from neuronscope.corpus.writer import Stream, write_index
from neuronscope.models.loaded import LoadedModel

T = TypeVar("T")
Progress = Callable[[int, int], None]


class Run(Protocol):
    """Calls what it is given and returns its result; raises what it raises."""

    def __call__(self, work: Callable[[], T], /) -> T: ...


POINT = "mlp_act"
LONGEST_WINDOW = 1024
MOST_BATCH_TOKENS = 4096
BATCH_BYTES = 256 << 20


def build_index(
    loaded: LoadedModel,
    corpus: Corpus,
    folder: Path,
    *,
    k: int = 32,
    layers: Sequence[int] | None = None,
    settings: Settings | None = None,
    run: Run | None = None,
    progress: Progress | None = None,
    check: Callable[[], None] | None = None,
) -> Index:
    """The exact ``k`` strongest contexts of every neuron of ``layers`` (all by default) over a corpus, in ``folder``.

    ``run`` calls what it is given where the model may be used and returns its result, one batch at a time, so that
    others get their turn. ``progress(done, total)`` counts documents. ``check`` is called between batches; what it
    raises (:class:`~neuronscope.core.errors.Cancelled`) ends the work. Whatever ends it early leaves nothing behind.

    Raises :class:`BadAddress` or :class:`PointUnavailable` for the layers, :class:`BadRequest` for ``k``, a broken
    document or a corpus without tokens, :class:`Conflict` where ``folder`` exists or the corpus changes meanwhile,
    :class:`StorageFull` for a full disk.
    """
    if k < 1:
        raise BadRequest(f"k is {k}; it is at least 1.")
    builder = _Builder(loaded, corpus, k, layers, settings or Settings(), run or _at_once)
    total = corpus.summary.documents

    def report(done: int) -> None:
        if progress is not None:
            progress(done, total)

    with written_whole(folder) as unfinished:
        builder.build(unfinished, report, check or _go_on)
    return Index.open(folder)


class _Builder:
    """One build: what is fixed for all of it, and the running state of every layer."""

    def __init__(
        self,
        loaded: LoadedModel,
        corpus: Corpus,
        k: int,
        layers: Sequence[int] | None,
        settings: Settings,
        run: Run,
    ) -> None:
        self.loaded, self.corpus, self.k, self.settings = loaded, corpus, k, settings
        self.run = run
        self.addresses, self.unavailable = choose_layers(loaded, layers)
        self.units = [loaded.anatomy.width(address) for address in self.addresses]
        window = settings.window or min(loaded.context_length or LONGEST_WINDOW, LONGEST_WINDOW)
        self.tokenizer = Tokenizer(loaded.tokenizer, window, corpus.parts)
        if self.tokenizer.stride < 1 or window > (loaded.context_length or window):
            raise BadRequest(f"A window of {window} tokens does not fit {loaded.model_id}.", "Leave it out.")
        self.batch_tokens = settings.batch_tokens or default_batch_tokens(sum(self.units))
        self.special = np.array(sorted(loaded.special_ids), np.int64)
        self.top = [TopK(units, k, loaded.device) for units in self.units]
        self.moments = [Moments(units, loaded.device) for units in self.units]
        self.sample = Sample(settings.sample, sum(self.units))
        self.digest = Digest()

    def build(self, folder: Path, progress: Callable[[int], None], check: Callable[[], None]) -> None:
        """Run everything and write the files."""
        with Stream(folder) as stream:
            for documents in in_shards(iter(self.corpus), self.settings.shard):
                check()
                self._shard(documents, stream, progress, check)
            if self.digest.summary() != self.corpus.summary:
                raise Conflict(f"'{self.corpus.name}' changed while it was read.", "Build the index again.")
            if self.moments[0].count == 0:
                raise BadRequest(f"'{self.corpus.name}' holds no text to index.", "Add documents to it.")
        write_index(folder, self, stream)

    def _shard(
        self,
        documents: list[Document],
        stream: Stream,
        progress: Callable[[int], None],
        check: Callable[[], None],
    ) -> None:
        for document in documents:
            self.digest.add(document)
        shard = self.run(lambda: self.tokenizer.shard(documents))
        first_key = stream.tokens
        plan = plan_batches(shard.lengths, self.batch_tokens)
        stream.add(shard, plan)
        counts = self._counted_tokens(shard)
        self._choose_sample(shard, counts, first_key)
        waiting = shard.windows_of.copy()
        done = documents[0].ordinal
        for windows in plan:
            check()
            self._batch(shard, windows, counts, first_key)
            np.subtract.at(waiting, shard.docs[windows] - shard.first_doc, 1)
            progress(done + int((waiting == 0).sum()))
        progress(done + len(documents))

    def _counted_tokens(self, shard: Shard) -> NDArray[np.bool_]:
        """Which tokens of a shard's stream count: all but special ones."""
        return ~np.isin(shard.ids, self.special)

    def _choose_sample(self, shard: Shard, counts: NDArray[np.bool_], first_key: int) -> None:
        at = np.flatnonzero(counts)
        window = np.searchsorted(shard.starts, at, side="right") - 1
        first_window = np.searchsorted(shard.docs, shard.docs)
        hashes = place_hash(
            self.settings.seed,
            shard.docs[window].astype(np.int64),
            window - first_window[window],
            at - shard.starts[window],
        )
        self.sample.expect(first_key + at, hashes)

    def _batch(self, shard: Shard, windows: NDArray[np.int64], counts: NDArray[np.bool_], first_key: int) -> None:
        ids, mask, at = grid_of(shard, windows)
        grids = self.run(lambda: run_batch(self.loaded, ids, mask, self.addresses))
        counted = np.flatnonzero((at >= 0) & counts[at.clip(min=0)])
        if counted.size == 0:
            return
        keys = first_key + at.ravel()[counted]
        key_of_cell = np.full(at.size, -1)
        key_of_cell[counted] = keys
        device = self.loaded.device
        batch = Batch(
            torch.from_numpy(counted).to(device),
            torch.from_numpy(key_of_cell).to(device),
            torch.from_numpy(shard.lengths[windows]).to(device),
            at.shape[1],
        )
        chosen = self.sample.wanted(keys)
        first_unit = 0
        for address, top, moments in zip(self.addresses, self.top, self.moments, strict=True):
            grid = grids.pop(address)
            cells = grid.reshape(-1, grid.shape[-1])
            top.update(grid, moments.update(cells, batch.counted), batch)
            if chosen.size:
                picked = cells.index_select(0, batch.counted[torch.from_numpy(chosen).to(device)])
                self.sample.fill(keys[chosen], first_unit, picked.float().cpu().numpy())
            first_unit += cells.shape[1]


def choose_layers(loaded: LoadedModel, layers: Iterable[int] | None) -> tuple[list[Address], dict[str, str]]:
    """Addresses to index, ascending, and the layers of a default choice that have no neurons, with the reasons.

    Raises :class:`BadAddress` for a layer out of range, :class:`PointUnavailable` where a layer asked for, or every
    layer, has no neurons.
    """
    anatomy = loaded.anatomy
    spec = CaptureSpec((POINT,), None if layers is None else tuple(sorted(set(layers))))
    every = spec.expand(anatomy.layer_count)
    if layers is not None:
        for address in every:
            anatomy.site(address)
        return every, {}
    unavailable = {str(address): anatomy.refused[address] for address in every if address in anatomy.refused}
    chosen = [address for address in every if address not in anatomy.refused]
    if not chosen:
        raise PointUnavailable(f"No layer of this model has neurons: {next(iter(unavailable.values()))}.")
    return chosen, unavailable


def default_batch_tokens(units: int) -> int:
    """Tokens of a batch such that its values, in four bytes each, stay within ``BATCH_BYTES``."""
    return max(128, min(MOST_BATCH_TOKENS, BATCH_BYTES // (4 * units)))


def grid_of(shard: Shard, windows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.int64]]:
    """Right-padded ids and attention mask ``[rows, positions]``, and each cell's place in the shard's stream, or -1."""
    lengths = shard.lengths[windows]
    positions = np.arange(int(lengths.max()))
    inside = positions < lengths[:, None]
    at = np.where(inside, shard.starts[windows][:, None] + positions, -1)
    # Padding repeats a token that is there: id 0 need not exist, and no token looks at it.
    ids = shard.ids[at.clip(min=0)].astype(np.int64)
    return torch.from_numpy(ids), torch.from_numpy(inside.astype(np.int64)), at


def _at_once(work: Callable[[], T], /) -> T:
    return work()


def _go_on() -> None:
    return None
