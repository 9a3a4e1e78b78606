"""Where a run finds what it names by id: means, quantiles and samples in indexes, tensors in traces, units in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuronscope.capture.values import Lookup, Reference
from neuronscope.core.errors import BadAddress, Conflict, NotFound
from neuronscope.runtime.calibration import protected_units
from neuronscope.runtime.groups import units_for
from neuronscope.traces.store import Trace

if TYPE_CHECKING:
    from neuronscope.core.address import Address, Unit
    from neuronscope.models.loaded import LoadedModel
    from neuronscope.runtime.workspace import Workspace


def lookup(loaded: LoadedModel, workspace: Workspace) -> Lookup:
    """References, traces and groups of a workspace, and the units that it protects, for interventions on a model."""
    return Lookup(
        reference=lambda index_id: index_reference(loaded, workspace, index_id),
        trace=lambda trace_id: Trace.open(workspace.trace_path(trace_id)),
        protected=protected_units(workspace, loaded.key),
        group=lambda group_id: units_for(workspace, loaded, group_id),
    )


def index_reference(loaded: LoadedModel, workspace: Workspace, index_id: str) -> Reference:
    """Means over an index's whole corpus, quantiles over the sample of tokens that it keeps, and that sample itself.

    Raises :class:`NotFound` for an unknown index, :class:`Conflict` for one of another model.
    """
    from neuronscope.corpus.index import Index

    folder = workspace.index_path(index_id)
    if not folder.is_dir():
        raise NotFound(f"There is no index '{index_id}'.", "It may have been deleted.")
    index = Index.open(folder)
    usable, why = index.usable(loaded.key)
    if not usable:
        raise Conflict(f"Index '{index_id}' is no reference for this model: {why}", "Build one with this model.")

    def quantile(unit: Unit, share: float) -> float:
        assert unit.address.layer is not None
        index.stats(unit)  # refuses what the index does not hold
        sample = index.sample([unit.address.layer], unit.address.point)
        return float(np.quantile(sample.values[unit.index], share))

    def sample(address: Address) -> NDArray[np.float32]:
        if address.layer is None:
            raise BadAddress(f"The index does not hold {address}.", f"It holds {index.manifest.held}.")
        return index.sample([address.layer], address.point).values

    return Reference(lambda unit: float(index.stats(unit).mean), quantile, sample)
