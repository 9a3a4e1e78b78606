"""Health and the state of the machine."""

from __future__ import annotations

from typing import Literal

from neuronscope.api.schemas.common import Answer


class Health(Answer):
    status: Literal["ok"]
    version: str


class Memory(Answer):
    rss_bytes: int
    available_bytes: int
    total_bytes: int


class Cpu(Answer):
    count: int
    percent: float


class Gpu(Answer):
    name: str
    total_bytes: int
    free_bytes: int
    used_bytes: int


class System(Answer):
    cpu: Cpu
    memory: Memory
    gpus: list[Gpu]
    ready: bool
    """Whether the libraries that run models are imported; until then a first request waits for them."""
