"""What a parity check says: how far a tapped model is from the plain Hugging Face one, point by point."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParityRow:
    """One point over all layers that serve it: the largest difference from what it was compared with, and what is allowed.

    ``largest_relative`` is that difference over the largest expected value of its layer; ``bound`` is absolute.
    """

    point: str
    compared_with: str
    layers: int
    largest_absolute: float
    largest_relative: float
    bound: float
    holds: bool


@dataclass(frozen=True, slots=True)
class Parity:
    """The check of one loaded model on a short text. ``largest_*`` are those of the logits, tapped against plain.

    ``note`` says what could not be compared, and why; it is empty where everything was.
    """

    holds: bool
    tokens: int
    largest_absolute: float
    largest_relative: float
    rows: list[ParityRow]
    note: str
