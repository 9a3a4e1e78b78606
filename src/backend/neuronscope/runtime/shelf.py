"""The indexes of a workspace, kept open: a question then costs the look-up and nothing else."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from neuronscope.core.errors import Conflict, NeuronScopeError, NotFound
from neuronscope.core.points import NEURONS
from neuronscope.models.loading.sources import BUNDLED_ID
from neuronscope.runtime.engine import Engine
from neuronscope.runtime.workspace import Workspace, remove

if TYPE_CHECKING:
    from neuronscope.core.address import Address, Unit
    from neuronscope.corpus.index import Index
    from neuronscope.corpus.manifest import Manifest

KEY_SECONDS = 10
"""For how long the key of a model that isn't loaded is taken as known; finding it reads its files."""


class Shelf:
    """Finds, opens and removes indexes, and knows which of them fit their model as it is now."""

    def __init__(self, workspace: Workspace, engine: Engine) -> None:
        self._workspace = workspace
        self._engine = engine
        self._open: dict[str, Index] = {}
        self._keys: dict[tuple[str, str], tuple[float, str | None]] = {}
        self._lock = threading.Lock()

    def manifests(self) -> Iterator[tuple[Path, Manifest]]:
        """Folder and manifest of every index, newest first; folders that are no sound index are left out."""
        from neuronscope.corpus.manifest import Manifest

        for folder in sorted(self._workspace.indexes.glob("x_*"), reverse=True):
            try:
                yield folder, Manifest.read(folder)
            except NeuronScopeError:
                continue

    def usable(self, manifest: Manifest) -> tuple[bool, str]:
        """Whether an index fits its model as it is now, and if not, why."""
        return manifest.usable(self._key(manifest.model_id, manifest.dtype))

    def choose(self, model_id: str | None, index_id: str | None, holding: Iterable[Address | str] = ()) -> Index:
        """The index of an id, or else the newest that fits the model (None: the bundled one) and holds what is asked about.

        ``holding`` are addresses or points; one with all of the addresses comes before one with other layers of their
        points. Where it is empty, one that holds neurons comes before one that does not.
        What fits is decided by the model's key alone: the same weights may go by several ids. Raises
        :class:`NotFound` where there is none, :class:`Conflict` where the one named does not fit the model.
        """
        if index_id is not None:
            return self._named(index_id, model_id)
        wanted, needed = model_id or BUNDLED_ID, set(map(str, holding))
        points = {name.partition(".")[0] for name in needed}
        fitting, second = False, None
        for folder, manifest in self.manifests():
            if self._key(wanted, manifest.dtype) != manifest.model_key:
                continue
            held, fitting = {*manifest.addresses, *manifest.points}, True
            if (needed or {NEURONS}) <= held:
                return self._index(folder)
            if second is None and points <= held:
                second = folder
        if second is not None:
            return self._index(second)
        self._engine.sources.find(wanted)
        options = "".join(f" --point {point}" for point in sorted(points - {NEURONS}))
        command = f"neuronscope index build bundled{options}"
        command += "" if wanted == BUNDLED_ID else f" -m {shlex.quote(wanted)}"
        what = f" that holds {', '.join(sorted(points)[:5])}" if fitting else ""
        raise NotFound(
            f"There is no index of {wanted[:80]}{what} yet.",
            f"Build one with `{command}`, or POST /api/indexes, or Build on the neuron's page.",
        )

    def choose_for_group(self, group_id: str, model_id: str | None, index_id: str | None) -> tuple[Index, list[Unit]]:
        """An index that holds a group's units, and those. Raises as :meth:`choose`, and :class:`NotFound` for the group."""
        from neuronscope.core.address import Unit
        from neuronscope.runtime.groups import get_group

        group = get_group(self._workspace, group_id)
        units = [Unit.parse(unit) for unit in group.units]
        index = self.choose(model_id or group.model_id, index_id, {unit.address for unit in units})
        if index.manifest.model_key != group.model_key:
            raise Conflict(
                f"Group '{group.name}' was made on {group.model_id} in another state than the index was built on.",
                "Units of other weights are other units: build an index of that model, or make a group of this one.",
            )
        return index, units

    def delete(self, index_id: str) -> None:
        """Remove an index; :class:`NotFound` where there is none."""
        folder = self._workspace.index_path(index_id)
        if not folder.is_dir():
            raise NotFound(f"There is no index '{index_id}'.", "It may have been deleted.")
        with self._lock:
            self._open.pop(index_id, None)
        remove(folder)

    def _named(self, index_id: str, model_id: str | None) -> Index:
        index = self._index(self._workspace.index_path(index_id))
        manifest = index.manifest
        if model_id is not None and self._key(model_id, manifest.dtype) != manifest.model_key:
            raise Conflict(f"That index does not fit {model_id[:80]} as it is now.", "Choose or build another index.")
        # The evidence outlives the model, but must not be taken for that of other weights.
        if self._key(manifest.model_id, manifest.dtype) not in (None, manifest.model_key):
            raise Conflict(self.usable(manifest)[1], "Build an index of the model as it is now.")
        return index

    def _index(self, folder: Path) -> Index:
        from neuronscope.corpus.index import Index

        with self._lock:
            index = self._open.get(folder.name)
            if index is None or not folder.is_dir():
                index = self._open[folder.name] = Index.open(folder)
            return index

    def _key(self, model_id: str, dtype: str) -> str | None:
        if model_id in self._engine.loaded_ids():
            return self._engine.load(model_id).key
        known = self._keys.get((model_id, dtype))
        if known is None or known[0] < time.monotonic():
            known = time.monotonic() + KEY_SECONDS, self._key_on_disk(model_id, dtype)
            self._keys[model_id, dtype] = known
        return known[1]

    def _key_on_disk(self, model_id: str, dtype: str) -> str | None:
        from neuronscope.models.loading.files import check_folder
        from neuronscope.models.loading.identity import file_key

        try:
            folder = self._engine.sources.find(model_id).folder
            return None if folder is None else file_key(folder, check_folder(folder).weights, dtype, "none")
        except (NeuronScopeError, OSError):
            return None
