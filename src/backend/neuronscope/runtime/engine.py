"""The models' one owner: each loaded model has one thread that runs it; whoever wants it to run queues there."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from neuronscope.core.errors import InsufficientMemory, NotFound
from neuronscope.models.sources import BUNDLED_ID, Sources
from neuronscope.runtime.estimate import Estimate, weigh

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

T = TypeVar("T")


class _Owner:
    """One loaded model and the thread that runs it."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"model-{loaded.model_id}")
        self.waiting = 0
        self.last_used = 0


class Engine:
    """Loads, keeps, runs and frees models. Safe to call from any thread; imports torch at the first load."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._owners: dict[str, _Owner] = {}
        self._loading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._clock = 0

    def run(self, model_id: str | None, work: Callable[[LoadedModel], T]) -> T:
        """``work(loaded)`` on the model's own thread, after what already waits there; loads the model where it isn't.

        ``None`` means the bundled model. Raises what loading raises and what ``work`` raises.
        """
        while True:
            owner = self._owner(model_id or BUNDLED_ID)
            with self._lock:
                if self._owners.get(owner.loaded.model_id) is not owner:
                    continue  # it was unloaded between finding and using it
                future = owner.executor.submit(work, owner.loaded)
                owner.waiting += 1
                self._clock += 1
                owner.last_used = self._clock
            try:
                return future.result()
            finally:
                with self._lock:
                    owner.waiting -= 1

    def load(self, model_id: str | None, **options: Any) -> LoadedModel:
        """Load a model, or give the loaded one back. Options as in :func:`neuronscope.models.loader.load`.

        Loading it again with other options replaces it.
        """
        wanted = {key: value for key, value in options.items() if value is not None}
        owner = self._owner(model_id or BUNDLED_ID, **wanted)
        if not all(_is_as(owner.loaded, option, value) for option, value in wanted.items()):
            self.unload(owner.loaded.model_id)
            owner = self._owner(model_id or BUNDLED_ID, **wanted)
        return owner.loaded

    def estimate(self, model_id: str, **options: Any) -> Estimate:
        """What loading a model with these options would take, and what is free for it. Loads nothing.

        Raises at once what would keep it from loading, other than memory: unknown, damaged, unsafe.
        """
        import_model_stack()
        return weigh(self.sources, model_id, **options)

    def check(self, model_id: str, **options: Any) -> None:
        """Raises at once what would keep the model from loading: unknown, damaged, unsafe, too large."""
        if model_id in self.loaded_ids():
            return
        error = self.estimate(model_id, **options).refusal
        if error is not None:
            raise error

    def unload(self, model_id: str) -> int:
        """Free a model once its queue has run dry; the bytes of its weights. Raises :class:`NotFound` if it isn't loaded."""
        with self._lock:
            owner = self._owners.pop(model_id, None)
        if owner is None:
            raise NotFound(f"'{model_id[:80]}' is not loaded.", "There is nothing to unload.")
        owner.executor.shutdown(wait=True)
        freed = owner.loaded.weight_bytes
        del owner
        release_memory()
        return freed

    def loaded(self) -> dict[str, LoadedModel]:
        """The models in memory by their ids."""
        with self._lock:
            return {model_id: owner.loaded for model_id, owner in self._owners.items()}

    def loaded_ids(self) -> set[str]:
        """Ids of the models in memory."""
        with self._lock:
            return set(self._owners)

    def close(self) -> None:
        """Free every model."""
        for model_id in self.loaded_ids():
            self.unload(model_id)

    def _owner(self, model_id: str, **options: Any) -> _Owner:
        with self._lock:
            owner = self._owners.get(model_id)
            gate = self._loading.setdefault(model_id, threading.Lock())
        if owner is not None:
            return owner
        with gate:  # a second request for the same model waits for the first one's load
            with self._lock:
                owner = self._owners.get(model_id)
            if owner is None:
                owner = _Owner(self._load(model_id, options))
                with self._lock:
                    self._owners[model_id] = owner
            return owner

    def _load(self, model_id: str, options: dict[str, Any]) -> LoadedModel:
        import_model_stack()
        from neuronscope.runtime.opening import open_model

        source = self.sources.find(model_id)
        while True:
            try:
                return open_model(source, **options)
            except InsufficientMemory:
                if not self._evict_idle():
                    raise

    def _evict_idle(self) -> bool:
        """Free the model that has gone unused the longest and has nothing waiting; whether there was one."""
        with self._lock:
            idle = [owner for owner in self._owners.values() if owner.waiting == 0]
        if not idle:
            return False
        self.unload(min(idle, key=lambda owner: owner.last_used).loaded.model_id)
        return True


_importing = threading.Lock()


def import_model_stack() -> None:
    """Import everything that runs models, one thread at a time; later calls cost nothing.

    Two threads that import packages of one cycle at once can each meet the other's half-made module, and torch takes
    seconds to import: at a start, the first requests come while it is under way.
    """
    with _importing:
        import neuronscope.corpus.builder
        import neuronscope.models.card
        import neuronscope.models.loader
        import neuronscope.runtime.opening  # noqa: F401


def _is_as(loaded: LoadedModel, option: str, value: str) -> bool:
    """Whether a loaded model already is what an option asks for; ``cuda`` means whichever card it is on."""
    found = str(getattr(loaded, option))
    return found == value or (option == "device" and found.partition(":")[0] == value)


def release_memory() -> None:
    """Give freed memory back to the system: Python's, torch's on GPUs, and the C library's."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
