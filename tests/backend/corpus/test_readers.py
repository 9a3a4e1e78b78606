from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuronscope.core.errors import BadRequest, NotFound
from neuronscope.corpus.readers import Corpus, bundled, from_texts, read_jsonl, read_text
from neuronscope.corpus.sources import read_file
from neuronscope.models.bundled.corpus import generate


def texts(corpus: Corpus) -> list[str]:
    found = list(corpus)
    assert [document.ordinal for document in found] == list(range(len(found)))
    return [document.text for document in found]


def test_text_is_split_at_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes("\ufeffone\r\n  indented\r\n\r\n \t\r\ntwo é\n\n\n".encode())
    corpus = read_text(file)
    assert texts(corpus) == ["one\n  indented", "two é"]
    assert texts(corpus) == ["one\n  indented", "two é"], "it can be read again"
    assert corpus.name == "notes"
    assert (corpus.summary.documents, corpus.summary.bytes) == (2, 14 + 6)


def test_an_empty_file_is_an_empty_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n")
    assert texts(read_text(tmp_path / "a.txt")) == []


def test_json_lines_keep_empty_documents_and_skip_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    lines = ['{"text": "one\\ntwo"}', "", '{"text": ""}', json.dumps({"text": "猫 \0", "n": 1}, ensure_ascii=False)]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert texts(read_jsonl(file)) == ["one\ntwo", "", "猫 \0"]


def test_the_hint_says_on_every_face_how_another_field_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"body": "fine"}\n')
    with pytest.raises(BadRequest) as refused:
        list(read_jsonl(tmp_path / "a.jsonl"))
    assert all(way in refused.value.hint for way in ("--field", "field=", "“Field of the text”"))


def test_another_field_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"body": "x", "text": "y"}\n')
    assert texts(read_jsonl(tmp_path / "a.jsonl", field="body", name="mine")) == ["x"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "Line 2 of 'a.jsonl' is not valid JSON"),
        ('["text"]', "Line 2 of 'a.jsonl' is not a JSON object"),
        ('{"body": "x"}', "Line 2 of 'a.jsonl' has no field 'text'"),
        ('{"text": 3}', "Line 2 of 'a.jsonl' holds no text in its field 'text'"),
        ('{"text": "\\ud800"}', "Line 2 of 'a.jsonl' holds half of a surrogate pair"),
        ("[" * 100_000, "Line 2 of 'a.jsonl' is not valid JSON"),
        ('{"text": ' + "9" * 10_000 + "}", "Line 2 of 'a.jsonl' is not valid JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "fine"}\n' + line + "\n")
    corpus = read_jsonl(tmp_path / "a.jsonl")
    reading = iter(corpus)
    assert next(reading).text == "fine", "reading is lazy"
    with pytest.raises(BadRequest, match=reason):
        next(reading)
    with pytest.raises(BadRequest, match=reason):
        _ = corpus.hash


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_invalid_utf8_is_named_by_line_and_byte(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'{"text": "one"}\n{"text": "\xff"}\n')
    with pytest.raises(BadRequest, match=rf"Line 2 of '{name}' is not valid UTF-8 \(byte 11 of the line\)"):
        list(read_file(tmp_path / name))


def test_a_missing_file_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nothing\.txt"):
        read_text(tmp_path / "nothing.txt")
    with pytest.raises(NotFound):
        read_jsonl(tmp_path)


def test_the_hash_is_over_what_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    (tmp_path / "b.ndjson").write_text('{"text": "one"}\n{"text": "two"}\n')
    first = read_file(tmp_path / "a.txt")
    assert first.hash == read_file(tmp_path / "b.ndjson").hash == from_texts(["one", "two"]).hash
    others = [["two", "one"], ["onet", "wo"], ["one", "two", ""], ["onetwo"], [], [""]]
    assert len({first.hash, *(from_texts(other).hash for other in others)}) == 1 + len(others)


def test_the_first_documents_of_a_corpus() -> None:
    corpus = from_texts(["a", "b", "c"])
    assert texts(corpus.first(2)) == ["a", "b"]
    assert texts(corpus.first(9)) == ["a", "b", "c"]
    assert corpus.first(None) is corpus
    assert corpus.first(2).hash == from_texts(["a", "b"]).hash


def test_the_bundled_corpus_is_labelled_and_reproducible() -> None:
    corpus = bundled(30, seed=5)
    assert texts(corpus) == [document.text for document in generate(5, 30)]
    assert all({span.part for span in document.spans or ()} <= set(corpus.parts) for document in corpus)
    assert corpus.hash == bundled(30, seed=5).hash != bundled(30, seed=6).hash
