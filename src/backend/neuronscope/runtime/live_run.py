"""One run of a server: queued, generating, ended; stopped or changed on the way; watched by whoever wants to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from neuronscope.core.errors import Cancelled, Conflict, NeuronScopeError
from neuronscope.core.events import Done, Event, Failed, Queued
from neuronscope.core.generation import GenerateRequest
from neuronscope.core.ids import new_id
from neuronscope.core.intervention import Intervention, read_interventions
from neuronscope.core.trace_config import TraceConfig
from neuronscope.runtime.live_feed import Feed, Watcher
from neuronscope.traces.wire import Frame

if TYPE_CHECKING:
    from neuronscope.capture.block_rows import StepRows
    from neuronscope.capture.generate import Generation
    from neuronscope.capture.values import Lookup
    from neuronscope.models.loaded import LoadedModel
    from neuronscope.runtime.elsewhere import Source
    from neuronscope.runtime.pace import Pace
    from neuronscope.runtime.run import Run
    from neuronscope.runtime.workspace import Workspace

State = Literal["queued", "running", "ended"]
Change = tuple[tuple[Intervention, ...], bool, str | None]
"""What :meth:`LiveRun.intervene` takes, read."""
GRACE = 30.0
"""Seconds that an attended run goes on without a watcher. A page that is reloaded, or a connection that broke, comes back
within seconds and finds its run going on; one that was closed doesn't hold the device for a text that nobody reads."""


class LiveRun:
    """A run as the server holds it. ``rows`` is read when it begins: who wants the blocks' outputs puts itself there.

    ``joined`` are called with the model when it is there, before its first pass: what they change by :meth:`intervene`
    is in force from the first token on. ``source`` is set for a run on a model elsewhere, ``pace`` for one that is to go
    no faster than a person can follow.

    An ``attended`` run was asked for by somebody who watches: it is stopped, its trace kept, when the last watcher has
    been gone for :data:`GRACE` seconds. Any other goes on to its end.
    """

    def __init__(
        self,
        model_id: str,
        request: GenerateRequest,
        config: TraceConfig,
        interventions: tuple[Intervention, ...],
        workspace: Workspace,
        attended: bool = False,
    ) -> None:
        self.trace_id = new_id("t")
        self.model_id = model_id
        self.request = request
        self.position = 0
        self.rows: StepRows | None = None
        self.joined: list[Callable[[LoadedModel, Lookup], None]] = []
        self.source: Source | None = None
        self.pace: Pace | None = None
        self.recording_error: NeuronScopeError | None = None
        self.feed = Feed(self.trace_id, workspace.trace_path(self.trace_id))
        self.stopped = threading.Event()
        self.finished = threading.Event()
        """Set when nothing of it runs any more."""
        self._config, self._interventions, self._workspace = config, interventions, workspace
        self._attended = attended
        self._run: Run | None = None
        self._begun = False
        self._early: list[Change] = []
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        if self.feed.end is not None:
            return "ended"
        return "queued" if self._run is None else "running"

    @property
    def steps(self) -> int:
        """Steps published so far."""
        return self.feed.step_count

    @property
    def end(self) -> Event | None:
        """How it ended, once it has."""
        return None if self.feed.end is None else self.feed.end.event

    def watch(self, first: int, wake: Callable[[], None]) -> Watcher:
        """As :meth:`Feed.watch`; until it is closed, the watcher counts as somebody who would miss the run."""
        return self.feed.watch(first, wake)

    def stop(self) -> None:
        """End it before its next step, or before it begins. Safe from any thread; once it has ended, nothing happens."""
        self.stopped.set()
        with self._lock:
            if self._run is not None:
                self._run.stop()

    def intervene(
        self, interventions: Sequence[Intervention | Mapping[str, Any]], replace: bool = True, only: str | None = None
    ) -> None:
        """Change what is in force from the next step on, as :meth:`Generation.intervene`; of a run that has not begun,
        from its first: what its model then refuses is the run's last event.

        Raises :class:`Conflict` where it has ended.
        """
        with self._lock:
            run, early = self._run, not self._begun and self.state != "ended"
            if early:
                if self.source is not None:
                    self.source.intervene(interventions, replace, only)
                self._early.append((read_interventions(interventions), replace, only))
        if not early:
            if run is None or self.state == "ended":
                raise Conflict("This run has ended.", "Begin another one.")
            run.intervene(interventions, replace, only)
        if self.pace is not None:
            self.pace.expect_receipt()

    def ask(self, loaded: LoadedModel) -> None:
        """Raises at once what this model would refuse of the request when its turn comes, but for what tiles need."""
        # Their projections can take seconds and half a gigabyte.
        tiled = self._config.capture_mode == "tile"
        self._generation(loaded, replace(self._config, capture_mode="stats") if tiled else self._config)

    def ask_changes(self, loaded: LoadedModel, interventions: Sequence[Intervention | Mapping[str, Any]]) -> None:
        """Raises at once what this model would refuse of :meth:`intervene`, as :meth:`Interventions.prepare` does."""
        from neuronscope.capture.interventions import Interventions
        from neuronscope.runtime.references import lookup

        Interventions(loaded, lookup(loaded, self._workspace)).prepare(read_interventions(interventions))

    def moved(self, position: int) -> None:
        """Tell its place in the line."""
        if position == self.position and self.feed.queued is not None:
            return
        self.position = position
        self.feed.publish(Frame(Queued(self.trace_id, position)))

    def check(self) -> None:
        """Raise :class:`Cancelled` where it was stopped, or nobody has watched an attended run for too long."""
        if self.stopped.is_set() or self._deserted():
            raise Cancelled("The run was stopped.")

    def work(self, loaded: LoadedModel) -> None:
        """Generate to the end, on the model's thread. Raises what refuses the request; what goes wrong later is an event."""
        from neuronscope.runtime.references import lookup

        self.check()
        found = lookup(loaded, self._workspace)
        generation = self._generation(loaded, self._config)
        self.follow(generation, lambda: [joined(loaded, found) for joined in self.joined])

    def follow(self, source: Source, begun: Callable[[], object] = lambda: None) -> None:
        """Go through a source's events to the end, recording and publishing them; ``begun`` is called before the first."""
        from neuronscope.runtime.run import Run

        with self._lock:
            self._begun = True
            for change in self._early:
                source.intervene(*change)
            run = self._run = Run(source, self._workspace.traces, self.feed.publish)
        with run:
            try:
                begun()
                for event in run:
                    if self.stopped.is_set() or self._deserted():
                        run.stop()
                    elif self.pace is not None:
                        self.pace.after(event)
            finally:
                run.close()
                self.recording_error = run.recording_error
                with self._lock:
                    self._run = None  # it holds the model, which may be unloaded while this one is remembered

    def _generation(self, loaded: LoadedModel, config: TraceConfig) -> Generation:
        from neuronscope.capture.generate import Generation
        from neuronscope.runtime.references import lookup

        found = lookup(loaded, self._workspace)
        return Generation(loaded, self.request, config, self._interventions, found, self.trace_id, self.rows)

    def finish(self, event: Done | Failed) -> None:
        """It is over; the event counts where the run itself has published no end."""
        self.feed.publish(Frame(event))
        self.finished.set()

    def _deserted(self) -> bool:
        return self._attended and self.feed.unwatched() > GRACE
