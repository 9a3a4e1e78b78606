"""Writing the files of an index.

====================  =======================================  ==================================================
file                  dtype and shape                          what
====================  =======================================  ==================================================
tokens.npy            int32 [token]                            every window's tokens, in order of (document, window)
token_parts.npy       uint8 [token]                            number of the token's part; 255 for none
token_chars.npy       int32 [token, 2]                         the characters of its document that it stands for
window_starts.npy     int64 [window + 1]                       where each window starts in tokens.npy
window_batches.npy    int32 [window]                           the batch that each window was run in
document_windows.npy  int64 [document + 1]                     number of each document's first window
source_files.npy      int32 [document]                         number of the file that it came from; -1 for none
source_lines.npy      int64 [document]                         its line or row there, from 1; 0 where it has none
gram_order.npy        int64 [token]                            all places, sorted by the five tokens from each on
gram_starts.npy       int64 [token id + 1]                     where the places of each token start there (CSR)
values.npy            float32 [unit, k]                        strongest values, strong to weak
keys.npy              int64 [unit, k]                          their places in tokens.npy; -1 where there are fewer
documents.npy         int32 [unit, k]                          their documents
windows.npy           int32 [unit, k]                          their windows within the document
positions.npy         int32 [unit, k]                          their positions within the window
excerpts.npy          float32 [unit, k, 33]                    values around them, zeros beyond the window's ends
moments.npy           float64 [unit, 5]                        mean, std, min, max, firing rate over all tokens
spread.npy            int32 [unit, bin]                        histogram over a sample, in the bins of histogram.py
powers.npy            float64 [unit, 4]                        sums of x, x², x³, x⁴ over the same sample
sample_keys.npy       int64 [sample]                           places of the corpus sample, ascending
sample_values.npy     float32 [unit, sample]                   values there
inverse_starts.npy    int64 [token id + 1]                     where each token's pairs start (CSR)
inverse_units.npy     int32 [pair]                             units whose contexts peak on the token, strongest first
inverse_values.npy    float32 [pair, 2]                        max and mean of those peaks
inverse_counts.npy    int32 [pair]                             how many they are
vocabulary.json       {id: [text, special]}                    the tokens that occur
manifest.json                                                  see manifest.py; written last
====================  =======================================  ==================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronscope.corpus.columns import Column, Rows, counts_of, last_up_to, values_at
from neuronscope.corpus.files import Appender, save, save_json
from neuronscope.corpus.gram_order import count_runs, write_order
from neuronscope.corpus.manifest import Manifest
from neuronscope.corpus.plan import Plan
from neuronscope.corpus.windows import Tokenizer
from neuronscope.models.loaded import LoadedModel


@dataclass(frozen=True, slots=True)
class Found:
    """What the shards add up to; the arrays are described above, ``sample`` is ``[token, unit]``."""

    keys: NDArray[np.int64]
    values: NDArray[np.float32]
    excerpts: NDArray[np.float32]
    moments: NDArray[np.float64]
    counted: int
    spread: NDArray[np.int32]
    powers: NDArray[np.float64]
    sampled: int
    sample_keys: NDArray[np.int64]
    sample: NDArray[np.float32]
    shards: int


def write_index(
    folder: Path,
    found: Found,
    plan: Plan,
    loaded: LoadedModel,
    tokenizer: Tokenizer,
    files: tuple[str, ...],
    unavailable: dict[str, str],
    created_at: str,
) -> None:
    """Write everything but the stream's own files, which are there already; the manifest last."""
    save(folder / "values.npy", found.values)
    save(folder / "keys.npy", found.keys)
    save_in_pieces(folder / "excerpts.npy", found.excerpts)
    save(folder / "moments.npy", found.moments)
    save(folder / "spread.npy", found.spread)
    save(folder / "powers.npy", found.powers)
    save(folder / "sample_keys.npy", found.sample_keys)
    save_in_pieces(folder / "sample_values.npy", found.sample.T)
    with (
        Rows(folder / "tokens.npy") as tokens,
        Rows(folder / "window_starts.npy") as starts,
        Rows(folder / "document_windows.npy") as documents,
    ):
        _write_places(folder, found.keys, starts, documents)
        counts = counts_of(tokens)
        _write_vocabulary(folder, loaded, counts)
        pairs = _write_inverse(folder, found.keys, found.values, tokens, len(counts))
        write_order(folder / "gram_order.npy", tokens, starts)
        save(folder / "gram_starts.npy", np.cumsum([0, *counts]))
        special = np.zeros(len(counts), np.bool_)
        special[[i for i in loaded.special_ids if i < len(counts)]] = True
        runs = count_runs(tokens, starts, special)
        windows, tokens_run = len(starts) - 1, len(tokens)
    Manifest(
        model_id=plan.model_id,
        model_key=plan.model_key,
        dtype=loaded.dtype,
        corpus=plan.corpus,
        corpus_hash=plan.corpus_hash,
        parts=tokenizer.parts,
        k=plan.k,
        addresses=plan.addresses,
        units=plan.units,
        unavailable=unavailable,
        window=plan.window,
        stride=tokenizer.stride,
        prefix=tokenizer.prefix,
        batch_tokens=plan.batch_tokens,
        shard=plan.shard,
        shard_bytes=plan.shard_bytes,
        seed=plan.seed,
        sample=len(found.sample_keys),
        histogram=plan.histogram,
        sampled=found.sampled,
        files=files,
        documents=plan.documents,
        windows=windows,
        shards=found.shards,
        tokens=found.counted,
        tokens_run=tokens_run,
        runs=runs,
        pairs=pairs,
        vocabulary=len(counts),
        libraries=plan.libraries,
        created_at=created_at,
    ).write(folder)


def save_in_pieces(path: Path, array: NDArray[np.float32]) -> None:
    """Write an array that does not lie in its own order in memory, without a second copy of it."""
    with Appender(path, array.dtype, array.shape[1:]) as file:
        for start in range(0, len(array), 1 << 12):
            file.append(array[start : start + (1 << 12)])


def _write_places(folder: Path, keys: NDArray[np.int64], starts: Column, documents: Column) -> None:
    there = keys >= 0
    places, of = np.unique(keys[there], return_inverse=True)
    window, start = last_up_to(starts, places)
    document, first = last_up_to(documents, window)
    for name, column in (("documents", document), ("windows", window - first), ("positions", places - start)):
        table = np.full(keys.shape, -1, np.int32)
        table[there] = column[of]
        save(folder / f"{name}.npy", table)


def _write_vocabulary(folder: Path, loaded: LoadedModel, counts: NDArray[np.int64]) -> None:
    """Texts of the tokens that occur."""
    seen = np.flatnonzero(counts).tolist()
    shown = {str(token_id): [loaded.token_text(token_id), token_id in loaded.special_ids] for token_id in seen}
    save_json(folder / "vocabulary.json", shown)


def _write_inverse(
    folder: Path,
    keys: NDArray[np.int64],
    values: NDArray[np.float32],
    tokens: Column,
    vocabulary: int,
) -> int:
    """The inverse by token; the number of its pairs."""
    unit, slot = np.nonzero(keys >= 0)
    places, of = np.unique(keys[unit, slot], return_inverse=True)
    peak = values_at(tokens, places)[of].astype(np.int64)
    group, inverse, count = np.unique(peak * len(keys) + unit, return_inverse=True, return_counts=True)
    strongest = np.full(len(group), -np.inf, np.float32)
    np.maximum.at(strongest, inverse, values[unit, slot])
    mean = np.bincount(inverse, values[unit, slot], len(group)) / count
    token, owner = group // len(keys), group % len(keys)
    order = np.lexsort((owner, -strongest, token))
    save(folder / "inverse_starts.npy", np.searchsorted(token, np.arange(vocabulary + 1)))
    save(folder / "inverse_units.npy", owner[order].astype(np.int32))
    save(folder / "inverse_values.npy", np.stack((strongest, mean), axis=1)[order].astype(np.float32))
    save(folder / "inverse_counts.npy", count[order].astype(np.int32))
    return len(group)
