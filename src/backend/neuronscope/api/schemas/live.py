"""Live runs: what a client may ask for, over the socket and over REST, and a run as it stands."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from neuronscope.api.schemas.common import Answer, ErrorBody, ModelId, Request
from neuronscope.api.schemas.trace_config import Intervention, TraceConfig
from neuronscope.core.generation import MOST_TOKENS, SEEDS
from neuronscope.runtime.pace import FASTEST, SLOWEST

MOST_CREDIT = 1 << 31
MOST_INTERVENTIONS = 1000


class MessageIn(Request):
    role: Literal["system", "user", "assistant"]
    content: str


class _Generation(Request):
    model_id: ModelId | None = None
    prompt: str | None = Field(None, max_length=200_000)
    """Plain text to go on with; either this or ``messages``."""
    messages: list[MessageIn] | None = Field(None, min_length=1, max_length=1000)
    """A conversation, through the model's chat template."""
    max_new_tokens: int = Field(64, ge=1, le=MOST_TOKENS)
    temperature: float = Field(0.0, ge=0, le=100)
    """0 takes the likeliest token each time."""
    top_k: int | None = Field(None, ge=1, le=MOST_TOKENS)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=0, le=SEEDS - 1)
    stop: list[int | str] = Field([], max_length=64)
    """Tokens that end the run beside the model's own: ids, or texts that are one token."""
    ignore_eos: bool = False
    compiled: bool = False
    """Replay each token's pass as one CUDA graph: several times as fast. Refused where the model or its device can't."""
    pace: float | None = Field(None, ge=SLOWEST, le=FASTEST, allow_inf_nan=False)
    """Steps a second at most, so that a person can follow and steer; left out, as fast as the model can."""


class GenerationRequest(_Generation):
    config: TraceConfig | None = None
    """What is recorded of each step; left out, all defaults."""
    interventions: list[Intervention] = Field([], max_length=MOST_INTERVENTIONS)
    """In force from the first forward pass."""


class GenerateMessage(_Generation):
    """The same over the socket, where core alone reads what is recorded and changed."""

    config: dict[str, Any] | None = None
    interventions: list[dict[str, Any]] = Field([], max_length=MOST_INTERVENTIONS)


class WatchRequest(Request):
    trace_id: str = Field(max_length=100)
    from_step: int = Field(0, ge=0, le=10_000_000)
    """The first step to send; after a break, the one after the last that arrived."""
    speed: float | None = Field(None, gt=0, le=10_000)
    """Steps a second at most; left out, as fast as they come and are read."""


class RunRequest(Request):
    trace_id: str = Field(max_length=100)


class _Intervene(Request):
    replace: bool = True
    """Whether they take the place of all that are in force, or stand beside them."""


class InterveneBody(_Intervene):
    interventions: list[Intervention] = Field(max_length=MOST_INTERVENTIONS)
    """An empty list with ``replace`` clears them."""


class InterveneMessage(_Intervene):
    trace_id: str = Field(max_length=100)
    interventions: list[dict[str, Any]] = Field(max_length=MOST_INTERVENTIONS)


class CreditRequest(Request):
    frames: int = Field(ge=1, le=MOST_CREDIT)


class GenerationOut(Answer):
    trace_id: str
    model_id: str
    state: Literal["queued", "running", "ended"]
    position: int
    """Runs that go before it while it is queued; 0: it waits for its model only."""
    steps: int
    """Steps so far."""
    max_new_tokens: int
    reason: Literal["eos", "length", "stopped"] | None
    """How it ended, if it ended well."""
    error: ErrorBody | None
    """Why it could not begin or go on."""
    recording_error: ErrorBody | None
    """Why recording ended early, if it did; the run itself goes on."""


class GenerationList(Answer):
    generations: list[GenerationOut]


class GenerationPath(Request):
    trace_id: str
