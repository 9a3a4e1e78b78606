"""The routes, one file per resource. A new resource is a new file and a row in ``ALL``."""

from __future__ import annotations

from neuronscope.api.routes import (
    analyses,
    calibrations,
    captures,
    cards,
    corpora,
    generations,
    groups,
    health,
    indexes,
    jobs,
    models,
    neurons,
    precisions,
    system,
    tokens,
    traces,
)

ALL = (
    health, system, models, cards, precisions, captures, generations, traces, corpora, indexes, neurons, tokens, groups,
    calibrations, analyses, jobs,
)  # fmt: skip
