"""What one shard adds to an index, on disk as soon as the shard is done.

A shard's folder appears whole or not at all, so a kill costs the shard that was being run and nothing else. What is in it
does not depend on which other shards were run before it, with one exception that does not matter: of its strong values
those may be left out that earlier shards had shown to be too weak.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from neuronscope.core.errors import Damaged
from neuronscope.corpus.files import commit, save

SHARDS = "shards"
PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class ShardPart:
    """Arrays of one shard; places are counted from the shard's first token, windows and batches from its first.

    ``moments`` and ``spread``, ``powers`` and ``hits`` hold the layers one after the other.
    """

    ids: NDArray[np.int32]
    parts: NDArray[np.uint8]
    chars: NDArray[np.int32]
    starts: NDArray[np.int64]
    batches: NDArray[np.int32]
    windows_of: NDArray[np.int64]
    source_files: NDArray[np.int32]
    source_lines: NDArray[np.int64]
    counts: NDArray[np.int64]
    """Batches, tokens that count, tokens that the histogram was counted over."""
    moments: NDArray[np.float64]
    spread: NDArray[Any]
    powers: NDArray[np.float64]
    hit_units: NDArray[np.int32]
    hit_keys: NDArray[np.int64]
    hit_values: NDArray[np.float32]
    hit_excerpts: NDArray[np.float32]
    sample_hashes: NDArray[np.uint64]
    sample_keys: NDArray[np.int64]
    sample_values: NDArray[np.float32]

    def write(self, work: Path, number: int) -> None:
        """Commit it as the shard of that number; one that is there already is replaced."""
        place = _place(work, number)
        partial = place.with_name(place.name + PARTIAL)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for row in fields(self):
            save(partial / f"{row.name}.npy", getattr(self, row.name))
        shutil.rmtree(place, ignore_errors=True)
        commit(partial, place)

    @classmethod
    def read(cls, work: Path, number: int) -> ShardPart:
        """Raises :class:`Damaged` where it is not whole."""
        place = _place(work, number)
        try:
            return cls(**{row.name: _array(place / f"{row.name}.npy") for row in fields(cls)})
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            raise Damaged(f"Shard {number} of an unfinished index can't be read.", "Build the index anew.") from error


def committed(work: Path) -> set[int]:
    """Numbers of the shards that are done."""
    found = (path.name for path in (work / SHARDS).glob("[0-9]*") if path.is_dir())
    return {int(name) for name in found if name.isdigit()}


def small(counts: NDArray[np.int32]) -> NDArray[Any]:
    """The same counts in as few bytes as hold them."""
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))


def _array(path: Path) -> NDArray[Any]:
    with path.open("rb") as stream:
        found: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    return found


def _place(work: Path, number: int) -> Path:
    return work / SHARDS / f"{number:06d}"
