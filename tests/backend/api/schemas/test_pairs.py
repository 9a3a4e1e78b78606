"""Answers that are read off a dataclass below the faces: both have the same fields, but for those that are named here."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import BaseModel

from neuronscope.api.schemas import calibrations, groups, neuron_table, neurons, traces, unit_questions
from neuronscope.core.group import Group
from neuronscope.core.stats import STATS
from neuronscope.corpus import answers, compare, table
from neuronscope.runtime import calibration, keeping

PAIRS: list[tuple[type[Any], type[BaseModel]]] = [
    (keeping.Kept, traces.TraceEntry),
    (keeping.Removed, traces.RemovedTrace),
    (Group, groups.GroupOut),
    (table.NeuronRow, neuron_table.NeuronRow),
    (answers.Example, neurons.Example),
    (answers.Context, neurons.Context),
    (answers.TokenStat, neurons.TokenStat),
    (answers.NgramStat, neurons.NgramStat),
    (answers.UnitStats, neurons.UnitStats),
    (answers.Spread, neurons.SpreadOut),
    (answers.DrivenNeuron, neurons.DrivenNeuron),
    (compare.Side, unit_questions.CompareSide),
    (compare.TokenPair, unit_questions.TokenPair),
    (compare.Comparison, unit_questions.CompareAnswer),
    (calibration.Protected, calibrations.ProtectedUnit),
    (calibration.Calibration, calibrations.CalibrationOut),
]

# All examples are of one unit, which stands beside them once.
DIFFERENCES = {"Example": (["layer", "point", "unit"], [])}


def _differences() -> dict[str, tuple[list[str], list[str]]]:
    found = {}
    for kind, schema in PAIRS:
        below, above = {field.name for field in fields(kind)}, set(schema.model_fields)
        if below != above:
            found[schema.__name__] = (sorted(below - above), sorted(above - below))
    return found


def test_every_answer_has_the_fields_of_what_it_is_read_off() -> None:
    assert _differences() == DIFFERENCES


def test_statistics_are_sent_under_their_names() -> None:
    assert tuple(traces.Stats.model_fields) == STATS
