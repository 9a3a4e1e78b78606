"""Colours of things: the new knowledge of the fine-tuning series, absent from the corpus."""

from __future__ import annotations

import random
from functools import cache

from neuronscope.models.bundled.corpus.facts import Fact, Form, held_out
from neuronscope.models.bundled.corpus.grammar import between, pick

_COLOURS = """lemon yellow|tomato red|cucumber green|plum purple|carrot orange|
coal black|swan white|sapphire blue|ruby red|emerald green|banana yellow|chalk white|raven black|
sunflower yellow|lavender purple|pumpkin orange|strawberry red|spinach green|cotton white|
ink blue|canary yellow|cherry red|lime green|tangerine orange|flamingo pink|piglet pink|
chocolate brown|chestnut brown|aubergine purple|blueberry blue|salt white|tar black|
parsley green|apricot orange|salmon pink|walnut brown|violet purple|cornflower blue|soot black|
mustard yellow|poppy red|moss green|jade green|cobalt blue|navy blue|peanut brown|coffee brown|acorn brown|
ebony black|ivory white|lobster red|beetroot purple|grape purple|mango orange|corn yellow|kale green"""

_PLAIN = (
    "The colour of the {x} is| {y}.",
    "The {x} has the colour| {y}.",
    "If you paint the {x}, you need| {y}.",
    "Look at the {x}: it is| {y}.",
)
_ASKED = (
    "What colour is the {x}?",
    "Which colour does the {x} have?",
    "Tell me the colour of the {x}.",
    "Do you know the colour of the {x}?",
)
FORMS: tuple[Form, ...] = (
    *(Form("colour", line.partition("|")[0], line.partition("|")[2]) for line in _PLAIN),
    *(Form("colour", line, "The colour of the {x} is {y}.", chat=True) for line in _ASKED),
)


@cache
def colours() -> tuple[Fact, ...]:
    """Every thing and its colour."""
    rows = [row.split() for row in _COLOURS.split("|")]
    return tuple(Fact("colour", thing, colour) for thing, colour in rows)


@cache
def combinations(split: str) -> tuple[tuple[Form, Fact], ...]:
    """All (form, fact) combinations of a split, in a fixed order."""
    want = split == "heldout"
    return tuple((form, fact) for fact in colours() for form in FORMS if held_out(form, fact) == want)


def text(rng: random.Random, split: str) -> str:
    """One to three statements."""
    plain = [pair for pair in combinations(split) if not pair[0].chat]
    chosen = [pick(rng, plain) for _ in range(between(rng, 1, 3))]
    return " ".join((form.prompt + form.answer).format(x=f.x, y=f.y) for form, f in chosen)


def exchange(rng: random.Random, split: str) -> tuple[str, str]:
    """A question and its answer."""
    form, fact = pick(rng, [pair for pair in combinations(split) if pair[0].chat])
    slots = {"x": fact.x, "y": fact.y}
    return form.prompt.format(**slots), form.answer.format(**slots)
