"""The live runs of a server: begun, queued for their device, run on their model's thread, and remembered for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neuronscope.core.errors import Cancelled, Conflict, NeuronScopeError, NotFound, WorkFailed
from neuronscope.core.events import Done, Failed
from neuronscope.core.generation import GenerateRequest
from neuronscope.core.ids import check_id
from neuronscope.core.intervention import Intervention, read_interventions
from neuronscope.core.trace_config import TraceConfig
from neuronscope.runtime.elsewhere import Elsewhere
from neuronscope.runtime.engine import Engine, import_model_stack
from neuronscope.runtime.live_line import Line
from neuronscope.runtime.live_run import LiveRun
from neuronscope.runtime.pace import Pace
from neuronscope.runtime.workspace import Workspace

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

log = logging.getLogger("neuronscope.live")

WAITING = 100
"""Runs that may wait or run; one more is refused."""
REMEMBERED = 32
"""Ended runs that can still be asked how they ended. Their traces stay for ever."""
WARM = 2
"""Of these, how many keep their latest frames in memory."""


class LiveRuns:
    """Begins runs and finds them again. Safe to call from any thread.

    On each device one run generates at a time, the others queue in the order in which they came: two at once would each
    take twice as long. ``on_begin`` is called with each new run, before it may begin.
    """

    def __init__(
        self,
        engine: Engine,
        workspace: Workspace,
        present: Callable[[str | None], str],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """``present`` gives the id of a model that is on this machine and refuses others; ``elsewhere`` has its own."""
        self._elsewhere = elsewhere
        self.on_begin: list[Callable[[LiveRun], None]] = []
        self._engine, self._workspace, self._present = engine, workspace, present
        self._line = Line()
        self._lock = threading.Lock()
        self._runs: dict[str, LiveRun] = {}
        self._closed = False

    def begin(
        self,
        model_id: str | None,
        request: GenerateRequest,
        config: TraceConfig | Mapping[str, Any] | None = None,
        interventions: Sequence[Intervention | Mapping[str, Any]] = (),
        attended: bool = False,
        pace: float | None = None,
    ) -> LiveRun:
        """Queue a run and return at once. ``None`` means the bundled model; ``attended`` and ``pace`` as :class:`LiveRun`.

        Raises what refuses it: :class:`BadRequest`, :class:`NotFound`, :class:`Conflict` for a model that is not on this
        machine or too many runs, and what :class:`~neuronscope.capture.generate.Generation` raises. Of a model that is
        not loaded yet, what only the model can tell is the run's last event.
        """
        checked, given = TraceConfig.of(config), read_interventions(interventions)
        run = self._new(model_id, request, checked, given, attended)
        loaded = self._model_of(run)
        if loaded is not None:
            run.ask(loaded)
        run.pace = None if pace is None else Pace(pace, run.stopped, changed=bool(given))
        with self._lock:
            if self._closed:
                raise Conflict("The server is shutting down.", "Start it again.")
            before = len(self._active())
            if before >= WAITING:
                raise Conflict(f"{WAITING} runs are waiting already.", "Wait for some to end, or stop them.")
            self._runs[run.trace_id] = run
        run.moved(0 if run.source is not None else before)
        for joined in self.on_begin:
            joined(run)
        threading.Thread(target=self._execute, args=(run,), name=f"live-{run.trace_id}", daemon=True).start()
        return run

    def get(self, trace_id: str) -> LiveRun:
        """A run that waits, runs, or ended not long ago; :class:`NotFound` for any other."""
        with self._lock:
            run = self._runs.get(check_id(trace_id, "t"))
        if run is None:
            raise NotFound(f"There is no live run '{trace_id}'.", "It has ended; its trace may be there still.")
        return run

    def recent(self) -> list[LiveRun]:
        """The runs that :meth:`get` finds, the latest first."""
        with self._lock:
            return [*reversed(self._runs.values())]

    def active(self) -> list[LiveRun]:
        """The runs that wait or run, in the order in which they came."""
        with self._lock:
            return self._active()

    def stop(self, trace_id: str) -> LiveRun:
        """Stop a run, also one that waits; one that has ended stays as it is."""
        run = self.get(trace_id)
        run.stop()
        self._line.look()
        return run

    def intervene(
        self, trace_id: str, interventions: Sequence[Intervention | Mapping[str, Any]], replace: bool = True
    ) -> LiveRun:
        """Change a run from its next step on, one that waits from its first. Errors as :meth:`LiveRun.intervene`."""
        run = self.get(trace_id)
        loaded = self._model_of(run)
        if run.state == "queued" and loaded is not None:
            run.ask_changes(loaded, interventions)
        run.intervene(interventions, replace)
        return run

    def close(self, seconds: float = 10) -> None:
        """Stop all runs and wait for them: their traces are closed then, and nothing is left on any model."""
        with self._lock:
            self._closed = True
        runs = self.recent()
        for run in runs:
            run.stop()
        self._line.look()
        end = time.monotonic() + seconds
        for run in runs:
            run.finished.wait(max(0.0, end - time.monotonic()))

    def _new(
        self,
        model_id: str | None,
        request: GenerateRequest,
        config: TraceConfig,
        interventions: tuple[Intervention, ...],
        attended: bool,
    ) -> LiveRun:
        away = self._elsewhere
        if away is None or model_id is None or not away.owns(model_id):
            return LiveRun(self._present(model_id), request, config, interventions, self._workspace, attended)
        run = LiveRun(model_id, request, config, interventions, self._workspace, attended)
        run.source = away.source(model_id, request, config, interventions, run.trace_id)
        return run

    def _model_of(self, run: LiveRun) -> LoadedModel | None:
        """The model of a run, where it is in memory."""
        return None if run.source is not None else self._engine.loaded().get(run.model_id)

    def _active(self) -> list[LiveRun]:
        return [run for run in self._runs.values() if run.state != "ended"]

    def _execute(self, run: LiveRun) -> None:
        try:
            self._take_turn(run)
            end: Done | Failed = Done("stopped")
        except Cancelled:
            end = Done("stopped")
        except NeuronScopeError as refused:
            end = Failed(refused.code, refused.message, refused.hint)
        except Exception as error:
            log.exception("run %s failed", run.trace_id)
            broken = WorkFailed(f"The run could not begin ({type(error).__name__}).", str(error)[:300])
            end = Failed(broken.code, broken.message, broken.hint)
        run.finish(end)
        self._tidy()

    def _take_turn(self, run: LiveRun) -> None:
        import_model_stack()
        if run.source is not None:
            # Its server is another program, with a line of its own.
            run.check()
            run.follow(run.source)
            return
        place = self._line.join(self._device(run.model_id), run.moved)
        try:
            # Loaded before its turn, so that a run whose model is there need not wait for another's to be read.
            device = str(self._engine.load(run.model_id, check=run.check).device)
            self._line.wait(place, device, run.check)
            self._engine.run(run.model_id, run.work, check=run.check)
        finally:
            self._line.leave(place)

    def _device(self, model_id: str) -> str:
        from neuronscope.models.loading.devices import default_device

        loaded = self._engine.loaded().get(model_id)
        likely = default_device() if loaded is None else str(loaded.device)
        return "cuda:0" if likely == "cuda" else likely

    def _tidy(self) -> None:
        with self._lock:
            ended = [run for run in self._runs.values() if run.state == "ended"]
            for run in ended[: max(0, len(ended) - REMEMBERED)]:
                del self._runs[run.trace_id]
        for run in ended[: max(0, len(ended) - WARM)]:
            run.feed.forget()
