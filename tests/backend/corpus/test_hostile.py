"""Odd and hostile corpora through the door that every face uses: a clear message or a correct index, never half of one."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as arrow
import pytest
from pyarrow import parquet

from backend.corpus.brute import tiny_llama
from backend.corpus.exact import check_exact
from neuronscope.core.errors import BadRequest, NotFound
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.unfinished import unfinished_in
from neuronscope.runtime.indexing import find_or_build, open_corpus
from neuronscope.runtime.workspace import Workspace

SCRIPTS = [
    "English, русский, ελληνικά, עברית, العربية, हिन्दी, 日本語, 한국어, ไทย in one line",
    "\u202eright to left\u202c and left to right",
    "e\u0301 beside é, \u200bzero\u200dwidth\u200c, \ufeff inside",
    "🙂👨‍👩‍👧‍👦🏳️‍🌈 \U0010ffff \ue000",
    "\x00\x01\x02 null \x00 bytes \x1b[31m and escapes \x7f\x9f",
    "=1+2\t@x\r\n-3",
    "Z̸̡̛̦̲a̶l̷g̴o̵",
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


def left(workspace: Workspace) -> list[Path]:
    return [*workspace.indexes.iterdir(), *unfinished_in(workspace.indexes)]


def test_scripts_mixed_in_one_text_are_indexed_exactly(tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(json.dumps({"text": text}) for text in SCRIPTS), encoding="utf-8")
    index = find_or_build(tiny_llama(), workspace, path, k=9, settings=Settings(batch_tokens=200))
    check_exact(tiny_llama(), SCRIPTS, index)
    for unit in range(12):
        for context in index.top(f"mlp_act.1:{unit}", k=9):
            assert context.start is not None
            assert context.end is not None
            assert 0 <= context.start < context.end <= len(SCRIPTS[context.doc])
            assert (context.file, context.line) == ("mixed.jsonl", context.doc + 1)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", "no text to index"),
        ("a.txt", b"\n \n\t\n", "no text to index"),
        ("a.jsonl", b'{"text": ""}\n{"text": ""}\n', "no text to index"),
        ("a.txt", b"fine\n\n" * 50_000 + b"bad \xff byte", r"Line 100001 of 'a\.txt' is not valid UTF-8"),
        ("a.txt", "utf-16 text".encode("utf-16"), "not valid UTF-8"),
        ("a.jsonl", b'{"text": "fine"}\n' * 5_000 + b'{"text": ', "Line 5001 of 'a.jsonl' is not valid JSON"),
        ("a.jsonl", b'{"body": "x"}\n', "has no field 'text'"),
        ("a.jsonl", b'{"text": "\\udc80"}\n', "half of a surrogate pair"),
        ("a.parquet", b"PAR1 and nothing", "is not a Parquet file"),
    ],
)
def test_what_can_not_be_read_is_told_and_leaves_no_index(
    tmp_path: Path, workspace: Workspace, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadRequest, match=reason):
        find_or_build(tiny_llama(), workspace, tmp_path / name, settings=Settings(shard=100))
    assert left(workspace) == []


def test_a_parquet_file_without_the_field_leaves_no_index(tmp_path: Path, workspace: Workspace) -> None:
    parquet.write_table(arrow.table({"body": ["a text"]}), tmp_path / "a.parquet")
    with pytest.raises(BadRequest, match="no column 'text'"):
        find_or_build(tiny_llama(), workspace, tmp_path / "a.parquet")
    assert left(workspace) == []
    assert find_or_build(tiny_llama(), workspace, tmp_path / "a.parquet", field="body").manifest.tokens == 6


def test_a_file_that_turns_bad_between_two_readings_leaves_no_index(tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one and two and three\n\n" * 8_000)
    seen = 0

    def spoil(done: int, total: int) -> None:
        nonlocal seen
        seen = max(seen, done)
        if done > 500:
            path.write_bytes(b"one\n\n\xff\n")

    with pytest.raises(Exception, match=r"changed while it was read|not valid UTF-8"):
        find_or_build(tiny_llama(), workspace, path, settings=Settings(shard=500), progress=spoil)
    assert seen > 500
    assert left(workspace) == []


def test_nothing_takes_an_unfinished_index_for_one(tmp_path: Path, workspace: Workspace) -> None:
    class Stop(BaseException):
        pass

    def stop(done: int, total: int) -> None:
        if done > 40:
            raise Stop

    path = tmp_path / "a.txt"
    path.write_text("one\n\ntwo\n\n" * 50)
    with pytest.raises(Stop):
        find_or_build(tiny_llama(), workspace, path, settings=Settings(shard=20), progress=stop)
    unfinished = unfinished_in(workspace.indexes)
    assert len(unfinished) == 1
    assert list(workspace.indexes.glob("x_*")) == []
    with pytest.raises(NotFound, match="is no index"):
        Index.open(unfinished[0])
    index = find_or_build(tiny_llama(), workspace, path, settings=Settings(shard=20))
    check_exact(tiny_llama(), [document.text for document in open_corpus(path)], index)
    assert unfinished_in(workspace.indexes) == []
