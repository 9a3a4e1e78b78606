from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuronscope.analysis.agreement import agreement, parts_of, selectivity
from neuronscope.analysis.registry import run
from neuronscope.core.errors import BadRequest


def test_a_units_part_is_where_it_is_most_active() -> None:
    parts = ["code", "verse", "code", "", "verse", "code"]
    values = np.array(
        [
            [5, 0, 5, 9, 0, 5],  # code
            [0, 1, 0, 0, 1, 0],  # verse
            [100, 101, 100, 100, 101, 100],  # verse, whatever its mean
            [3, 3, 3, 3, 3, 3],  # never changes
        ],
        np.float32,
    )
    assert parts_of(values, parts) == ["code", "verse", "verse", "code"]
    scores = selectivity(values, parts, ["verse", "code"])
    z = (values[0] - values[0].mean()) / values[0].std()
    assert scores[0] == pytest.approx([z[[1, 4]].mean(), z[[0, 2, 5]].mean()])
    assert scores[1] == pytest.approx(scores[2])
    assert scores[3].tolist() == [0, 0]
    with pytest.raises(BadRequest, match="part 'chat'"):
        selectivity(values, parts, ["chat"])
    with pytest.raises(BadRequest, match="no labels"):
        parts_of(values, [""] * 6)


def test_agreement_tells_structure_from_chance() -> None:
    rng = np.random.default_rng(1)
    parts = [f"p{number}" for number in rng.integers(0, 4, 200)]
    same = agreement([int(part[1]) for part in parts], parts, shuffles=200)
    assert same.score == pytest.approx(1)
    chance = agreement(rng.integers(0, 4, 200).tolist(), parts, shuffles=200)
    assert chance.quantile(0.0) <= chance.score <= chance.quantile(1.0)
    for found in (same, chance):
        assert len(found.shuffled) == 200
        assert abs(found.shuffled.mean()) < 0.01, "by definition chance scores zero"
    again = agreement(rng.integers(0, 4, 200).tolist(), parts, shuffles=200)
    assert np.array_equal(agreement([0, 1] * 100, parts, 50).shuffled, agreement([0, 1] * 100, parts, 50).shuffled)
    assert again.quantile(1.0) < 0.2


def test_clusters_of_the_bundled_models_neurons_agree_with_its_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from neuronscope.corpus.builder import build_index
    from neuronscope.corpus.readers import bundled
    from neuronscope.models.loading.loader import load
    from neuronscope.models.loading.sources import Sources

    source = Sources().find("neuronscope/tiny")
    if source.folder is None or not list(source.folder.glob("*.safetensors")):
        pytest.skip("the bundled model has not been trained yet")
    index = build_index(load(source), bundled(400), tmp_path / "x", k=1)
    sample = index.sample()
    assert sample.parts is not None
    answer = run("kmeans", sample.values, sample.units, {"k": 13, "max_units": 1000})
    row = {unit: number for number, unit in enumerate(sample.units)}
    parts = parts_of(sample.values[[row[unit] for unit in answer["units"]]], sample.parts)
    found = agreement(answer["clusters"], parts, shuffles=1000)
    with capsys.disabled():
        print(  # noqa: T201  # the figure is to be stated
            f"\nclusters of {len(parts)} neurons against {len(set(parts))} parts: adjusted mutual information "
            f"{found.score:.3f}; of 1000 shuffles 99.9% stay below {found.quantile(0.999):.3f}"
        )
    assert found.score > found.quantile(0.999)
