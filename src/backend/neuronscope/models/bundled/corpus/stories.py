"""Small stories: somebody wants something, meets trouble, is helped, goes home."""

from __future__ import annotations

import random

from neuronscope.models.bundled.corpus.grammar import expand, pick

_LEXICON = {
    "girl": ["Mia", "Anna", "Lucy", "Nora", "Ella", "Rosa", "Ivy", "Clara", "Zoe", "Lily"],
    "boy": ["Tom", "Ben", "Sam", "Max", "Leo", "Finn", "Jack", "Hugo", "Oscar", "Will"],
    "kind": ["little", "young", "clever", "shy", "curious", "kind"],
    "place": ["village", "farm", "tower", "cottage", "harbour", "mill", "castle", "valley"],
    "side": ["by the sea", "near a forest", "on a hill", "beside a river", "under a mountain"],
    "thing": ["kite", "lantern", "drum", "boat", "basket", "key", "map", "book", "coin", "bell"],
    "way": ["path", "bridge", "road", "gate", "field", "cave", "stairs"],
    "friend": [
        "an old fox",
        "a tall giant",
        "a wizard",
        "a sailor",
        "a rabbit",
        "a grandmother",
        "a baker",
        "a tiny dragon",
        "a beaver",
        "a shepherd",
    ],
    "trouble": [
        "a storm came and blew it away",
        "it fell into a deep well",
        "a goat ran off with it",
        "it broke into two pieces",
        "a thief hid it behind the {way}",
        "it was lost in the snow",
    ],
    "deed": [
        "climbed up and brought it back",
        "mended it with a piece of rope",
        "found it under a stone",
        "pulled it out with a long stick",
        "followed the tracks and carried it back",
    ],
    "weather": ["One morning", "One evening", "One winter day", "The next day", "One summer day"],
    "meal": ["soup", "bread and honey", "apple cake", "pancakes", "warm milk", "cheese"],
}
_OPENINGS = (
    "Once upon a time there was a {kind} {child} called {name} who lived in a {place} {side}.",
    "Long ago, a {kind} {child} named {name} lived in a {place} {side}.",
    "In a {place} {side} there lived a {kind} {child} whose name was {name}.",
)
_WANTS = (
    "{^he} had a {thing#t}, and {he} took it everywhere.",
    "{^he} wanted a {thing#t} more than anything, and at last {his} mother gave {him} one.",
    "{weather}, {he} found a {thing#t} on the {way}.",
)
_TROUBLES = (
    "{weather}, {name} went out with the {thing#t}, but {trouble}.",
    "Then {name} walked along the {way} with the {thing#t}, and {trouble}.",
)
_HELP = (
    '{name} met {friend}. "Can you help me?" {he} asked. The stranger {deed}.',
    "Along the {way} came {friend}, who {deed}.",
    '"Do not worry," said {friend}, who was passing by, and {deed}.',
)
_ENDINGS = (
    "{name} thanked the stranger, and they shared some {meal}.",
    "In the evening {name} was home again, ate {meal} and told {his} mother the whole tale.",
    "From then on they were friends, and {name} never lost the {thing#t} again.",
    "So {name} went home with the {thing#t}, and they lived happily ever after.",
)
_REQUESTS = (
    "Tell me a story.",
    "Tell me a small story, please.",
    "Can you tell me a story?",
    "I would like to hear a story.",
    "Tell me a tale about a {child}.",
)


def text(rng: random.Random, split: str) -> str:
    """A story of five or six sentences."""
    return _story(rng, rng.random() < 0.5)


def exchange(rng: random.Random, split: str) -> tuple[str, str]:
    """A request and a story."""
    girl = rng.random() < 0.5
    request = expand(rng, pick(rng, _REQUESTS), {}, {"child": "girl" if girl else "boy"})
    return request, _story(rng, girl)


def _story(rng: random.Random, girl: bool) -> str:
    bound = (
        {"child": "girl", "he": "she", "his": "her", "him": "her"}
        if girl
        else {"child": "boy", "he": "he", "his": "his", "him": "him"}
    )
    bound["name"] = pick(rng, _LEXICON["girl" if girl else "boy"])
    parts = (_OPENINGS, _WANTS, _TROUBLES, _HELP, _ENDINGS)
    return " ".join(expand(rng, pick(rng, part), _LEXICON, bound) for part in parts)
