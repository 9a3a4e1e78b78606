"""Writing the files of an index.

====================  =======================================  ==================================================
file                  dtype and shape                          what
====================  =======================================  ==================================================
tokens.npy            int32 [token]                            every window's tokens, in order of (document, window)
token_parts.npy       uint8 [token]                            number of the token's part; 255 for none
window_starts.npy     int64 [window + 1]                       where each window starts in tokens.npy
window_batches.npy    int32 [window]                           the batch that each window was run in
document_windows.npy  int64 [document + 1]                     number of each document's first window
values.npy            float32 [unit, k]                        strongest values, strong to weak
keys.npy              int64 [unit, k]                          their places in tokens.npy; -1 where there are fewer
documents.npy         int32 [unit, k]                          their documents
windows.npy           int32 [unit, k]                          their windows within the document
positions.npy         int32 [unit, k]                          their positions within the window
excerpts.npy          float32 [unit, k, 33]                    values around them, zeros beyond the window's ends
moments.npy           float64 [unit, 5]                        mean, std, min, max, firing rate over all tokens
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

import contextlib
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Address
from neuronscope.corpus.files import Appender, save, save_json
from neuronscope.corpus.manifest import COLUMNS, WIDTH, Manifest, Settings, now
from neuronscope.corpus.moments import Moments
from neuronscope.corpus.readers import Corpus
from neuronscope.corpus.sample import Sample
from neuronscope.corpus.topk import NO_KEY, TopK
from neuronscope.corpus.windows import Shard, Tokenizer
from neuronscope.models.loaded import LoadedModel

LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "neuronscope")


class Stream:
    """The corpus as tokens, written while it is read."""

    def __init__(self, folder: Path) -> None:
        self.tokens = self.windows = self.documents = self.batches = 0
        self._open = contextlib.ExitStack()
        self._files = {
            name: self._open.enter_context(Appender(folder / f"{name}.npy", dtype))
            for name, dtype in (
                ("tokens", np.int32),
                ("token_parts", np.uint8),
                ("window_starts", np.int64),
                ("window_batches", np.int32),
                ("document_windows", np.int64),
            )
        }
        self._files["window_starts"].append(np.zeros(1))
        self._files["document_windows"].append(np.zeros(1))

    def add(self, shard: Shard, plan: list[NDArray[np.int64]]) -> None:
        """Append a shard and the batches it is run in."""
        batches = np.zeros(len(shard.docs), np.int32)
        for number, windows in enumerate(plan):
            batches[windows] = self.batches + number
        self._files["tokens"].append(shard.ids)
        self._files["token_parts"].append(shard.parts)
        self._files["window_starts"].append(self.tokens + shard.starts[1:])
        self._files["window_batches"].append(batches)
        self._files["document_windows"].append(self.windows + np.cumsum(shard.windows_of))
        self.tokens += len(shard.ids)
        self.windows += len(shard.docs)
        self.documents += len(shard.windows_of)
        self.batches += len(plan)

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)


class Build(Protocol):
    """What a finished build hands over."""

    loaded: LoadedModel
    corpus: Corpus
    k: int
    settings: Settings
    addresses: list[Address]
    unavailable: dict[str, str]
    units: list[int]
    tokenizer: Tokenizer
    batch_tokens: int
    top: list[TopK]
    moments: list[Moments]
    sample: Sample


def write_index(folder: Path, build: Build, stream: Stream) -> None:
    """Write everything but the stream's own files, which are there already; the manifest last."""
    tokens = np.load(folder / "tokens.npy", mmap_mode="r")
    starts = np.load(folder / "window_starts.npy")
    documents = np.load(folder / "document_windows.npy")
    keys = np.concatenate([top.keys.cpu().numpy() for top in build.top])
    keys[keys == NO_KEY] = -1
    values = np.concatenate([top.values.cpu().numpy() for top in build.top])
    save(folder / "values.npy", values)
    save(folder / "keys.npy", keys)
    _write_places(folder, keys, starts, documents)
    with Appender(folder / "excerpts.npy", np.float32, (build.k, WIDTH)) as file:
        for top in build.top:
            file.append(top.excerpts().cpu().numpy())
    with Appender(folder / "moments.npy", np.float64, (len(COLUMNS),)) as file:
        for moments in build.moments:
            file.append(moments.table())
    save(folder / "sample_keys.npy", build.sample.keys)
    save(folder / "sample_values.npy", np.ascontiguousarray(build.sample.values.T))
    vocabulary = _write_vocabulary(folder, build.loaded, tokens)
    pairs = _write_inverse(folder, keys, values, tokens, vocabulary)
    _manifest(build, stream, pairs, vocabulary).write(folder)


def _write_places(
    folder: Path, keys: NDArray[np.int64], starts: NDArray[np.int64], documents: NDArray[np.int64]
) -> None:
    window = np.searchsorted(starts, keys, side="right") - 1
    document = np.searchsorted(documents, window, side="right") - 1
    absent = keys < 0
    for name, column in (
        ("documents", document),
        ("windows", window - documents[document.clip(min=0)]),
        ("positions", keys - starts[window.clip(min=0)]),
    ):
        save(folder / f"{name}.npy", np.where(absent, -1, column).astype(np.int32))


def _write_vocabulary(folder: Path, loaded: LoadedModel, tokens: NDArray[np.int32]) -> int:
    """Texts of the tokens that occur; one more than the largest id."""
    seen = np.zeros(0, np.int64)
    for start in range(0, len(tokens), 1 << 22):
        seen = np.union1d(seen, tokens[start : start + (1 << 22)])
    shown = {str(token_id): [loaded.token_text(token_id), token_id in loaded.special_ids] for token_id in seen.tolist()}
    save_json(folder / "vocabulary.json", shown)
    return int(seen.max()) + 1


def _write_inverse(
    folder: Path,
    keys: NDArray[np.int64],
    values: NDArray[np.float32],
    tokens: NDArray[np.int32],
    vocabulary: int,
) -> int:
    """The inverse by token; the number of its pairs."""
    unit, slot = np.nonzero(keys >= 0)
    peak = tokens[keys[unit, slot]].astype(np.int64)
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


def _manifest(build: Build, stream: Stream, pairs: int, vocabulary: int) -> Manifest:
    loaded, corpus = build.loaded, build.corpus
    return Manifest(
        model_id=loaded.model_id,
        model_key=loaded.key,
        dtype=loaded.dtype,
        corpus=corpus.name,
        corpus_hash=corpus.hash,
        parts=build.tokenizer.parts,
        point=build.addresses[0].point,
        k=build.k,
        layers=tuple(address.layer or 0 for address in build.addresses),
        units=tuple(build.units),
        unavailable=build.unavailable,
        window=build.tokenizer.window,
        stride=build.tokenizer.stride,
        prefix=build.tokenizer.prefix,
        batch_tokens=build.batch_tokens,
        shard=build.settings.shard,
        seed=build.settings.seed,
        sample=len(build.sample.keys),
        documents=stream.documents,
        windows=stream.windows,
        tokens=build.moments[0].count,
        tokens_run=stream.tokens,
        pairs=pairs,
        vocabulary=vocabulary,
        libraries=_libraries(),
        created_at=now(),
    )


def _libraries() -> dict[str, str]:
    found: dict[str, Any] = {}
    for name in LIBRARIES:
        with contextlib.suppress(ModuleNotFoundError):
            found[name] = version(name)
    return found
