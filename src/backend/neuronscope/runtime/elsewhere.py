"""Models that run elsewhere, on servers that a command line named: what the program has to know of them to use them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from neuronscope.core.errors import UnsupportedModel
from neuronscope.core.events import Event, Start
from neuronscope.core.generation import GenerateRequest
from neuronscope.core.intervention import Intervention
from neuronscope.core.trace_config import TraceConfig
from neuronscope.models.loading.sources import ModelSource, Sources


class Prompt(Protocol):
    """What a run was asked."""

    @property
    def text(self) -> str: ...


class Source(Protocol):
    """Where a run's events come from: a local model (:class:`neuronscope.capture.generate.Generation`), or a server."""

    @property
    def trace_id(self) -> str: ...

    @property
    def prompt(self) -> Prompt: ...

    @property
    def start(self) -> Start: ...

    def events(self) -> Generator[Event]:
        """The run's events, from ``start`` to its end; iterate once."""
        ...

    def stop(self) -> None:
        """End the run; safe from any thread."""
        ...

    def intervene(
        self, interventions: Sequence[Intervention | Mapping[str, Any]], replace: bool = True, only: str | None = None
    ) -> None:
        """As :meth:`neuronscope.capture.generate.Generation.intervene`."""
        ...


class Elsewhere(Protocol):
    """The servers and their models."""

    def owns(self, model_id: str) -> bool:
        """Whether an id names a model of one of them."""
        ...

    def model_ids(self) -> list[str]:
        """Ids of the models that can be asked now. May take a moment."""
        ...

    def source(
        self,
        model_id: str,
        request: GenerateRequest,
        config: TraceConfig,
        interventions: Sequence[Intervention],
        trace_id: str,
    ) -> Source:
        """A run on one of them. Raises what refuses it."""
        ...


class LocalSources(Sources):
    """The models of this machine, beside those that run elsewhere: of these none can be loaded, and that is said."""

    def __init__(self, model_dirs: tuple[Path, ...], trusted: Mapping[str, str], elsewhere: Elsewhere | None) -> None:
        super().__init__(model_dirs, trusted)
        self._elsewhere = elsewhere

    def find(self, model_id: str) -> ModelSource:
        """As :meth:`Sources.find`. Raises :class:`UnsupportedModel` for a model that runs elsewhere."""
        if self._elsewhere is not None and self._elsewhere.owns(model_id):
            raise UnsupportedModel(
                f"{model_id[:80]} runs on a chat server, which gives tokens and no activations: it can't be looked into.",
                "Chat with it in Live; load the model itself, from a folder, a GGUF file or the hub, to see inside.",
            )
        return super().find(model_id)
