"""The generators: deterministic, fully labelled, and honest about what is held out."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from neuronscope.models.bundled.corpus import PARTS, generate
from neuronscope.models.bundled.corpus.arithmetic import LARGEST, held_out, held_out_problems
from neuronscope.models.bundled.corpus.colours import colours
from neuronscope.models.bundled.corpus.facts import combinations, facts, say
from neuronscope.models.bundled.corpus.grammar import bucket
from neuronscope.models.bundled.corpus.verse import RHYMES

# Two numbers joined by an operator in any wording, in the order read.
_PAIR = re.compile(
    r"(\d+)(?: ?[+-] ?| plus | minus | and | take away )(\d+)|(?:add|Add|subtract|Subtract) (\d+) \w+ (\d+)"
)


def test_the_same_seed_gives_the_same_text_everywhere() -> None:
    text = "\n".join(document.text for document in generate(3, 300))
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "b0600740c24ae1955d58735cb257fdd3420a79b9ea9f876398c5cf6383f34f55"
    )
    assert bucket("a key", 1000) == 738


def test_a_document_depends_on_its_number_alone() -> None:
    assert list(generate(5, 40))[25:] == list(generate(5, 15, start=25))
    assert list(generate(5, 5)) != list(generate(6, 5))


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_spans_cover_every_character_once(split: str) -> None:
    seen = set()
    for document in generate(8, 1500, split):
        position = 0
        for span in document.spans:
            assert span.start == position < span.end
            position = span.end
            seen.add(span.part)
        assert position == len(document.text) > 0
    assert seen == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_can_be_asked_for_alone(part: str) -> None:
    found = {span.part for d in generate(1, 30, parts=[part]) for span in d.spans}
    assert part in found
    if part != "chat":
        assert found == {part}


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown parts"):
        next(generate(1, 1, parts=["weather"]))


def test_no_held_out_pair_is_ever_trained_on() -> None:
    for document in generate(1, 12_000):
        for match in _PAIR.finditer(document.text):
            a, b = (int(number) for number in match.groups() if number)
            assert not held_out(a, b), document.text


def test_held_out_documents_hold_held_out_pairs_only() -> None:
    for document in generate(1, 500, "heldout", parts=["arithmetic"]):
        pairs = [[int(n) for n in m.groups() if n] for m in _PAIR.finditer(document.text)]
        assert pairs
        assert all(held_out(a, b) for a, b in pairs)


def test_about_a_tenth_of_the_pairs_is_held_out() -> None:
    pairs = {(min(a, b), max(a, b)) for a, _, b, _ in held_out_problems()}
    assert 0.08 < len(pairs) / ((LARGEST + 1) * (LARGEST + 2) / 2) < 0.12
    assert all(c == (a + b if op == "+" else a - b) for a, op, b, c in held_out_problems())


def test_every_fact_is_taught_and_some_wordings_are_held_out() -> None:
    assert {fact for _, fact in combinations("train")} == set(facts())
    assert not set(combinations("train")) & set(combinations("heldout"))
    assert len(combinations("heldout")) > 150
    questions = {fact.kind + fact.x for fact in facts()}
    assert len(questions) == len(facts()), "a question with two answers"


def test_held_out_wordings_do_not_occur_in_training() -> None:
    plain = {"".join(say(form, fact)) for form, fact in combinations("heldout") if not form.chat}
    asked = {say(form, fact)[0] for form, fact in combinations("heldout") if form.chat}
    for document in generate(1, 4000, parts=["facts", "chat"]):
        for span in document.spans:
            piece = document.text[span.start : span.end]
            if span.part == "facts":
                # A chat answer may be worded as a statement; the question that drew it is known.
                assert piece not in asked
                if "<|" not in document.text:
                    assert not any(sentence + "." in plain for sentence in piece.split("."))


def test_the_series_task_is_absent_from_the_corpus() -> None:
    things = {fact.x for fact in colours()}
    text = " ".join(document.text for document in generate(1, 4000))
    assert "colour" not in text
    assert not things & set(re.findall(r"\w+", text))


def test_verse_rhymes() -> None:
    families = {word: family for family, words in RHYMES.items() for word in words}
    for document in generate(1, 100, parts=["verse"]):
        ends = [re.findall(r"\w+", line)[-1] for line in document.text.splitlines()]
        for first, second in zip(ends[::2], ends[1::2], strict=True):
            assert first != second
            assert families[first] == families[second]


def test_the_script_writes_what_the_generator_gives(tmp_path: Path) -> None:
    script = Path(__file__).resolve().parents[4] / "scripts" / "make_corpus.py"
    out = tmp_path / "corpus.jsonl"
    subprocess.run([sys.executable, script, out, "--documents", "20", "--seed", "2"], check=True)
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    documents = list(generate(2, 20))
    assert [line["text"] for line in lines] == [document.text for document in documents]
    assert [len(line["spans"]) for line in lines] == [len(d.spans) for d in documents]


def test_generating_needs_the_standard_library_alone() -> None:
    check = (
        "import sys, neuronscope.models.bundled.corpus.probes, neuronscope.models.bundled.labels;"
        "sys.exit(bool({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
