from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.corpus.brute import NEURONS, stored, tiny_llama
from backend.corpus.test_points import HELD, POINTS, TEXTS, UNITS
from neuronscope.core.errors import BadAddress, BadRequest
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import from_texts

NAMES = [f"{address}:{unit}" for address, count in zip(HELD, UNITS, strict=True) for unit in range(count)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("n") / "x"
    return build_index(tiny_llama(), from_texts(TEXTS), folder, k=3, points=POINTS, settings=Settings(sample=60))


@pytest.mark.parametrize("name", ["mlp_act.1:3", "resid_post.0:7", "head_norm.1:1"])
def test_neighbours_are_numpys_correlations(index: Index, name: str) -> None:
    values = stored(index.folder, "sample_values").astype(np.float64)
    expected = np.corrcoef(values)[NAMES.index(name)]
    found = index.neighbours(name, k=1000)
    assert len(found) == len(NAMES) - 1
    for one in found:
        assert one.correlation == pytest.approx(expected[NAMES.index(f"{one.point}.{one.layer}:{one.unit}")], abs=1e-9)
        a, b = (values[NAMES.index(n)] for n in (name, f"{one.point}.{one.layer}:{one.unit}"))
        peak = np.abs((a - a.mean()) / a.std() * (b - b.mean()) / b.std()).argmax()
        rest = np.corrcoef(np.delete(a, peak), np.delete(b, peak))[0, 1]
        assert one.without_peak == pytest.approx(rest, abs=1e-9)
    sizes = [abs(one.correlation) for one in found]
    assert sizes == sorted(sizes, reverse=True)
    assert min(one.correlation for one in found) < 0 < max(one.correlation for one in found)
    assert index.neighbours(name, k=4) == found[:4]
    assert index.neighbours(name, k=1000, point="mlp_act") == [one for one in found if one.point == "mlp_act"]


def test_several_units_count_as_the_mean_of_their_z_scores(index: Index) -> None:
    names = ["mlp_act.1:3", "mlp_act.1:5", "resid_mid.0:2"]
    values = stored(index.folder, "sample_values").astype(np.float64)
    mine = values[[NAMES.index(name) for name in names]]
    score = ((mine - mine.mean(1, keepdims=True)) / mine.std(1, keepdims=True)).mean(0)
    found = index.neighbours(names, k=1000)
    assert not {f"{one.point}.{one.layer}:{one.unit}" for one in found} & set(names)
    for one in found:
        row = values[NAMES.index(f"{one.point}.{one.layer}:{one.unit}")]
        assert one.correlation == pytest.approx(np.corrcoef(score, row)[0, 1], abs=1e-9)


def test_what_does_not_vary_is_no_neighbour_and_has_none(index: Index, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(index.folder, tmp_path / "x")
    values = np.load(tmp_path / "x" / "sample_values.npy")
    values[NAMES.index("mlp_act.1:0")] = 0.1
    values[NAMES.index("mlp_act.1:1"), 3] = np.nan
    np.save(tmp_path / "x" / "sample_values.npy", values)
    changed = Index.open(tmp_path / "x")
    found = changed.neighbours("mlp_act.1:2", k=1000, point="mlp_act")
    assert {one.unit for one in found} == set(range(3, NEURONS))
    for name in ("mlp_act.1:0", "mlp_act.1:1"):
        with pytest.raises(BadRequest, match="does not vary"):
            changed.neighbours(name)


def test_what_can_not_be_asked_is_refused(index: Index, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="k is 0"):
        index.neighbours("mlp_act.1:3", k=0)
    with pytest.raises(BadAddress, match="does not hold ln1"):
        index.neighbours("mlp_act.1:3", point="ln1")
    small = build_index(tiny_llama(), from_texts(["ab"]), tmp_path / "x", k=3)
    with pytest.raises(BadRequest, match="a sample of 2 tokens"):
        small.neighbours("mlp_act.1:3")
