"""Finished comparisons of two precisions, as the workspace keeps them: a summary, and a row for every neuron."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuronscope.analysis.precision import FIELDS, LayerEffect
from neuronscope.core.errors import Damaged, NeuronScopeError, NotFound
from neuronscope.runtime.workspace import Workspace, remove

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Summary:
    """What was compared and what came out, without the neurons. Losses are in nats per token."""

    comparison_id: str
    model_id: str
    a: str
    b: str
    device: str
    created_at: str
    prompts: int
    tokens: int
    neurons: int
    top_k: int
    weight_bytes_a: int
    weight_bytes_b: int
    loss_a: float | None
    loss_b: float | None
    same_next: float
    layers: list[LayerEffect]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A finished comparison: its summary, and a row of :data:`FIELDS` per neuron, layer by layer."""

    summary: Summary
    neurons: NDArray[np.void]

    @classmethod
    def open(cls, folder: Path) -> Comparison:
        """Read one. Raises :class:`NotFound` where there is none, :class:`Damaged` where it can't be read."""
        if not folder.is_dir():
            raise NotFound(f"There is no comparison '{folder.name}'.", "GET /api/precisions lists them.")
        try:
            plain = json.loads((folder / "summary.json").read_text("utf-8"))
            layers = [LayerEffect(**row) for row in plain.pop("layers")]
            neurons = np.load(folder / "neurons.npy", mmap_mode="r", allow_pickle=False)
            found = cls(Summary(**plain, layers=layers), neurons)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Damaged(f"The comparison '{folder.name}' can't be read.", "Run it again.") from error
        if neurons.dtype != FIELDS or neurons.shape != (found.summary.neurons,):
            raise Damaged(f"The comparison '{folder.name}' is not whole.", "Run it again.")
        return found

    def to_pandas(self) -> pd.DataFrame:
        """A row per neuron."""
        import pandas as pd

        return pd.DataFrame({name: self.neurons[name] for name in FIELDS.names or ()})


def list_comparisons(workspace: Workspace) -> Iterator[Summary]:
    """Summaries of all comparisons, newest first; folders that are none are left out."""
    for folder in sorted(workspace.precisions.glob("p_*"), reverse=True):
        try:
            yield Comparison.open(folder).summary
        except NeuronScopeError:
            continue


def delete_comparison(workspace: Workspace, comparison_id: str) -> None:
    """Remove one. Raises :class:`NotFound` where there is none."""
    folder = workspace.precision_path(comparison_id)
    if not folder.is_dir():
        raise NotFound(f"There is no comparison '{comparison_id}'.", "GET /api/precisions lists them.")
    remove(folder)
