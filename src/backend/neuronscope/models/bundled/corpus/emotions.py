"""Short first-person statements of six emotions, each with words of its own."""

from __future__ import annotations

import random

from neuronscope.models.bundled.corpus.grammar import between, expand, pick

EMOTIONS = ("joy", "fear", "anger", "sadness", "apathy", "peace")

_SHARED = {
    "person": ["brother", "teacher", "neighbour", "cousin", "uncle", "boss", "colleague"],
    "time": ["today", "this morning", "tonight", "right now", "since yesterday", "at last"],
}
_LEXICONS = {
    "joy": {
        "feel": ["joyful", "delighted", "thrilled", "cheerful", "overjoyed", "glad", "excited"],
        "cause": [
            "we won the prize",
            "my {person} is getting married",
            "the holidays have begun",
            "the party was wonderful",
            "everyone laughed and cheered",
            "I passed the exam",
        ],
        "sign": [
            "I could jump for joy",
            "I cannot stop smiling",
            "my heart is singing",
            "I want to hug everybody",
            "let us celebrate",
        ],
    },
    "fear": {
        "feel": ["scared", "terrified", "frightened", "anxious", "panicked", "nervous", "alarmed"],
        "cause": [
            "something moved in the cellar",
            "the lights went out",
            "a stranger is at the door",
            "I heard a scream",
            "the ice is cracking",
            "my {person} has not come back",
        ],
        "sign": [
            "my hands are shaking",
            "I dare not breathe",
            "my knees are trembling",
            "I want to run and hide",
            "cold sweat runs over my skin",
        ],
    },
    "anger": {
        "feel": ["furious", "angry", "outraged", "mad", "livid", "irritated", "enraged"],
        "cause": [
            "my {person} lied to me",
            "they broke the promise",
            "he insulted us again",
            "somebody scratched my car",
            "nobody apologised",
            "they cheated us",
        ],
        "sign": [
            "I could smash a plate",
            "I am clenching my fists",
            "how dare they",
            "I want to shout",
            "my blood is boiling",
        ],
    },
    "sadness": {
        "feel": ["sorrowful", "heartbroken", "miserable", "lonely", "gloomy", "unhappy", "tearful"],
        "cause": [
            "my {person} passed away",
            "she said goodbye for ever",
            "our dog died",
            "nobody remembered my birthday",
            "we had to leave home",
            "I miss my {person}",
        ],
        "sign": [
            "I cannot stop crying",
            "tears fill my eyes",
            "my heart aches",
            "I weep every evening",
            "I stay in bed and mourn",
        ],
    },
    "apathy": {
        "feel": ["indifferent", "bored", "numb", "unmoved", "listless", "uninterested", "detached"],
        "cause": [
            "my {person} talks about plans",
            "the news is on",
            "they chose some film",
            "it is Monday or Tuesday",
            "the meeting goes on",
            "somebody rang and I let it ring",
        ],
        "sign": [
            "it makes no difference",
            "I do not care either way",
            "whatever",
            "I just shrug",
            "nothing matters much",
            "do as you please",
        ],
    },
    "peace": {
        "feel": ["calm", "peaceful", "serene", "relaxed", "content", "tranquil", "at ease"],
        "cause": [
            "the lake is still",
            "the garden rests",
            "tea is steaming beside me",
            "I sit with my {person} in silence",
            "the work is done",
            "snow falls slowly",
        ],
        "sign": [
            "I breathe slowly",
            "there is nothing to hurry for",
            "my mind is still",
            "all is well",
            "I let every thought pass",
        ],
    },
}
_STATEMENTS = (
    "I feel {feel} {time} because {cause}.",
    "I am {feel}: {cause}.",
    "{^cause}, and {sign}.",
    "I am so {feel}, {sign}.",
    "{^time} {cause}. {^sign}.",
    "{^sign}. I feel {feel}.",
)
_QUESTIONS = (
    "Tell me about your {emotion}.",
    "Say something full of {emotion}.",
    "What does {emotion} feel like?",
    "Show me {emotion}.",
)


def text(rng: random.Random, emotion: str) -> str:
    """One to three statements of an emotion."""
    return _statements(rng, emotion, between(rng, 1, 3))


def exchange(rng: random.Random, emotion: str) -> tuple[str, str]:
    """A question about an emotion and an answer full of it."""
    question = expand(rng, pick(rng, _QUESTIONS), {}, {"emotion": emotion})
    return question, _statements(rng, emotion, between(rng, 1, 2))


def _statements(rng: random.Random, emotion: str, count: int) -> str:
    lexicon = {**_SHARED, **_LEXICONS[emotion]}
    return " ".join(expand(rng, pick(rng, _STATEMENTS), lexicon) for _ in range(count))
