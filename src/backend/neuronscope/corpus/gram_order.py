"""All places of a corpus in the order of what follows them, sorted in memory that does not grow with the corpus.

Places are dealt out to files by their first token, neighbours in the order together, so that the places of one file can be
sorted at once. Where a single token has more places than that, they are dealt out by the next one. A file holds places
as they follow each other in the corpus, so those that nothing tells apart are in their order already.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.corpus.columns import LOT, Column, Rows, added, in_lots
from neuronscope.corpus.files import Appender
from neuronscope.corpus.grams import LONGEST

AT_ONCE = 1 << 19
"""Places that are sorted at once."""
WINDOWS = 1 << 14
"""Windows that are read at once, where they are short."""
FILES = 64
"""Places are dealt out to about so many files at a time, at least two, and to no more than three times as many."""
PLACE = np.dtype([("at", np.int64), ("ids", np.int32, (LONGEST,))])
"""A place and the tokens from it on; -1 beyond the end of its window."""
Lots = Callable[[], Iterator[NDArray[Any]]]
"""Gives records of :data:`PLACE`, ascending, a lot at a time; the same ones whenever it is called."""


def write_order(path: Path, tokens: Column, starts: Column, at_once: int = AT_ONCE) -> None:
    """Write all places of ``tokens`` (int64), sorted by the :data:`LONGEST` tokens from each on, then by place.

    ``starts`` is where each window starts, and the end of the last. Of more than ``at_once`` places, 28 bytes each lie
    in a folder beside ``path`` for the time being, and as many again of those whose token is very frequent.
    """
    folder = path.with_suffix(".parts")
    shutil.rmtree(folder, ignore_errors=True)
    with Appender(path, np.int64) as out:
        _sort(lambda: _places(tokens, starts), len(tokens), 0, out, folder, at_once)


def count_runs(tokens: Column, starts: Column, special: NDArray[np.bool_]) -> tuple[int, ...]:
    """How many places a run of 1, 2 … :data:`LONGEST` tokens within a window, none of them special, starts at."""
    found = np.zeros(LONGEST, np.int64)
    for edges in _windows(starts):
        left = _left(edges)
        before = np.concatenate(([0], np.cumsum(special[tokens[edges[0] : edges[-1]]])))
        for n in range(1, LONGEST + 1):
            at = np.flatnonzero(left >= n)
            found[n - 1] += np.count_nonzero(before[at + n] == before[at])
    return tuple(found.tolist())


def _sort(lots: Lots, count: int, depth: int, out: Appender, folder: Path, at_once: int) -> None:
    """Append ``count`` places, alike in their first ``depth`` tokens, in order. ``folder`` is made where it is needed."""
    if count <= at_once:
        every = np.concatenate([np.zeros(0, PLACE), *lots()])
        out.append(every["at"][np.lexsort(every["ids"].T[::-1])])
    elif depth == LONGEST:
        for lot in lots():
            out.append(lot["at"])
    else:
        file_of, alone = _shares(lots, depth, at_once, count)
        folder.mkdir()
        files = [folder / f"{number}.npy" for number in range(len(alone))]
        _deal(lots, depth, file_of, files)
        for path, one in zip(files, alone, strict=True):
            with Rows(path) as rows:
                again = path.with_suffix("")
                _sort(lambda rows=rows: in_lots(rows), len(rows), depth + one, out, again, at_once)  # type: ignore[misc]
            path.unlink()
        folder.rmdir()


def _shares(lots: Lots, depth: int, at_once: int, count: int) -> tuple[NDArray[np.int64], list[bool]]:
    """The number of the file for each token, plus one, at ``depth``, and of each file whether only one token has it.

    Files follow the order of tokens, and are to be sorted at once but for those of one token, or where there would be
    too many.
    """
    counts = np.zeros(0, np.int64)
    for lot in lots():
        counts = added(counts, np.bincount(lot["ids"][:, depth] + 1))
    there = np.flatnonzero(counts)
    half = max(1, at_once // 2, count // FILES)
    large = counts[there] > half
    # What lies between two multiples of half a load, and one more that is no large one, is at most a load.
    load = (np.cumsum(counts[there]) - counts[there]) // half
    apart = (np.diff(load) > 0) | large[1:] | large[:-1]
    number = np.concatenate(([0], np.cumsum(apart)))
    file_of = np.zeros(len(counts), np.int64)
    file_of[there] = number
    return file_of, (np.bincount(number) == 1).tolist()


def _deal(lots: Lots, depth: int, file_of: NDArray[np.int64], files: list[Path]) -> None:
    """Write each place to the file of its token at ``depth``."""
    with ExitStack() as stack:
        open_files = [stack.enter_context(Appender(path, PLACE)) for path in files]
        for lot in lots():
            number = file_of[lot["ids"][:, depth] + 1]
            order = np.argsort(number, kind="stable")
            ends = np.cumsum(np.bincount(number, minlength=len(files)))
            for file, mine in zip(open_files, np.split(order, ends[:-1]), strict=True):
                file.append(lot[mine])


def _places(tokens: Column, starts: Column) -> Iterator[NDArray[Any]]:
    """All places of a corpus with the tokens that follow."""
    for edges in _windows(starts):
        ids, left = tokens[edges[0] : edges[-1]], _left(edges)
        lot = np.empty(len(ids), PLACE)
        lot["at"] = np.arange(edges[0], edges[-1])
        lot["ids"] = -1
        for step in range(LONGEST):
            inside = np.flatnonzero(left > step)
            lot["ids"][inside, step] = ids[inside + step]
        yield lot


def _windows(starts: Column) -> Iterator[NDArray[np.int64]]:
    """Where windows start and the last one ends: so many that they have about :data:`LOT` tokens, but at least one."""
    first = 0
    while first < len(starts) - 1:
        edges = starts[first : first + WINDOWS + 1]
        count = max(1, int(np.searchsorted(edges, edges[0] + LOT, side="right")) - 1)
        yield edges[: count + 1]
        first += count


def _left(edges: NDArray[np.int64]) -> NDArray[np.int8]:
    """Tokens left in the window from each place on; more than :data:`LONGEST` are not told apart."""
    left = np.full(edges[-1] - edges[0], LONGEST, np.int8)
    for step in range(1, LONGEST):
        ends = edges[1:] - step
        left[ends[ends >= edges[:-1]] - edges[0]] = step
    return left
