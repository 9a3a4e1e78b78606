"""An index with its model at hand: questions that need both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Manifest
from neuronscope.corpus.opened import Units

if TYPE_CHECKING:
    from neuronscope.corpus.recompute import Window
    from neuronscope.corpus.shortest import Shortest
    from neuronscope.corpus.together import GroupTop
    from neuronscope.models.loaded import LoadedModel


class ScopedIndex(Index):
    """What ``scope.index`` gives: an index, and the model that it was built on."""

    def __init__(self, folder: Path, manifest: Manifest, loaded: LoadedModel) -> None:
        super().__init__(folder, manifest)
        self.loaded = loaded

    def together(self, units: Units, k: int = 20, **options: Any) -> GroupTop:
        """The strongest contexts of several units together, by the mean of their z-scores; windows are run again.

        Options as in :func:`neuronscope.corpus.together.strongest_together`.
        """
        from neuronscope.corpus.together import strongest_together

        return strongest_together(self.loaded, self, units, k, **options)

    def shortest(self, unit: str | Unit, *, rank: int = 0, text: str | None = None, **options: Any) -> Shortest:
        """The shortest text that still drives a unit, made from its context of a rank (0: the strongest) or from a text.

        Options as in :func:`neuronscope.corpus.shortest.shortest`: ``share`` of the activation that has to stay (0.8).
        """
        from neuronscope.corpus import shortest

        named = Unit.parse(unit) if isinstance(unit, str) else unit
        if text is not None and rank:
            raise BadRequest("A text has no rank.", "Give one or the other.")
        start = (
            shortest.start_of_context(self.loaded, self, named, rank)
            if text is None
            else shortest.start_of_text(self.loaded, named, text)
        )
        return shortest.shortest(self.loaded, named, start, **options)

    def recompute(self, unit: str | Unit, doc: int, window: int = 0) -> Window:
        """One unit's values on all tokens of a window of the corpus, which is run again."""
        from neuronscope.corpus.recompute import recompute

        return recompute(self.loaded, self, Unit.parse(unit) if isinstance(unit, str) else unit, doc, window)
