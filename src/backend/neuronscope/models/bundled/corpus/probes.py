"""Questions with one right answer: what the model is examined on."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from neuronscope.models.bundled.corpus import arithmetic, colours, facts
from neuronscope.models.bundled.corpus.chat import ASSISTANT, END, USER
from neuronscope.models.bundled.corpus.grammar import shuffled


@dataclass(frozen=True)
class Probe:
    """`prompt` as the model reads it (without the opening token), and the exact `answer`.

    The answer holds its own end (a full stop, a line break or the end of the turn), so that
    `8` is not taken for `85`.
    """

    kind: str
    prompt: str
    answer: str


def ask(kind: str, question: str, answer: str) -> Probe:
    """A probe in chat markup."""
    return Probe(kind, USER + question + END + ASSISTANT, answer + END)


def arithmetic_probes(sample: int | None = None, seed: int = 0) -> list[Probe]:
    """Every held-out problem as a bare sum and as a question; `sample` of them when given."""
    found = []
    for a, operator, b, c in arithmetic.held_out_problems():
        found.append(Probe("arithmetic", f"{a}{operator}{b}=", f"{c}\n"))
        found.append(ask("arithmetic", f"What is {a} {operator} {b}?", f"{a} {operator} {b} = {c}."))
    return _sample(found, sample, seed)


def fact_probes(sample: int | None = None, seed: int = 0) -> list[Probe]:
    """Every held-out wording of every fact; `sample` of them when given."""
    return _sample(_combined("facts", facts.combinations("heldout")), sample, seed)


def colour_probes(sample: int | None = None, seed: int = 0) -> list[Probe]:
    """Every held-out wording of the colours, which only the fine-tuning series is taught."""
    return _sample(_combined("colours", colours.combinations("heldout")), sample, seed)


def _combined(kind: str, pairs: Iterable[tuple[facts.Form, facts.Fact]]) -> list[Probe]:
    found = []
    for form, fact in pairs:
        prompt, answer = facts.say(form, fact)
        found.append(ask(kind, prompt, answer) if form.chat else Probe(kind, prompt, answer))
    return found


def _sample(found: list[Probe], sample: int | None, seed: int) -> list[Probe]:
    if sample is None:
        return found
    rng = random.Random(f"probes:{seed}")  # noqa: S311 (a sample, not a secret)
    return shuffled(rng, found)[:sample]
