"""Answers that are read off a dataclass below the faces, and bodies that are read into one: both have the same fields, but
for those that are named here."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from pydantic import BaseModel

from neuronscope.api.schemas import calibrations, groups, neuron_table, neurons, trace_config, traces, unit_questions
from neuronscope.core import intervention
from neuronscope.core.capture_config import CaptureConfig
from neuronscope.core.group import Group
from neuronscope.core.stats import STATS
from neuronscope.core.trace_config import TraceConfig
from neuronscope.corpus import answers, compare, table
from neuronscope.runtime import calibration, keeping

BODIES: list[tuple[type[Any], type[BaseModel]]] = [
    (TraceConfig, trace_config.TraceConfig),
    (CaptureConfig, trace_config.CaptureConfig),
    (intervention.Intervention, trace_config.Intervention),
    (intervention.Source, trace_config.PatchSource),
]

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
    *BODIES,
]

# All examples are of one unit, which stands beside them once.
DIFFERENCES: dict[str, tuple[list[str], list[str]]] = {"Example": (["layer", "point", "unit"], [])}


def _differences() -> dict[str, tuple[list[str], list[str]]]:
    found = {}
    for kind, schema in PAIRS:
        below, above = {field.name for field in fields(kind)}, set(schema.model_fields)
        if below != above:
            found[schema.__name__] = (sorted(below - above), sorted(above - below))
    return found


def test_both_of_a_pair_have_the_same_fields() -> None:
    assert _differences() == DIFFERENCES


def test_bodies_tell_the_defaults_of_what_they_are_read_into() -> None:
    for kind, schema in BODIES:
        below = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
        above = {name: field.default for name, field in schema.model_fields.items() if name in below}
        assert above == below, schema.__name__


def test_statistics_are_sent_under_their_names() -> None:
    assert tuple(traces.Stats.model_fields) == STATS
