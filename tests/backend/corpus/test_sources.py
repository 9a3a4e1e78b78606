from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow as arrow
import pytest
from pyarrow import parquet

from backend.corpus.brute import stored, tiny_llama
from backend.corpus.exact import check_exact
from neuronscope.core.errors import BadRequest, NeuronScopeError, NotFound, Offline
from neuronscope.corpus import hub
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import Corpus, from_texts
from neuronscope.corpus.sources import open_source, read_file

TEXTS = ["one", "", "猫 and שלום\u202e", "two\nlines \x00", "one"]


def write_parquet(path: Path, column: str = "text", **more: object) -> Path:
    parquet.write_table(arrow.table({column: TEXTS, "number": range(len(TEXTS)), **more}), path, row_group_size=2)
    return path


def texts(corpus: Corpus) -> list[str]:
    return [document.text for document in corpus]


def test_a_parquet_file_gives_a_document_a_row(tmp_path: Path) -> None:
    corpus = read_file(write_parquet(tmp_path / "a.parquet"))
    assert texts(corpus) == TEXTS == texts(corpus)
    assert [(d.file, d.line) for d in corpus] == [("a.parquet", n + 1) for n in range(5)]
    assert corpus.hash == from_texts(TEXTS).hash
    assert corpus.summary.documents == 5
    missing = arrow.table({"body": arrow.array(["x", None]).dictionary_encode()})
    parquet.write_table(missing, tmp_path / "b.pq")
    assert texts(read_file(tmp_path / "b.pq", field="body")) == ["x", ""]


@pytest.mark.parametrize(
    ("field", "reason", "hint"),
    [("words", "no column 'words'", "'text', 'number'"), ("number", "holds int64, not text", "column of text")],
)
def test_a_parquet_file_without_the_field(tmp_path: Path, field: str, reason: str, hint: str) -> None:
    with pytest.raises(BadRequest, match=reason) as caught:
        read_file(write_parquet(tmp_path / "a.parquet"), field=field)
    assert hint in caught.value.hint


def test_damaged_parquet_is_told(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet")
    data = path.read_bytes()
    for broken in (b"", b"PAR1", data[:-20], b"words, words"):
        path.write_bytes(broken)
        with pytest.raises(BadRequest, match=r"'a\.parquet' is not a Parquet file"):
            read_file(path)
    path.write_bytes(data[:4] + b"\xff" * 60 + data[64:])
    with pytest.raises(BadRequest, match=r"'a\.parquet' is damaged"):
        texts(read_file(path))
    column = arrow.StringArray.from_buffers(1, arrow.py_buffer(b"\0\0\0\0\2\0\0\0"), arrow.py_buffer(b"a\xff"))
    parquet.write_table(arrow.table({"text": column}), path)
    with pytest.raises(BadRequest, match=r"Row 1 of 'a\.parquet' is not valid UTF-8"):
        texts(read_file(path))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("neuronscope.corpus.parquet.find_spec", lambda _: None)
    with pytest.raises(BadRequest, match="pyarrow, which is not installed") as caught:
        read_file(path)
    assert "neuronscope[parquet]" in caught.value.hint
    with pytest.raises(BadRequest, match="datasets, which is not installed"):
        open_source("hf:owner/name")


def test_a_folder_is_one_corpus_in_the_order_of_its_paths(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "b" / "z.txt").write_text("last\n\nof all\n")
    (tmp_path / ".hidden" / "z.txt").write_text("never")
    (tmp_path / "a.jsonl").write_text('{"text": "first"}\n\n{"text": "second"}\n')
    (tmp_path / "c.png").write_bytes(b"\xff")
    write_parquet(tmp_path / "aa.parquet")
    corpus = open_source(str(tmp_path))
    assert texts(corpus) == ["first", "second", *TEXTS, "last", "of all"]
    assert [document.ordinal for document in corpus] == list(range(9))
    found = [(document.file, document.line) for document in corpus]
    assert found[:3] == [("a.jsonl", 1), ("a.jsonl", 3), ("aa.parquet", 1)]
    assert found[-2:] == [("b/z.txt", 1), ("b/z.txt", 3)]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRequest, match="'empty' holds no corpus files"):
        open_source(str(tmp_path / "empty"))
    with pytest.raises(NotFound, match="hf:NAME"):
        open_source(str(tmp_path / "nothing"))


@pytest.mark.parametrize("ref", ["hf:", "hf:../etc", "hf:a/b/c", "hf:a b", "hf:/abs", "hf:a:b c"])
def test_what_names_no_data_set_is_refused(ref: str) -> None:
    with pytest.raises(BadRequest, match="names no data set"):
        open_source(ref)


def test_a_data_set_is_streamed(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="the extra neuronscope[datasets] is not installed")
    (tmp_path / "data").mkdir()
    write_parquet(tmp_path / "data" / "train-00000.parquet")
    corpus = hub.stream(str(tmp_path), None, "train", "text", "hf:mine")
    assert texts(corpus) == TEXTS == texts(corpus)
    assert texts(corpus.first(2)) == TEXTS[:2]
    with pytest.raises(BadRequest, match="no text in a field 'body'"):
        texts(hub.stream(str(tmp_path), None, "train", "body", "hf:mine"))
    with pytest.raises(BadRequest, match="'hf:mine' can't be read"):
        texts(hub.stream(str(tmp_path), None, "nowhere", "text", "hf:mine"))
    with pytest.raises((Offline, NotFound)):
        texts(open_source("hf:nobody/nothing"))


def test_a_hit_leads_back_to_its_file(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("a cat\n\n\nthe 猫 sat\n")
    (folder / "b.jsonl").write_text(json.dumps({"text": "on a mat"}) + "\n")
    corpus = open_source(str(folder))
    index = build_index(tiny_llama(), corpus, tmp_path / "x", k=30)
    assert index.manifest.files == ("a.txt", "b.jsonl")
    assert stored(index.folder, "source_files").tolist() == [0, 0, 1]
    assert stored(index.folder, "source_lines").tolist() == [1, 4, 1]
    check_exact(tiny_llama(), texts(corpus), index)


@pytest.mark.parametrize("content", [b"", b"\n\n \n", b"\xef\xbb\xbf", b"\x00\n\xff\n", b"\xff\xfea\x00"])
def test_an_odd_file_gives_a_clear_message_and_no_index(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(NeuronScopeError, match=r"no text to index|not valid UTF-8"):
        build_index(tiny_llama(), read_file(tmp_path / "a.txt"), tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_line_of_50_megabytes_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"so on and on \x00 " * 3_500_000)
    corpus = read_file(tmp_path / "a.txt")
    assert corpus.summary.documents == 1
    assert corpus.summary.bytes == 52_500_000
    long = "so on and on " * 12_000
    index = build_index(tiny_llama(), from_texts([long]), tmp_path / "x", k=3, settings=Settings(batch_tokens=9000))
    assert index.manifest.tokens == len(long)
    inner = stored(index.folder, "token_chars")[stored(index.folder, "tokens") != 0]
    assert inner.tolist() == [[n, n + 1] for n in range(len(long))]


def test_very_many_tiny_documents_take_linear_time(tmp_path: Path) -> None:
    taken = []
    for count in (20_000, 100_000):
        corpus = from_texts(f"{n % 7}" for n in range(count))
        start = time.process_time()
        index = build_index(tiny_llama(), corpus, tmp_path / str(count), k=2, settings=Settings(batch_tokens=8192))
        taken.append(time.process_time() - start)
        assert index.manifest.documents == index.manifest.tokens == count
        assert len(index.top("mlp_act.0:1")) == 2
    assert taken[1] < 10 * taken[0], "25 times as long would be quadratic"
