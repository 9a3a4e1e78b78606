"""Capitals, opposites, animals and their sounds.

Every fact is taught, in most of the forms below. Which (form, fact) combinations are held out is
fixed, so a held-out question asks for a known fact in a wording not seen with it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from neuronscope.models.bundled.corpus.grammar import between, bucket, pick

_CAPITALS = """France Paris|Germany Berlin|Italy Rome|Spain Madrid|Portugal Lisbon|Greece Athens|
Poland Warsaw|Austria Vienna|Hungary Budapest|Norway Oslo|Sweden Stockholm|Finland Helsinki|
Denmark Copenhagen|Ireland Dublin|Belgium Brussels|Russia Moscow|Ukraine Kyiv|Turkey Ankara|
Egypt Cairo|Kenya Nairobi|Ghana Accra|Morocco Rabat|Japan Tokyo|China Beijing|Jordan Amman|
Iran Tehran|Iraq Baghdad|Nepal Kathmandu|Thailand Bangkok|Vietnam Hanoi|Canada Ottawa|Cuba Havana|
Peru Lima|Chile Santiago|Libya Tripoli|Australia Canberra|Iceland Reykjavik|Romania Bucharest|
Bulgaria Sofia|Serbia Belgrade"""
_OPPOSITES = """hot cold|big small|fast slow|up down|day night|open closed|happy sad|old young|
hard soft|high low|wet dry|rich poor|full empty|light dark|clean dirty|near far|early late|
loud quiet|strong weak|thick thin|wide narrow|sweet bitter|true false|begin finish|give take|
push pull|love hate|win lose|buy sell|left right|inside outside|above below|always never|
first last|brave afraid|guilty innocent|deep shallow|sharp blunt|rough smooth|wise foolish"""
_SOUNDS = """cow moo|dog woof|cat meow|sheep baa|duck quack|pig oink|horse neigh|lion roar|
snake hiss|owl hoot|bee buzz|frog croak|mouse squeak|crow caw|donkey bray|wolf howl|hen cluck|
goose honk|bird tweet|bear growl|turkey gobble|dove coo|cricket chirp|elephant trumpet"""


@dataclass(frozen=True)
class Form:
    """One wording: what comes before the answer, and the answer, over `{x}` and `{y}`."""

    kind: str
    prompt: str
    answer: str
    chat: bool = False


@dataclass(frozen=True)
class Fact:
    """One direction of one fact: from `x` the model is to give `y`."""

    kind: str
    x: str
    y: str


def _forms(kind: str, plain: Sequence[str], asked: Sequence[str], answer: str) -> list[Form]:
    split = [line.partition("|") for line in plain]
    forms = [Form(kind, before, after) for before, _, after in split]
    return forms + [Form(kind, question, answer, chat=True) for question in asked]


FORMS: tuple[Form, ...] = tuple(
    _forms(
        "capital",
        (
            "The capital of {x} is| {y}.",
            "The capital city of {x} is| {y}.",
            "In {x}, the capital is| {y}.",
            "The name of the capital of {x} is| {y}.",
            "People who live in the capital of {x} live in| {y}.",
        ),
        (
            "What is the capital of {x}?",
            "Which city is the capital of {x}?",
            "Tell me the capital of {x}.",
            "Name the capital city of {x}.",
            "Do you know the capital of {x}?",
        ),
        "The capital of {x} is {y}.",
    )
    + _forms(
        "country",
        (
            "{x} is the capital of| {y}.",
            "The city of {x} is the capital of| {y}.",
            "{x} is the capital city of| {y}.",
            "{x} is a city in| {y}.",
        ),
        (
            "Which country has the capital {x}?",
            "{x} is the capital of which country?",
            "In which country is {x}?",
            "Where is {x}?",
        ),
        "{x} is the capital of {y}.",
    )
    + _forms(
        "opposite",
        (
            "The opposite of {x} is| {y}.",
            "The word that is opposite to {x} is| {y}.",
            "When something is not {x} at all, it is| {y}.",
            "The other side of {x} is| {y}.",
        ),
        (
            "What is the opposite of {x}?",
            "Which word means the opposite of {x}?",
            "Give me the opposite of {x}.",
            "Tell me the opposite of {x}.",
            "Do you know the opposite of {x}?",
        ),
        "The opposite of {x} is {y}.",
    )
    + _forms(
        "sound",
        (
            "The {x} says| {y}.",
            "The {x} goes| {y}.",
            "The sound of the {x} is| {y}.",
            "When you hear the {x}, you hear| {y}.",
        ),
        (
            "What does the {x} say?",
            "What sound does the {x} make?",
            "How does the {x} sound?",
            "Tell me what the {x} says.",
            "Do you know what the {x} says?",
        ),
        "The {x} says {y}.",
    )
)


def _pairs(table: str) -> list[tuple[str, str]]:
    rows = dict.fromkeys(row.strip() for row in table.split("|"))
    return [(row.split()[0], row.split()[1]) for row in rows]


@cache
def facts() -> tuple[Fact, ...]:
    """Every fact in every direction it is taught in."""
    found: list[Fact] = []
    for country, city in _pairs(_CAPITALS):
        found += [Fact("capital", country, city), Fact("country", city, country)]
    for one, other in _pairs(_OPPOSITES):
        found += [Fact("opposite", one, other), Fact("opposite", other, one)]
    found += [Fact("sound", animal, sound) for animal, sound in _pairs(_SOUNDS)]
    return tuple(found)


def held_out(form: Form, fact: Fact) -> bool:
    """Whether this wording of this fact is kept out of training: about one in eight."""
    return bucket(f"fact:{form.prompt}:{fact.x}:{fact.y}", 8) == 0


@cache
def combinations(split: str) -> tuple[tuple[Form, Fact], ...]:
    """All (form, fact) combinations of a split, in a fixed order."""
    want = split == "heldout"
    return tuple(
        (form, fact) for fact in facts() for form in FORMS if form.kind == fact.kind and held_out(form, fact) == want
    )


@cache
def _by_style(split: str, chat: bool) -> tuple[tuple[Form, Fact], ...]:
    return tuple(pair for pair in combinations(split) if pair[0].chat == chat)


def say(form: Form, fact: Fact) -> tuple[str, str]:
    """`(prompt, answer)` of a combination."""
    return form.prompt.format(x=fact.x, y=fact.y), form.answer.format(x=fact.x, y=fact.y)


def text(rng: random.Random, split: str) -> str:
    """Up to five statements."""
    chosen = [pick(rng, _by_style(split, False)) for _ in range(between(rng, 1, 5))]
    return " ".join("".join(say(form, fact)) for form, fact in chosen)


def exchange(rng: random.Random, split: str) -> tuple[str, str]:
    """A question and its answer."""
    return say(*pick(rng, _by_style(split, True)))
