"""What a run was asked for, in short: a list of runs of one prompt tells them apart by it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class MadeWith:
    """What a run was asked for; null where it was recorded without it."""

    max_new_tokens: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    seed: int | None
    chat: bool
    """Whether its prompt was a conversation."""
    changes: int
    """Interventions that were in force from its first token on."""
    capture_mode: str | None

    @classmethod
    def of(cls, start: Mapping[str, Any]) -> MadeWith | None:
        """From a run's start event; ``None`` for a prompt that was only read. What is none of its kind is left out."""
        settings, config = start.get("settings"), start.get("config")
        if not isinstance(settings, Mapping) or not settings:
            return None
        interventions = settings.get("interventions")
        mode = config.get("capture_mode") if isinstance(config, Mapping) else None
        return cls(
            max_new_tokens=_whole(settings.get("max_new_tokens")),
            temperature=_number(settings.get("temperature")),
            top_k=_whole(settings.get("top_k")),
            top_p=_number(settings.get("top_p")),
            seed=_whole(settings.get("seed")),
            chat=bool(settings.get("messages")),
            changes=len(interventions) if isinstance(interventions, list | tuple) else 0,
            capture_mode=mode if isinstance(mode, str) else None,
        )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # A whole number may be too large for a float, and infinity is no JSON.
    return float(value) if abs(value) <= sys.float_info.max else None
