"""Analyses: the registry and one run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from neuronscope.api.schemas.common import Answer, Request


class ParameterOut(Answer):
    name: str
    kind: Literal["int", "float", "choice", "bool"]
    default: Any
    minimum: float | None
    maximum: float | None
    choices: list[str] | None
    help: str


class AnalysisEntry(Answer):
    name: str
    title: str
    summary: str
    source: str
    """Paper or definition."""
    parameters: list[ParameterOut]
    result: dict[str, str]
    """Fields of the result with what they hold."""


class AnalysisList(Answer):
    analyses: list[AnalysisEntry]


class AnalysisPath(Request):
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")


class AnalysisRequest(Request):
    trace_id: str | None = None
    """Take the activations of a trace …"""
    index_id: str | None = None
    """… or of the corpus sample that an index keeps. Exactly one of the two."""
    point: str = Field("mlp_act", max_length=40)
    layers: list[int] | None = Field(None, min_length=1, max_length=512)
    parameters: dict[str, int | float | str | bool] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> AnalysisRequest:
        if (self.trace_id is None) == (self.index_id is None):
            raise ValueError("give either trace_id or index_id")
        return self
