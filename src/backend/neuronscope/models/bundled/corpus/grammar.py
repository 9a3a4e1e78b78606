"""A tiny template grammar: the only source of randomness the generators share."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
Lexicon = Mapping[str, Sequence[str]]

_SLOT = re.compile(r"\{(\^?)(\w+)(?:#(\w+))?\}")


def pick(rng: random.Random, options: Sequence[T]) -> T:
    """One option, evenly. Built on `random()` alone, whose stream no Python version changes."""
    return options[int(rng.random() * len(options))]


def pick_weighted(rng: random.Random, weights: Mapping[str, float]) -> str:
    """One key, with probability in proportion to its weight."""
    mark = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        mark -= weight
        if mark < 0:
            return key
    return next(reversed(list(weights)))


def between(rng: random.Random, low: int, high: int) -> int:
    """An integer, both ends included."""
    return low + int(rng.random() * (high - low + 1))


def shuffled(rng: random.Random, options: Sequence[T]) -> list[T]:
    """A copy in random order."""
    return sorted(options, key=lambda _: rng.random())


def expand(rng: random.Random, template: str, lexicon: Lexicon, bound: dict[str, str] | None = None) -> str:
    """Fill a template's slots.

    `{word}` picks afresh from `lexicon["word"]`; `{word#a}` picks once and repeats that choice
    wherever `word#a` occurs again; `{^word}` starts with a capital. A name in `bound` wins over
    the lexicon. Choices may hold slots themselves.
    """
    memory = {} if bound is None else bound

    def fill(match: re.Match[str]) -> str:
        capital, key, tag = match.groups()
        name = f"{key}#{tag}" if tag else key
        if name in memory:
            value = memory[name]
        else:
            value = _SLOT.sub(fill, pick(rng, lexicon[key]))
            if tag:
                memory[name] = value
        return value[:1].upper() + value[1:] if capital else value

    return _SLOT.sub(fill, template)


def bucket(key: str, buckets: int) -> int:
    """A fixed number in `[0, buckets)` for a key, the same in every process."""
    return int.from_bytes(hashlib.blake2s(key.encode()).digest()[:8], "big") % buckets
