from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.corpus.brute import bare_values, rows_of, stored, tiny_llama
from backend.corpus.test_points import HELD, POINTS, UNITS, read
from neuronscope.core.errors import BadAddress, BadRequest, Cancelled, Conflict
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import from_texts
from neuronscope.corpus.together import SLACK, strongest_together

TEXTS = ["a cat sat on a cat", "", "on the mat " * 6, "猫 a cat", "the cat sat", "zq", "a cat sat on a cat"] * 2
NAMES = [f"{address}:{unit}" for address, count in zip(HELD, UNITS, strict=True) for unit in range(count)]
NEAR = 1e-4


@pytest.fixture(scope="module", params=[2, 7, 400])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """With few contexts for each unit, with some, and with every place that there is."""
    chosen = Settings(batch_tokens=90, sample=60)
    folder = tmp_path_factory.mktemp("together") / "x"
    return build_index(tiny_llama(), from_texts(TEXTS), folder, k=request.param, points=POINTS, settings=chosen)


def every_place(index: Index) -> dict[tuple[int, int], np.ndarray]:
    """Values ``[unit]`` at each (document, position) that counts, by bare hooks."""
    loaded = tiny_llama()
    rows = rows_of(loaded, TEXTS, index.manifest.window)
    values = bare_values(loaded, rows, stored(index.folder, "window_batches").tolist(), read)
    stride = index.manifest.stride
    return {
        (row.doc, row.window * stride + position): value[position]
        for row, value in zip(rows, values, strict=True)
        for position, token in enumerate(row.ids)
        if token != 0
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True),
    k=st.integers(1, 12),
    windows=st.integers(1, 20),
)
def test_the_best_places_equal_brute_force_as_far_as_they_are_certain(
    index: Index, names: list[str], k: int, windows: int
) -> None:
    found = strongest_together(tiny_llama(), index, names, k, windows=windows)
    assert sorted(found.units) == sorted(names)
    places = every_place(index)
    table = np.array(list(places.values()), np.float64)
    z = (table - table.mean(0)) / table.std(0)
    mine = [NAMES.index(name) for name in names]
    scores = dict(zip(places, z[:, mine].mean(1).tolist(), strict=True))
    best = sorted(scores.values(), reverse=True)
    assert [c.score for c in found.contexts] == sorted((c.score for c in found.contexts), reverse=True)
    for context in found.contexts:
        assert context.score == pytest.approx(scores[context.doc, context.position], abs=NEAR)
        order = [NAMES.index(name) for name in found.units]
        assert context.activations == pytest.approx(places[context.doc, context.position][order].tolist(), abs=NEAR)
        assert context.scores[context.peak] == context.score
        assert len(context.scores) == len(context.tokens)
    # Scores closer than SLACK count as equal, so among them any may be told.
    certain = [c.score for c in found.contexts[: found.certain]]
    assert certain == pytest.approx(best[: found.certain], abs=SLACK + NEAR)
    shown = {(c.doc, c.position) for c in found.contexts}
    last = found.contexts[-1].score if len(found.contexts) == k else -np.inf
    bound = -np.inf if found.bound is None else found.bound
    for place, score in scores.items():
        assert place in shown or score <= max(bound, last) + NEAR, "what was not run can't score above the bound"
    assert found.searched <= min(windows, found.candidates)


def test_with_every_window_run_nothing_is_left_out(index: Index) -> None:
    found = strongest_together(tiny_llama(), index, ["resid_post.1:3", "mlp_act.1:2"], 5, windows=1000)
    places = every_place(index)
    table = np.array(list(places.values()), np.float64)
    z = ((table - table.mean(0)) / table.std(0))[:, [NAMES.index("resid_post.1:3"), NAMES.index("mlp_act.1:2")]]
    if index.manifest.k == 400:
        assert found.bound is None or found.certain == 5
        assert [c.score for c in found.contexts] == pytest.approx(sorted(z.mean(1), reverse=True)[:5], abs=NEAR)
    counts = Counter(context.tokens[context.peak] for context in found.contexts)
    assert {stat.token: stat.count for stat in found.tokens} == counts
    assert found.tokens[0].max == pytest.approx(found.contexts[0].score)
    assert all(2 <= stat.n <= 5 for stat in found.ngrams)


def test_one_unit_alone_has_the_order_of_its_own_contexts(index: Index) -> None:
    k = min(5, index.manifest.k)
    found = strongest_together(tiny_llama(), index, "mlp_act.1:4", k, window=3)
    alone = index.top("mlp_act.1:4", k=k, window=3)
    assert [c.activations[0] for c in found.contexts] == pytest.approx([c.activation for c in alone], abs=NEAR)
    assert found.contexts[0].tokens == alone[0].tokens
    assert found.certain == k


def test_a_unit_that_never_varies_counts_as_nothing(tmp_path: Path) -> None:
    loaded = tiny_llama("relu", 1)
    weight = loaded.model.model.layers[0].mlp.up_proj.weight
    kept = weight[3].clone()
    with torch.no_grad():
        weight[3] = 0
    try:
        index = build_index(loaded, from_texts(TEXTS), tmp_path / "x", k=5)
        found = strongest_together(loaded, index, ["mlp_act.0:3", "mlp_act.0:4"], 3)
        assert found.constant == ["mlp_act.0:3"]
        alone = strongest_together(loaded, index, ["mlp_act.0:4"], 3)
        assert [c.score * 2 for c in found.contexts] == pytest.approx([c.score for c in alone.contexts], abs=NEAR)
        with pytest.raises(BadRequest, match="ever varies"):
            strongest_together(loaded, index, ["mlp_act.0:3"])
    finally:
        with torch.no_grad():
            weight[3] = kept


def test_it_runs_in_turns_tells_how_far_it_is_and_can_be_stopped(index: Index) -> None:
    loaded, told, turns = tiny_llama(), [], []

    def run(work):
        turns.append(1)
        return work()

    names = [f"resid_post.0:{n}" for n in range(8)]
    found = strongest_together(loaded, index, names, 30, run=run, progress=lambda *at: told.append(at))
    assert told[-1][0] == found.searched
    assert len(turns) == len(told)

    def stop() -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        strongest_together(loaded, index, names, check=stop)


def test_what_makes_no_sense_is_refused(index: Index) -> None:
    loaded = tiny_llama()
    for wrong in ({"k": 0}, {"windows": 0}, {"window": 17}):
        with pytest.raises(BadRequest):
            strongest_together(loaded, index, "mlp_act.1:4", **wrong)
    with pytest.raises(BadAddress, match=r"does not hold mlp_act\.0"):
        strongest_together(loaded, index, ["mlp_act.1:4", "mlp_act.0:4"])
    with pytest.raises(Conflict, match="other weights"):
        strongest_together(tiny_llama(seed=3), index, "mlp_act.1:4")
