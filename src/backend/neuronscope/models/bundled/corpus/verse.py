"""Rhymed verse in couplets: the last words of two lines come from one family of rhymes."""

from __future__ import annotations

import random

from neuronscope.models.bundled.corpus.grammar import between, expand, pick, shuffled

# Each ending is written so that it can close any line of its shape.
RHYMES: dict[str, tuple[str, ...]] = {
    "ight": ("light", "night", "sight", "flight", "height"),
    "ay": ("day", "bay", "spray", "clay", "May"),
    "oon": ("moon", "noon", "tune", "dune", "June"),
    "ee": ("sea", "tree", "bee", "lea", "key"),
    "ing": ("spring", "king", "wing", "ring", "string"),
    "own": ("town", "crown", "gown", "down"),
    "eam": ("dream", "stream", "gleam", "beam"),
    "old": ("gold", "cold", "fold", "wold"),
    "ose": ("rose", "snows", "crows", "prose"),
    "air": ("air", "stair", "hare", "pear"),
    "ain": ("rain", "plain", "grain", "lane"),
    "ound": ("ground", "sound", "mound", "hound"),
}
_LEXICON = {
    "soft": ["silver", "golden", "silent", "gentle", "merry", "misty", "starry", "velvet"],
    "singer": ["lark", "wind", "brook", "thrush", "minstrel", "swallow", "breeze", "nightingale"],
    "sings": ["sings", "hums", "whispers", "dances", "wanders", "glides", "drifts", "lingers"],
    "where": ["over", "under", "beyond", "beside", "above", "past"],
    "bloom": ["blossoms", "petals", "shadows", "clouds", "willows", "meadows", "lilies", "leaves"],
    "do": ["sway", "bow", "tremble", "shimmer", "glimmer", "twirl", "nod"],
    "hail": ["O", "Oh,", "And", "Lo,"],
}
_LINES = (
    "The {soft} {singer} {sings} {where} the {rhyme},",
    "{hail} {soft} {bloom}, you {do} {where} the {rhyme},",
    "While {bloom} {do} {where} the {soft} {rhyme},",
    "And every {singer} {sings} {where} the {rhyme},",
    "Where {soft} {bloom} {do} and the {singer} {sings} {where} the {rhyme},",
)
_REQUESTS = (
    "Write me a rhyme.",
    "Write a poem, please.",
    "Can you make a rhyme?",
    "Sing me a verse.",
    "Give me a short poem.",
)


def text(rng: random.Random, split: str) -> str:
    """One to three couplets."""
    return _couplets(rng, between(rng, 1, 3))


def exchange(rng: random.Random, split: str) -> tuple[str, str]:
    """A request and one or two couplets."""
    return pick(rng, _REQUESTS), _couplets(rng, between(rng, 1, 2))


def _couplets(rng: random.Random, count: int) -> str:
    lines: list[str] = []
    for family in shuffled(rng, list(RHYMES))[:count]:
        first, second = shuffled(rng, RHYMES[family])[:2]
        lines += [_line(rng, first), _line(rng, second)[:-1] + "."]
    return "\n".join(lines)


def _line(rng: random.Random, rhyme: str) -> str:
    return expand(rng, pick(rng, _LINES), _LEXICON, {"rhyme": rhyme})
