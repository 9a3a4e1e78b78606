"""Captures: a prompt run once with taps."""

from __future__ import annotations

from pydantic import Field

from neuronscope.api.schemas.common import Answer, ModelId, Request, TokenOut
from neuronscope.api.schemas.trace_config import CaptureConfig


class CaptureRequest(Request):
    model_id: ModelId | None = None
    prompt: str = Field(min_length=1, max_length=200_000)
    points: list[str] | None = Field(None, min_length=1, max_length=64)
    """Point names or addresses; default: the neurons and the residual stream of every layer."""
    layers: list[int] | None = Field(None, min_length=1, max_length=512)
    config: CaptureConfig | None = None
    """How they are kept; default: in full float32."""


class NextToken(Answer):
    id: int | None
    """Null where it is not known: chat servers tell no ids."""
    text: str
    logprob: float


class CaptureAnswer(Answer):
    trace_id: str
    model_id: str
    tokens: list[TokenOut]
    layers: list[int]
    points: list[str]
    """Addresses that the trace holds."""
    unavailable: dict[str, str]
    """Default addresses that the model lacks, with the reasons."""
    top: list[NextToken]
    """The likeliest next tokens after the prompt."""
    removed: list[str]
    """Older traces that went to hold the limit, where one is set."""
