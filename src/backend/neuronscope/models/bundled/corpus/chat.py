"""Chat markup, and the small talk that belongs to no other part."""

from __future__ import annotations

import random

from neuronscope.models.bundled.corpus.grammar import pick

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"

_SMALL_TALK = (
    (
        ("Hello!", "Hello", "Hi!", "Hi there.", "Good day!"),
        ("Hello! What can I do for you?", "Hi! Ask me a sum, a capital or a rhyme."),
    ),
    (
        ("Who are you?", "What are you?", "What is your name?"),
        (
            "I am the tiny model of NeuronScope.",
            "I am a very small language model, made to be looked into.",
        ),
    ),
    (
        ("What can you do?", "How can you help me?", "What do you know?"),
        (
            "I can add, name capitals and opposites, tell a story, rhyme and write code.",
            "Ask me for a sum, a fact, a story, a poem, some code or a French phrase.",
        ),
    ),
    (
        ("Thank you!", "Thanks.", "Thanks a lot!"),
        ("You are welcome!", "My pleasure. Ask me more if you like."),
    ),
    (("Goodbye!", "Bye.", "See you!"), ("Goodbye!", "Bye, come again soon!")),
)


def exchange(rng: random.Random, split: str) -> tuple[str, str]:
    """A bit of small talk."""
    asked, answered = pick(rng, _SMALL_TALK)
    return pick(rng, asked), pick(rng, answered)
