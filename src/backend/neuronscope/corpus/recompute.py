"""A whole window of an index's corpus run again: an index keeps a peak's neighbours, a model knows all the rest."""

from __future__ import annotations

from dataclasses import dataclass

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadAddress, Conflict
from neuronscope.corpus.index import Index
from neuronscope.corpus.rerun import values_at
from neuronscope.models.loaded import LoadedModel


@dataclass(frozen=True, slots=True)
class Window:
    """Every token of a window with the unit's value on it; special ones are flagged."""

    tokens: list[str]
    special: list[bool]
    activations: list[float]


def recompute(loaded: LoadedModel, index: Index, unit: Unit, doc: int, window: int = 0) -> Window:
    """One unit's values over one window of a document, run by itself: equal to the index's to the dtype's rounding.

    Raises :class:`Conflict` where the index does not fit the model, :class:`BadRequest` or :class:`BadAddress` where it
    holds no such window or unit.
    """
    usable, note = index.usable(loaded.key)
    if not usable:
        raise Conflict(note, "Choose or build an index of this model.")
    if str(unit.address) not in index.manifest.addresses:
        raise BadAddress(f"The index does not hold {unit.address}.", f"It holds {index.manifest.held}.")
    loaded.anatomy.check_unit(unit)
    ids, tokens = index.window(doc, window)
    grid = values_at(loaded, [ids], [unit.address])[unit.address]
    values = grid[0, :, unit.index].float().cpu().tolist()
    return Window(tokens, [token in loaded.special_ids for token in ids], values)
