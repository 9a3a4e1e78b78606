"""What the routes work with: settings, files, models, jobs. Made once per server and handed to the application."""

from __future__ import annotations

import logging
import threading

from neuronscope.api.settings import Settings
from neuronscope.core.errors import Conflict, NeuronScopeError
from neuronscope.models.loading.sources import BUNDLED_ID
from neuronscope.runtime.elsewhere import Elsewhere, LocalSources
from neuronscope.runtime.engine import Engine, import_model_stack
from neuronscope.runtime.isolated import Isolated
from neuronscope.runtime.jobs import Jobs
from neuronscope.runtime.live import LiveRuns
from neuronscope.runtime.shelf import Shelf
from neuronscope.runtime.workspace import Workspace

log = logging.getLogger("neuronscope.api")


class Services:
    """The parts of one server. Making it imports neither torch nor any model."""

    def __init__(self, settings: Settings, workspace: Workspace, elsewhere: Elsewhere | None = None) -> None:
        self.settings = settings
        self.workspace = workspace
        self.elsewhere = elsewhere
        self.engine = Engine(LocalSources(settings.model_dirs, dict(settings.trusted), elsewhere))
        self.shelf = Shelf(workspace, self.engine)
        self.jobs = Jobs(workspace.jobs)
        self.isolated = Isolated()
        self.live = LiveRuns(self.engine, workspace, self.present, elsewhere)
        self._imported = threading.Event()

    @property
    def ready(self) -> bool:
        """Whether the libraries that run models are imported."""
        return self._imported.is_set()

    def present(self, model_id: str | None) -> str:
        """The id of a model that is on this machine; the bundled one's for None.

        Raises :class:`NotFound` for an unknown id and :class:`Conflict` for a model that is only on the hub: fetching
        gigabytes is a job of its own, never the side effect of a prompt.
        """
        wanted = model_id or BUNDLED_ID
        if wanted not in self.engine.loaded_ids() and self.engine.sources.find(wanted).folder is None:
            raise Conflict(f"{wanted} is not on this machine yet.", "Load it first: that fetches it from the hub.")
        return wanted

    def warm(self) -> None:
        """Import what runs models and load the bundled one, so that a first capture need not wait for either."""
        import_model_stack()
        self._imported.set()
        try:
            self.engine.load(None)
        except NeuronScopeError as failure:
            log.info("the bundled model was not loaded: %s", failure)
        from neuronscope.capture.warm import prepare as prepare_runs
        from neuronscope.corpus.warm import prepare as prepare_indexes

        prepare_runs()
        prepare_indexes()

    def warm_in_background(self) -> None:
        """The same in a thread of its own: the page answers meanwhile."""
        threading.Thread(target=self.warm, name="warm", daemon=True).start()

    def close(self) -> None:
        """Stop runs and cancel jobs, leave them a moment to tidy up, and stop the worker process."""
        self.live.close()
        self.jobs.close(seconds=3)
        self.isolated.close()
