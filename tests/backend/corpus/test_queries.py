from __future__ import annotations

import csv
import io
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from backend.corpus.brute import NEURONS, Row, bare_values, indexed, rows_of, stored, tiny_llama
from neuronscope.core.errors import BadRequest
from neuronscope.corpus.bands import in_band
from neuronscope.corpus.bins import kurtosis
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.columns import counts_of
from neuronscope.corpus.gram_order import count_runs, write_order
from neuronscope.corpus.grams import LONGEST, Grams
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import from_texts
from neuronscope.corpus.table import COLUMNS, NeuronTable

TEXTS = ["a cat sat on a cat", "", "on the mat " * 6, "猫 a cat", "the cat sat", "=1+2", "zq"] * 2
ROWS = 2 * NEURONS


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    chosen = Settings(batch_tokens=90, sample=60, histogram=1.0)
    return build_index(tiny_llama(), from_texts(TEXTS), tmp_path_factory.mktemp("i") / "x", k=7, settings=chosen)


@pytest.fixture(scope="module")
def rows(index: Index) -> list[Row]:
    return rows_of(tiny_llama(), TEXTS, index.manifest.window)


@pytest.fixture(scope="module")
def values(index: Index, rows: list[Row]) -> list[np.ndarray]:
    return bare_values(tiny_llama(), rows, stored(index.folder, "window_batches").tolist())


def occurrences(rows: list[Row], n: int) -> Counter[tuple[int, ...]]:
    """Every run of n tokens without a special one, by hand."""
    runs = (tuple(row.ids[at : at + n]) for row in rows for at in range(len(row.ids) - n + 1))
    return Counter(run for run in runs if 0 not in run)


@pytest.mark.parametrize("units", [["mlp_act.0:1"], ["mlp_act.0:1", "mlp_act.1:8"]])
def test_lift_is_the_ratio_of_two_shares(index: Index, rows: list[Row], units: list[str]) -> None:
    loaded, hits = tiny_llama(), indexed(index.folder)
    of = {(row.doc, row.window): row.ids for row in rows}
    peaks: dict[int, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for name in units:
        layer, unit = (int(part) for part in name.removeprefix("mlp_act.").split(":"))
        for _, doc, window, position in hits[layer * NEURONS + unit]:
            for n in range(1, LONGEST + 1):
                run = tuple(of[doc, window][max(0, position - n + 1) : position + 1])
                if len(run) == n and 0 not in run:
                    peaks[n][run] += 1
    expected = {}
    for n, found in peaks.items():
        corpus = occurrences(rows, n)
        for run, count in found.items():
            lift = (count / found.total()) / (corpus[run] / corpus.total())
            expected[tuple(loaded.token_text(i) for i in run)] = (count, corpus[run], pytest.approx(lift))
    answers = {(s.token,): (s.count, s.occurs, s.lift) for s in index.tokens(units, limit=10_000)}
    answers |= {tuple(s.tokens): (s.count, s.occurs, s.lift) for s in index.ngrams(units, limit=10_000)}
    assert answers == expected
    assert max(len(run) for run in expected) == 5
    assert index.manifest.runs == tuple(occurrences(rows, n).total() for n in range(1, 6))
    with pytest.raises(BadRequest, match="1 to 5"):
        index.ngrams(units, sizes=[6])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=12), min_size=1, max_size=8),
    st.integers(1, 5),
    st.integers(1, 40),
)
def test_runs_are_counted_within_windows(
    tmp_path_factory: pytest.TempPathFactory, windows: list[list[int]], n: int, at_once: int
) -> None:
    tokens = np.array([i for window in windows for i in window], np.int32)
    starts = np.cumsum([0, *map(len, windows)])
    path = tmp_path_factory.mktemp("order") / "gram_order.npy"
    write_order(path, tokens, starts, at_once)
    grams = Grams(tokens, starts, np.load(path), np.cumsum([0, *counts_of(tokens)]), path.parent)
    found = Counter(tuple(w[at : at + n]) for w in windows for at in range(len(w) - n + 1))
    asked = [*found, (9,) * n, (3, 0, 1, 2, 2)[:n], (1,)]
    alone = Counter(i for window in windows for i in window)
    assert grams.counts(asked).tolist() == [found[run] for run in asked[:-1]] + [alone[1]]
    special = np.array([True, False, False, False])
    runs = sum(count for run, count in found.items() if 0 not in run)
    assert count_runs(tokens, starts, special)[n - 1] == runs
    for run in found:
        places = grams.places(run, 100).tolist()
        assert places == sorted(p for p in range(len(tokens)) if _run_at(tokens, starts, p, n) == run)


def _run_at(tokens: np.ndarray, starts: np.ndarray, place: int, n: int) -> tuple[int, ...]:
    end = starts[np.searchsorted(starts, place, side="right")]
    return tuple(tokens[place : min(place + n, end)].tolist())


@pytest.mark.parametrize("text", ["at", "cat", "a ca", " mat", "the c", "on"])
def test_a_run_of_tokens_leads_to_its_neurons(index: Index, rows: list[Row], text: str) -> None:
    ids = tiny_llama().tokenizer(text, add_special_tokens=False)["input_ids"]
    of = {(row.doc, row.window): row.ids for row in rows}
    expected: dict[int, list[float]] = defaultdict(list)
    for row, found in enumerate(indexed(index.folder)):
        for value, doc, window, position in found:
            if of[doc, window][max(0, position - len(ids) + 1) : position + 1] == ids:
                expected[row].append(value)
    answer = index.token_neurons(text, k=1000)
    assert {n.layer * NEURONS + n.unit: (n.max, n.count) for n in answer} == {
        row: (max(found), len(found)) for row, found in expected.items()
    }
    assert [n.mean for n in answer] == pytest.approx([np.mean(expected[n.layer * NEURONS + n.unit]) for n in answer])
    assert index.occurs(text)


def test_a_text_that_does_not_occur_has_no_neurons(index: Index) -> None:
    for text in ("never", "tacs", "猫猫", "a cat s"):
        assert not index.occurs(text)
        assert index.token_neurons(text) == []


def test_contexts_can_be_searched_by_text(index: Index) -> None:
    every = index.top([f"mlp_act.0:{n}" for n in range(NEURONS)], k=1000, window=3)
    found = index.top([f"mlp_act.0:{n}" for n in range(NEURONS)], k=1000, window=3, contains="CAT")
    assert found == [context for context in every if "cat" in "".join(context.tokens)]
    assert 0 < len(found) < len(every)
    assert index.top("mlp_act.0:1", contains="nowhere") == []


def test_a_context_leads_to_its_characters(index: Index) -> None:
    for context in index.top([f"mlp_act.1:{n}" for n in range(NEURONS)], k=100):
        data = TEXTS[context.doc].encode()
        assert context.start is not None
        assert TEXTS[context.doc][context.start : context.end].encode().find(data[context.position - 1 :][:1]) >= 0
        assert (context.file, context.line) == (None, None)


def test_examples_show_a_unit_where_it_is_weak(index: Index, rows: list[Row], values: list[np.ndarray]) -> None:
    table = {(row.doc, row.window): found for row, found in zip(rows, values, strict=True)}
    sample = stored(index.folder, "sample_values")[NEURONS + 3]
    for band in ("top", "middle", "random", "near_zero", "quantile"):
        found = index.examples("mlp_act.1:3", band, k=9, window=4)
        assert len(found) == 9
        shown = [example.activation for example in found]
        assert shown == sorted(shown, reverse=True)
        for example in found:
            position = example.position - example.window * index.manifest.stride
            assert table[example.doc, example.window][position, NEURONS + 3] == np.float32(example.activation)
            assert len(example.tokens) == len(example.special) <= 9
    near = [abs(example.activation) for example in index.examples("mlp_act.1:3", "near_zero", k=9)]
    assert sorted(near) == sorted(np.abs(sample).tolist())[:9]
    assert [e.activation for e in index.examples("mlp_act.1:3", "top", k=2)] == sorted(sample.tolist())[:-3:-1]
    high = index.examples("mlp_act.1:3", "quantile", k=100, low=0.9, high=1.0)
    assert [e.activation for e in high] == sorted(sample.tolist(), reverse=True)[:6]
    for wrong in ({"band": "odd"}, {"k": 0}, {"low": 0.6, "high": 0.5}, {"window": 17}):
        with pytest.raises(BadRequest):
            index.examples("mlp_act.1:3", **wrong)


def test_the_middle_lies_around_the_median_of_what_fires() -> None:
    values = np.array([-3, 9, -1, 1, 5, 7, 3, -2], np.float32)
    assert values[in_band(values, "middle", 3, (0, 1), (0,))].tolist() == [7, 5, 3]
    assert values[in_band(-np.abs(values), "middle", 2, (0, 1), (0,))].tolist() != []
    assert in_band(values[:0], "middle", 3, (0, 1), (0,)).tolist() == []


def test_the_table_says_what_each_neuron_does(index: Index, values: list[np.ndarray], rows: list[Row]) -> None:
    loaded = tiny_llama()
    of = {(row.doc, row.window): row.ids for row in rows}
    counted = np.concatenate([v[[i != 0 for i in row.ids]] for v, row in zip(values, rows, strict=True)])
    powers = np.stack([(counted.astype(np.float64) ** n).sum(0) for n in (1, 2, 3, 4)], axis=1)
    expected = kurtosis(powers, len(counted))
    assert index.manifest.sampled == len(counted)
    every = index.table.rows(index.table.choose(sort="unit", descending=False))
    assert len(every) == ROWS
    for row in every:
        number = row.layer * NEURONS + row.unit
        assert row.max == counted[:, number].max()
        assert row.kurtosis == pytest.approx(expected[number])
        _, doc, window, position = indexed(index.folder)[number][0]
        assert row.top_token == loaded.token_text(of[doc, window][position])
    for name in COLUMNS:
        for descending in (True, False):
            shown = index.table.rows(index.table.choose(sort=name, descending=descending))
            column = [getattr(row, name) for row in shown]
            assert column == sorted(column, reverse=descending)
    strong = index.table.choose(least={"max": every[5].max}, layers=[0])
    assert {(r.layer, r.unit) for r in index.table.rows(strong)} == {
        (r.layer, r.unit) for r in every if r.max >= every[5].max and r.layer == 0
    }
    token = every[3].top_token
    assert token is not None
    named = index.table.rows(index.table.choose(search=token.upper()))
    assert {r.top_token for r in named} == {
        r.top_token for r in every if token.casefold() in (r.top_token or "").casefold()
    }
    with pytest.raises(BadRequest, match="no column 'odd'"):
        index.table.choose(sort="odd")


def test_the_table_can_be_taken_away(index: Index, tmp_path: Path) -> None:
    numbers = index.table.choose(sort="top_token")
    rows = index.table.rows(numbers)
    text = b"".join(index.table.csv(numbers)).decode()
    read = list(csv.DictReader(io.StringIO(text)))
    assert [int(line["unit"]) for line in read] == [row.unit for row in rows]
    assert [float(line["max"]) for line in read] == [row.max for row in rows]
    for line, row in zip(read, rows, strict=True):
        risky = row.top_token is not None and row.top_token[0] in "=+-@"
        assert line["top_token"] == ("'" if risky else "") + (row.top_token or "")
    (tmp_path / "t.parquet").write_bytes(index.table.parquet(numbers))
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == [
        {name: getattr(row, name) for name in COLUMNS} for row in rows
    ]


class Large:
    """What a table needs of an index of 400,000 neurons."""

    class manifest:
        addresses, points = tuple(f"mlp_act.{layer}" for layer in range(40)), ("mlp_act",)
        units, vocabulary = (10_000,) * 40, 30_000

    def __init__(self) -> None:
        chooser = np.random.default_rng(0)
        self.moments: Any = chooser.normal(size=(400_000, 5))
        self.kurtosis = np.where(chooser.random(400_000) < 0.1, np.nan, chooser.normal(size=400_000))
        self.top_tokens = chooser.integers(-1, 30_000, 400_000)
        self.vocabulary = {number: (f" w{number}", False) for number in range(30_000)}


def test_a_page_of_400000_neurons_comes_quickly() -> None:
    table = NeuronTable(Large())
    taken = []
    for sort in (*COLUMNS, "max"):
        for search in ("", "w77"):
            start = time.process_time()
            rows = table.rows(table.choose(sort=sort, search=search, least={"firing_rate": -1.0})[1000:1050])
            taken.append(time.process_time() - start)
            assert len(rows) == 50
    assert table.rows(table.choose(sort="kurtosis")[-1:])[0].kurtosis is None
    assert sorted(taken)[len(taken) // 2] < 0.25
