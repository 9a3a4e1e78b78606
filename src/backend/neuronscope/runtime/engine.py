"""The models' one owner: each loaded model has one thread that runs it; whoever wants it to run queues there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from neuronscope.core.errors import InsufficientMemory, NotFound
from neuronscope.models.loading.sources import BUNDLED_ID, Sources
from neuronscope.runtime.estimate import Estimate, weigh
from neuronscope.runtime.freeing import out_of_memory_is_an_answer, release_memory
from neuronscope.runtime.options import differences, given
from neuronscope.runtime.waiting import Check, await_turn, held

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

T = TypeVar("T")
Progress = Callable[[int, int | None, str], None]


class _Owner:
    """One loaded model and the thread that runs it."""

    def __init__(self, loaded: LoadedModel, options: Mapping[str, Any]) -> None:
        self.loaded = loaded
        self.options = options
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"model-{loaded.model_id}")
        self.waiting = 0
        self.last_used = 0


class Engine:
    """Loads, keeps, runs and frees models. Safe to call from any thread; imports torch at the first load.

    What is not in use makes room: before a load, models with nothing waiting are freed, the longest unused first, until
    the new one fits.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._owners: dict[str, _Owner] = {}
        self._loading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._clock = 0

    def run(self, model_id: str | None, work: Callable[[LoadedModel], T], *, check: Check | None = None) -> T:
        """``work(loaded)`` on the model's own thread, after what already waits there; loads the model where it isn't.

        ``None`` means the bundled model. What ``check`` raises ends the load, or the wait for the work's turn; once the
        work has begun, it is asked no more. Raises what loading raises, what ``work`` raises, and
        :class:`InsufficientMemory` where it ran out of memory; the engine goes on.
        """
        while True:
            owner = self._owner(model_id or BUNDLED_ID, check=check)
            with self._lock:
                if self._owners.get(owner.loaded.model_id) is not owner:
                    continue  # it was unloaded between finding and using it
                future = owner.executor.submit(work, owner.loaded)
                owner.waiting += 1
                self._clock += 1
                owner.last_used = self._clock
            try:
                with out_of_memory_is_an_answer(owner.loaded.model_id):
                    await_turn(future, check)
                    return future.result()
            finally:
                with self._lock:
                    owner.waiting -= 1

    def load(
        self,
        model_id: str | None,
        *,
        progress: Progress | None = None,
        check: Check | None = None,
        **options: Any,
    ) -> LoadedModel:
        """Load a model, or give the loaded one back. Options as in :func:`neuronscope.models.loading.loader.load`.

        Loading it again with other options replaces it, after what waits for it has run. What ``check`` raises ends the
        load at the next tensor or chunk, also while it waits for another one; then nothing of it stays in memory.
        """
        name, wanted = model_id or BUNDLED_ID, given(options)
        owner: _Owner | None
        while True:
            owner = self._owner(name, progress=progress, check=check, **wanted)
            if not differences(owner.loaded, owner.options, wanted):
                return owner.loaded
            self._refuse_what_cannot_fit(name, wanted)
            self._drop(owner)
            owner = None  # the old weights go before the new ones come
            release_memory()

    def adopt(self, loaded: LoadedModel) -> None:
        """Own a model that is in memory already, under its id. One that has the id is freed once its queue has run dry."""
        with self._lock:
            before = self._owners.get(loaded.model_id)
        if before is not None:
            self._drop(before)
        with self._lock:
            self._owners[loaded.model_id] = _Owner(loaded, {})

    def borrow(
        self,
        model_id: str | None,
        options: Mapping[str, Any],
        work: Callable[[LoadedModel], T],
        *,
        check: Check | None = None,
    ) -> T:
        """``work(loaded)`` on a model loaded with just these options, whatever the pool holds; freed afterwards.

        Where the pool's own copy is as asked for, it is used in its turn. Else a private copy is loaded beside it, or,
        where both would not fit, instead of it: the pool's copy is freed once nothing waits for it, and comes back when
        it is next asked for. The work runs in a thread of its own. Errors as in :meth:`run`.
        """
        name, wanted = model_id or BUNDLED_ID, given(options)
        with self._lock:
            owner = self._owners.get(name)
        if owner is not None and not differences(owner.loaded, owner.options, wanted):
            return self.run(name, work)
        loaded = self._load(name, wanted, None, check)
        try:
            with (
                ThreadPoolExecutor(1, thread_name_prefix=f"borrowed-{name}") as executor,
                out_of_memory_is_an_answer(name),
            ):
                return executor.submit(work, loaded).result()
        finally:
            del loaded
            release_memory()

    def estimate(self, model_id: str, **options: Any) -> Estimate:
        """What loading a model with these options would take, and what is free for it; loads nothing.

        Memory of idle models counts as free, since they make room. Raises at once what would keep it from loading,
        other than memory: unknown, damaged, unsafe.
        """
        import_model_stack()
        return weigh(self.sources, model_id, spare=self._idle_bytes(model_id, options.get("device")), **options)

    def check(self, model_id: str, **options: Any) -> None:
        """Raises at once what would keep the model from loading: unknown, damaged, unsafe, too large."""
        with self._lock:
            owner = self._owners.get(model_id)
        if owner is None or differences(owner.loaded, owner.options, given(options)):
            self._refuse_what_cannot_fit(model_id, given(options))

    def unload(self, model_id: str) -> int:
        """Free a model once its queue has run dry; the bytes of its weights. Raises :class:`NotFound` if it isn't loaded."""
        with self._lock:
            owner = self._owners.get(model_id)
        freed = 0 if owner is None else owner.loaded.weight_bytes
        if owner is None or not self._drop(owner):
            raise NotFound(f"'{model_id[:80]}' is not loaded.", "There is nothing to unload.")
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

    def _owner(
        self, model_id: str, progress: Progress | None = None, check: Check | None = None, **options: Any
    ) -> _Owner:
        with self._lock:
            owner = self._owners.get(model_id)
            gate = self._loading.setdefault(model_id, threading.Lock())
        if owner is not None:
            return owner
        with held(gate, check):  # a second request for the same model waits for the first one's load
            with self._lock:
                owner = self._owners.get(model_id)
            if owner is None:
                owner = _Owner(self._load(model_id, options, progress, check), options)
                with self._lock:
                    self._owners[model_id] = owner
            return owner

    def _load(
        self, model_id: str, options: dict[str, Any], progress: Progress | None, check: Check | None
    ) -> LoadedModel:
        import_model_stack()
        from neuronscope.runtime.opening import open_model

        found = self._refuse_what_cannot_fit(model_id, options)
        if found.choice is not None:
            # Chosen with the idle models' memory counted as free, so that they are freed rather than this one quantized.
            choice = found.choice
            options = {**options, "dtype": choice.dtype, "quantization": choice.quantization, "device": choice.device}
            self._make_room(choice.demand.bytes, choice.device)
        source = self.sources.find(model_id)
        try:
            while True:
                try:
                    with out_of_memory_is_an_answer(model_id):
                        loaded = open_model(source, progress=progress, check=check, **options)
                    if check is not None:
                        check()
                    return loaded
                except InsufficientMemory:
                    if not self._evict_idle():
                        raise
        except BaseException as error:
            error.__traceback__ = None  # its frames hold what was loaded by then
            release_memory()
            raise

    def _refuse_what_cannot_fit(self, model_id: str, options: Mapping[str, Any]) -> Estimate:
        known = {key: value for key, value in options.items() if key != "modules"}
        found = self.estimate(model_id, **known)
        if found.refusal is not None:
            raise found.refusal
        return found

    def _make_room(self, needed: int, device: str) -> None:
        from neuronscope.models.loading import memory

        while memory.free_bytes(device) < needed and self._evict_idle():
            pass

    def _idle_bytes(self, model_id: str, device: str | None) -> int:
        """What freeing the models that nothing waits for would give; the one asked about is freed in any case."""
        from neuronscope.models.loading.devices import default_device

        kind = (device or default_device()).replace("auto", "cuda").partition(":")[0]
        with self._lock:
            idle = [owner for name, owner in self._owners.items() if owner.waiting == 0 or name == model_id]
        return sum(owner.loaded.weight_bytes for owner in idle if owner.loaded.device.type == kind)

    def _evict_idle(self) -> bool:
        """Free the model that has gone unused the longest and has nothing waiting; whether there was one."""
        with self._lock:
            idle = [owner for owner in self._owners.values() if owner.waiting == 0]
        if not idle:
            return False
        self._drop(min(idle, key=lambda owner: owner.last_used))
        idle.clear()
        release_memory()
        return True

    def _drop(self, owner: _Owner) -> bool:
        """Take a model out of the pool and wait until its queue has run dry; whether it was still there."""
        with self._lock:
            if self._owners.get(owner.loaded.model_id) is not owner:
                return False
            del self._owners[owner.loaded.model_id]
        owner.executor.shutdown(wait=True)
        return True


_importing = threading.Lock()


def import_model_stack() -> None:
    """Import everything that runs models, one thread at a time; later calls cost nothing.

    Two threads that import packages of one cycle at once can each meet the other's half-made module, and torch takes
    seconds to import: at a start, the first requests come while it is under way.
    """
    with _importing:
        import neuronscope.corpus.builder
        import neuronscope.models.cards.card
        import neuronscope.runtime.opening  # noqa: F401
