"""Which part of the corpus a token belongs to: from the generator, or by rule for any text.

The rules know the markup, and otherwise go by vocabulary and form: they count how often each
word, and each pair of neighbouring words, occurs in each part as the generators write it, score
every sentence by those counts, and let the part change between sentences only where the evidence
is worth it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from neuronscope.models.bundled.corpus import PARTS, Document, Span, generate
from neuronscope.models.bundled.corpus.chat import USER

Offsets = Sequence[tuple[int, int]]

_MARKUP = re.compile(r"<\|\w+\|>")
_SENTENCE = re.compile(r".+?(?:[.!?]\"?(?=\s|\Z)\s*|\n\s*|\Z)", re.DOTALL)
_WORD = re.compile(r"^ {4,}|[^\W\d_]+|\d|[^\w\s]|_", re.MULTILINE)
_TAUGHT = 240
# Log-odds a change of part must be worth, within a text and between a question and its answer.
_CHANGE = 5.0


def token_parts(document: Document, offsets: Offsets) -> list[str]:
    """The part of each token, from its character offsets `[start, end)` in the document's text.

    A token without characters (the opening token) is markup, `chat`. Raises ValueError for an
    offset outside the text.
    """
    return _parts_at(document.spans, offsets)


def label_text(text: str, offsets: Offsets | None = None) -> list[Span]:
    """Label any text by rule.

    Without `offsets`, spans that cover the whole text in order, without gaps. With `offsets`,
    one span a token, in the order given, zero-width tokens being `chat`.
    """
    spans = _cover(text)
    if offsets is None:
        return spans
    parts = _parts_at(spans, offsets)
    return [Span(start, end, part) for (start, end), part in zip(offsets, parts, strict=True)]


def _parts_at(spans: Sequence[Span], offsets: Offsets) -> list[str]:
    length = spans[-1].end if spans else 0
    by_character: list[str] = []
    for span in spans:
        by_character += [span.part] * (span.end - span.start)
    parts = []
    for start, end in offsets:
        if not 0 <= start <= end <= length:
            raise ValueError(f"offset ({start}, {end}) is outside a text of {length} characters")
        parts.append("chat" if start == end else by_character[start])
    return parts


def _cover(text: str) -> list[Span]:
    labelled: list[Span] = []
    pending: list[tuple[int, int]] = []

    def settle() -> None:
        parts = _best_parts([text[start:end] for start, end in pending])
        labelled.extend(Span(*place, part) for place, part in zip(pending, parts, strict=True))
        pending.clear()

    # A question and its answer are settled together; a new question starts afresh.
    for start, end, is_markup in _pieces(text):
        if is_markup:
            if text[start:end] == USER:
                settle()
            labelled.append(Span(start, end, "chat"))
        else:
            sentences = _SENTENCE.finditer(text, start, end)
            pending += [sentence.span() for sentence in sentences]
    settle()
    spans: list[Span] = []
    for span in sorted(labelled, key=lambda span: span.start):
        if spans and spans[-1].part == span.part:
            spans[-1] = Span(spans[-1].start, span.end, span.part)
        else:
            spans.append(span)
    return spans


def _pieces(text: str) -> list[tuple[int, int, bool]]:
    found, position = [], 0
    for match in _MARKUP.finditer(text):
        if match.start() > position:
            found.append((position, match.start(), False))
        found.append((match.start(), match.end(), True))
        position = match.end()
    if position < len(text):
        found.append((position, len(text), False))
    return found


def _features(sentence: str) -> list[str]:
    words = [
        "0" if word.isdigit() else "indent" if word.isspace() else word.lower() for word in _WORD.findall(sentence)
    ]
    return words + [f"{one} {two}" for one, two in pairwise(words)]


@cache
def _weights() -> dict[str, tuple[float, ...]]:
    """Log-probability of each known feature in each part, relative to its mean over parts."""
    counts = {part: Counter[str]() for part in PARTS}
    for part in PARTS:
        chosen = ("chat",) if part == "chat" else ("chat", part)
        taught = 3 * _TAUGHT if part == "chat" else _TAUGHT
        for document in generate(0, taught, parts=chosen):
            for span in document.spans:
                piece = document.text[span.start : span.end]
                if span.part == part and not _MARKUP.search(piece):
                    for sentence in _SENTENCE.finditer(piece):
                        counts[part].update(_features(sentence.group()))
    features = sorted(set().union(*counts.values()))
    totals = [sum(counts[part].values()) + 0.2 * len(features) for part in PARTS]
    table = {}
    for feature in features:
        logs = [math.log((counts[part][feature] + 0.2) / total) for part, total in zip(PARTS, totals, strict=True)]
        mean = sum(logs) / len(logs)
        table[feature] = tuple(value - mean for value in logs)
    return table


def _best_parts(sentences: Sequence[str]) -> list[str]:
    """The likeliest sequence of parts, by dynamic programming over the sentences."""
    table, size = _weights(), len(PARTS)
    best = [0.0] * size
    came_from: list[list[int]] = []
    for sentence in sentences:
        top = max(range(size), key=best.__getitem__)
        origin = [i if best[i] >= best[top] - _CHANGE else top for i in range(size)]
        best = [max(best[i], best[top] - _CHANGE) for i in range(size)]
        for feature in _features(sentence):
            if feature in table:
                best = [value + gain for value, gain in zip(best, table[feature], strict=True)]
        came_from.append(origin)
    state = max(range(size), key=best.__getitem__)
    chosen: list[int] = []
    for origin in reversed(came_from):
        chosen.append(state)
        state = origin[state]
    return [PARTS[i] for i in reversed(chosen)]
