from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.corpus.brute import NEURONS, bare_values, indexed, rows_of, stored, tiny_llama
from backend.corpus.labelled import PARTS, TEXTS, change_manifest, labelled
from neuronscope.core.address import Unit
from neuronscope.core.errors import BadAddress, BadRequest, Conflict, Damaged
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Manifest, Settings
from neuronscope.corpus.readers import bundled, from_texts

K = 6


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("indexes") / "x"
    return build_index(tiny_llama(), labelled(), folder, k=K, settings=Settings(batch_tokens=90, sample=20))


@pytest.fixture(scope="module")
def truth(index: Index) -> dict[tuple[int, int], tuple[list[int], np.ndarray]]:
    """Ids and values of each (document, window), by bare hooks."""
    loaded = tiny_llama()
    rows = rows_of(loaded, TEXTS, index.manifest.window)
    values = bare_values(loaded, rows, stored(index.folder, "window_batches").tolist())
    return {(row.doc, row.window): (row.ids, table) for row, table in zip(rows, values, strict=True)}


def test_contexts_tell_what_the_model_did(index: Index, truth: dict[tuple[int, int], Any]) -> None:
    loaded = tiny_llama()
    hits = indexed(index.folder)
    for layer in range(2):
        for unit in range(NEURONS):
            contexts = index.top(f"mlp_act.{layer}:{unit}", k=K, window=5)
            assert len(contexts) == K
            for context, (value, doc, window, position) in zip(contexts, hits[layer * NEURONS + unit], strict=True):
                ids, table = truth[doc, window]
                column = table[:, layer * NEURONS + unit]
                left, right = max(0, position - 5), min(len(ids), position + 6)
                assert (context.layer, context.unit, context.doc, context.window) == (layer, unit, doc, window)
                assert context.activation == value == context.activations[context.peak]
                assert context.activations == column[left:right].tolist()
                assert context.tokens == [loaded.token_text(i) for i in ids[left:right]]
                assert context.special == [i == 0 for i in ids[left:right]]
                whole = loaded.tokenizer(TEXTS[doc])["input_ids"]
                assert loaded.token_text(whole[context.position]) == context.tokens[context.peak]


def test_parts_follow_the_labels(index: Index) -> None:
    seen = set()
    for unit in range(NEURONS):
        for context in index.top(f"mlp_act.0:{unit}", k=K):
            text, parts = TEXTS[context.doc], context.parts
            assert parts is not None
            assert len(parts) == len(context.tokens)
            characters = len(text.encode()[: context.position - 1].decode(errors="ignore"))
            assert parts[context.peak] == ("even" if characters < len(text) // 2 else "odd")
            seen.update(parts)
    assert seen == {"even", "odd", ""}


def test_no_labels_no_parts(tmp_path: Path) -> None:
    index = build_index(tiny_llama(), from_texts(["abc"]), tmp_path / "x", k=1)
    assert index.top("mlp_act.0:0")[0].parts is None
    assert index.sample().parts is None


def test_several_units_together_come_strongest_first(index: Index) -> None:
    units = ["mlp_act.1:3", "mlp_act.0:7", "mlp_act.1:3", "mlp_act.0:2"]
    hits = indexed(index.folder)
    rows = {"mlp_act.1:3": NEURONS + 3, "mlp_act.0:7": 7, "mlp_act.0:2": 2}
    expected = sorted(
        ((-value, doc, window, position, row) for row in rows.values() for value, doc, window, position in hits[row])
    )
    for k in (1, 5, 100):
        found = index.top(units, k=k)
        assert [(-c.activation, c.doc, c.layer * NEURONS + c.unit) for c in found] == [
            (value, doc, row) for value, doc, _, _, row in expected[:k]
        ]
    assert index.top([Unit.parse(unit) for unit in units]) == index.top(iter(units))


@pytest.mark.parametrize("units", [["mlp_act.0:1"], ["mlp_act.0:1", "mlp_act.1:8", "mlp_act.1:9"]])
def test_token_and_ngram_statistics_equal_a_count(
    index: Index, truth: dict[tuple[int, int], Any], units: list[str]
) -> None:
    loaded, hits = tiny_llama(), indexed(index.folder)
    runs: dict[tuple[int, ...], list[float]] = defaultdict(list)
    for name in units:
        unit = Unit.parse(name)
        for value, doc, window, position in hits[(unit.address.layer or 0) * NEURONS + unit.index]:
            for n in (1, 2, 3, 4, 5):
                run = tuple(truth[doc, window][0][max(0, position - n + 1) : position + 1])
                if len(run) == n and 0 not in run:
                    runs[run].append(value)
    shown = {
        tuple(loaded.token_text(i) for i in run): (max(found), np.mean(found), len(found))
        for run, found in runs.items()
    }
    tokens, ngrams = index.tokens(units), index.ngrams(units)
    found = {(stat.token,): (stat.max, pytest.approx(stat.mean), stat.count) for stat in tokens}
    found |= {tuple(stat.tokens): (stat.max, pytest.approx(stat.mean), stat.count) for stat in ngrams}
    assert found == shown
    assert all(stat.n == len(stat.tokens) for stat in ngrams)
    for answer in (tokens, ngrams):
        assert [stat.max for stat in answer] == sorted((stat.max for stat in answer), reverse=True)
    assert {stat.n for stat in index.ngrams(units, sizes=[2])} == {2}
    assert index.ngrams(units, limit=2) == ngrams[:2]


def test_a_token_leads_to_its_neurons(index: Index, truth: dict[tuple[int, int], Any]) -> None:
    loaded = tiny_llama()
    peaks: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row, found in enumerate(indexed(index.folder)):
        for value, doc, window, position in found:
            peaks[loaded.token_text(truth[doc, window][0][position])][row].append(value)
    assert len(peaks) > 5
    for token, by_row in peaks.items():
        answer = index.token_neurons(token, k=1000)
        expected = sorted(by_row.items(), key=lambda pair: (-max(pair[1]), pair[0]))
        assert [n.layer * NEURONS + n.unit for n in answer] == [row for row, _ in expected]
        assert [(n.max, n.count) for n in answer] == [(max(found), len(found)) for _, found in expected]
        assert [n.mean for n in answer] == pytest.approx([np.mean(found) for _, found in expected])
        assert index.token_neurons(token, k=1) == answer[:1]
    assert index.token_neurons("no such token") == []


def test_tokens_of_the_same_text_are_taken_together(index: Index, tmp_path: Path) -> None:
    shutil.copytree(index.folder, tmp_path / "x")
    vocabulary = json.loads((tmp_path / "x" / "vocabulary.json").read_text())
    a, b = (key for key, (text, _) in vocabulary.items() if text in ("a", "t"))
    vocabulary[a][0] = vocabulary[b][0] = "same"
    (tmp_path / "x" / "vocabulary.json").write_text(json.dumps(vocabulary))
    together = {(n.layer, n.unit): n for n in Index.open(tmp_path / "x").token_neurons("same", k=1000)}
    for letter in "at":
        for alone in index.token_neurons(letter, k=1000):
            other = {(n.layer, n.unit): n for n in index.token_neurons("t" if letter == "a" else "a", k=1000)}
            pair = [n for n in (alone, other.get((alone.layer, alone.unit))) if n is not None]
            found = together[alone.layer, alone.unit]
            assert found.count == sum(n.count for n in pair)
            assert found.max == max(n.max for n in pair)
            assert found.mean == pytest.approx(sum(n.mean * n.count for n in pair) / found.count)


def test_statistics_of_a_unit(index: Index, truth: dict[tuple[int, int], Any]) -> None:
    counted = np.concatenate([table[[i != 0 for i in ids]] for ids, table in truth.values()]).astype(np.float64)
    stats = index.stats("mlp_act.1:4")
    column = counted[:, NEURONS + 4]
    assert (stats.max, stats.min) == (column.max(), column.min())
    assert (stats.mean, stats.std) == pytest.approx((column.mean(), column.std()), rel=1e-5)
    assert stats.firing_rate == pytest.approx((column > 0).mean())
    assert index.manifest.tokens == len(column)


def test_the_sample_names_its_tokens(index: Index, truth: dict[tuple[int, int], Any]) -> None:
    loaded, stride = tiny_llama(), index.manifest.stride
    sample = index.sample([1, 0])
    assert sample.values.shape == (2 * NEURONS, 20)
    assert sample.units[0] == "mlp_act.1:0"
    assert sample.units[-1] == f"mlp_act.0:{NEURONS - 1}"
    for number, (doc, position, token) in enumerate(zip(sample.docs, sample.positions, sample.tokens, strict=True)):
        window, within = (position - 1) // stride, (position - 1) % stride + 1
        ids, table = truth[doc, window]
        assert token == loaded.token_text(ids[within])
        assert np.array_equal(sample.values[:NEURONS, number], table[within, NEURONS:])
        assert np.array_equal(sample.values[NEURONS:, number], table[within, :NEURONS])
    assert sample.parts is not None
    assert set(sample.parts) == {"even", "odd"}


@pytest.mark.parametrize(
    ("ask", "error", "reason"),
    [
        (lambda index: index.top("mlp_act.2:0"), BadAddress, r"not hold mlp_act\.2"),
        (lambda index: index.top(f"mlp_act.0:{NEURONS}"), BadAddress, "Unit 12 is out of range"),
        (lambda index: index.top("resid_post.0:1"), BadAddress, "It holds mlp_act of layers 0, 1"),
        (lambda index: index.top("nonsense"), BadAddress, "not a unit"),
        (lambda index: index.top([]), BadRequest, "No units"),
        (lambda index: index.top("mlp_act.0:0", k=0), BadRequest, "k is 0"),
        (lambda index: index.top("mlp_act.0:0", window=17), BadRequest, "window is 17"),
        (lambda index: index.sample([0, 5]), BadAddress, "layer 5"),
        (lambda index: index.sample([]), BadRequest, "No layers"),
    ],
)
def test_a_question_out_of_range_is_refused(
    index: Index, ask: Callable[[Index], object], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        ask(index)


def test_another_models_index_is_refused_with_the_reason(index: Index) -> None:
    key = tiny_llama().key
    assert index.usable(key) == (True, "")
    assert Index.open(index.folder, key).id == "x"
    other = tiny_llama(seed=3).key
    assert index.usable(other) == (False, "It was built on other weights, tokenizer or dtype of tiny-silu-0.")
    with pytest.raises(Conflict, match="other weights"):
        Index.open(index.folder, other)


def test_an_index_of_the_format_before_is_still_read(index: Index, tmp_path: Path) -> None:
    shutil.copytree(index.folder, tmp_path / "x")
    change_manifest(tmp_path / "x", format_version=2, addresses=None, point="mlp_act", layers=[0, 1])
    assert Index.open(tmp_path / "x").top("mlp_act.1:3") == index.top("mlp_act.1:3")


def test_what_an_older_index_did_not_count_is_counted_when_it_is_asked_for(index: Index, tmp_path: Path) -> None:
    shutil.copytree(index.folder, tmp_path / "x")
    (tmp_path / "x" / "gram_starts.npy").unlink()
    older = Index.open(tmp_path / "x")
    assert older.tokens("mlp_act.0:3") == index.tokens("mlp_act.0:3")
    assert older.ngrams("mlp_act.0:3") == index.ngrams("mlp_act.0:3")
    np.save(tmp_path / "x" / "gram_starts.npy", np.zeros(index.manifest.vocabulary + 1, np.int64))
    with pytest.raises(Damaged, match="order of places"):
        Index.open(tmp_path / "x").tokens("mlp_act.0:3")


def test_questions_need_no_torch(index: Index) -> None:
    code = (
        "import sys; from neuronscope.corpus.index import Index; i = Index.open(sys.argv[1]);"
        "assert i.top('mlp_act.0:0') and i.ngrams('mlp_act.0:0') and i.token_neurons('a') and i.sample();"
        "assert not {'torch', 'transformers', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(index.folder)], check=True, timeout=60)


def test_the_manifest_says_what_it_was_made_of(index: Index) -> None:
    m = index.manifest
    assert Manifest.read(index.folder) == m
    assert (m.corpus, m.parts, m.corpus_hash) == ("halves", PARTS, labelled().hash)
    assert (m.window, m.stride, m.prefix, m.batch_tokens, m.k) == (24, 23, (0,), 90, K)
    assert (m.documents, m.windows, m.layers, m.units) == (6, 7, (0, 1), (12, 12))
    assert m.tokens == sum(len(text.encode()) for text in TEXTS)
    assert m.tokens_run == m.tokens + m.windows
    assert {"torch", "transformers", "numpy", "neuronscope"} <= set(m.libraries)
    assert index.bytes == sum(path.stat().st_size for path in index.folder.iterdir())


def test_the_bundled_corpus_can_be_indexed(tmp_path: Path) -> None:
    index = build_index(tiny_llama(), bundled(25), tmp_path / "x", k=4)
    sample = index.sample()
    assert sample.parts is not None
    assert len(set(sample.parts)) > 3
    assert "" not in sample.parts
