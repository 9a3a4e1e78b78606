"""How a model was loaded, so that another process can load the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading import loader
from neuronscope.models.loading.sources import SourcesAndPaths


@dataclass(frozen=True)
class Recipe:
    """``ref`` is an id, or the path of a folder or GGUF file; the others as in :func:`loader.load`."""

    ref: str
    revision: str | None = None
    dtype: str | None = None
    quantization: str | None = None
    device: str | None = None
    modules: Mapping[str, str] | None = None
    trusted: Mapping[str, str] = field(default_factory=dict)
    """Repositories whose own code may run, each with its commit."""

    def settled(self, loaded: LoadedModel) -> Recipe:
        """The same with what was left open as it came out, and a path that holds in every working directory."""
        path = Path(self.ref).expanduser()
        ref = str(path.resolve()) if path.exists() else self.ref
        return replace(self, ref=ref, dtype=loaded.dtype, quantization=loaded.quantization)

    def load(self) -> LoadedModel:
        """Load it. Errors as in :func:`loader.load`."""
        return loader.load(
            SourcesAndPaths(trusted=dict(self.trusted)).find(self.ref),
            revision=self.revision,
            dtype=self.dtype,
            quantization=self.quantization,
            device=self.device,
            modules=self.modules,
        )
