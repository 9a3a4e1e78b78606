"""Addition and subtraction of numbers from 0 to 99, with differences never below zero."""

from __future__ import annotations

import random
from collections.abc import Iterator

from neuronscope.models.bundled.corpus.grammar import between, bucket, pick

LARGEST = 99

_SPOKEN = {
    "+": (
        "{a} plus {b} is {c}.",
        "The sum of {a} and {b} is {c}.",
        "If you add {b} to {a}, you get {c}.",
        "{a} + {b} = {c}.",
    ),
    "-": (
        "{a} minus {b} is {c}.",
        "{a} take away {b} leaves {c}.",
        "If you subtract {b} from {a}, you get {c}.",
        "{a} - {b} = {c}.",
    ),
}
_QUESTIONS = {
    "+": (
        "What is {a} + {b}?",
        "What is {a} plus {b}?",
        "How much is {a} + {b}?",
        "{a} + {b} = ?",
        "Add {a} and {b}.",
        "{a}+{b}",
    ),
    "-": (
        "What is {a} - {b}?",
        "What is {a} minus {b}?",
        "How much is {a} - {b}?",
        "{a} - {b} = ?",
        "Subtract {b} from {a}.",
        "{a}-{b}",
    ),
}


def held_out(a: int, b: int) -> bool:
    """Whether a pair of operands, in either order, is kept out of training in every form.

    One pair in ten of those with a two-digit operand, by a fixed hash.
    """
    low, high = min(a, b), max(a, b)
    return high > 9 and bucket(f"pair:{low}:{high}", 10) == 0


def problem(rng: random.Random, split: str) -> tuple[int, str, int, int]:
    """`(a, operator, b, result)`; the pair belongs to the split."""
    while True:
        a, b = between(rng, 0, LARGEST), between(rng, 0, LARGEST)
        operator = "+" if rng.random() < 0.5 else "-"
        if operator == "-" and a < b:
            a, b = b, a
        if held_out(a, b) == (split == "heldout"):
            return a, operator, b, a + b if operator == "+" else a - b


def held_out_problems() -> Iterator[tuple[int, str, int, int]]:
    """Every held-out problem, in a fixed order."""
    for a in range(LARGEST + 1):
        for b in range(LARGEST + 1):
            if held_out(a, b):
                yield a, "+", b, a + b
                if a >= b:
                    yield a, "-", b, a - b


def text(rng: random.Random, split: str) -> str:
    """A column of bare sums, or a few spoken ones."""
    if rng.random() < 0.8:
        lines = []
        for _ in range(between(rng, 3, 9)):
            a, operator, b, c = problem(rng, split)
            lines.append(f"{a}{operator}{b}={c}\n")
        return "".join(lines)
    sentences = []
    for _ in range(between(rng, 1, 4)):
        a, operator, b, c = problem(rng, split)
        sentences.append(pick(rng, _SPOKEN[operator]).format(a=a, b=b, c=c))
    return " ".join(sentences)


def exchange(rng: random.Random, split: str) -> tuple[str, str]:
    """A question and its answer, which repeats the sum."""
    a, operator, b, c = problem(rng, split)
    question = pick(rng, _QUESTIONS[operator]).format(a=a, b=b)
    return question, f"{a} {operator} {b} = {c}."
