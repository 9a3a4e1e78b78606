"""Each analysis equals scikit-learn's own on the same sample and seed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.preprocessing import scale

from neuronscope.analysis.kmeans import by_size
from neuronscope.analysis.registry import run
from neuronscope.core.errors import BadRequest

TOKENS = 15


def grouped(sizes: tuple[int, ...] = (5, 14, 9), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Units that follow one of a few patterns over the tokens, in mixed order, and which pattern each follows."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(len(sizes), TOKENS))
    group = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return (patterns[group] + rng.normal(size=(len(group), TOKENS)) * 0.3).astype(np.float32), group


def names(table: np.ndarray) -> list[str]:
    return [f"mlp_act.2:{unit}" for unit in range(len(table))]


@pytest.mark.parametrize(("normalise", "seed", "k"), [("none", 0, 3), ("zscore", 4, 5)])
def test_kmeans_equals_scikit_learn_up_to_the_numbering(normalise: str, seed: int, k: int) -> None:
    table, _ = grouped()
    given = {"k": k, "seed": seed, "n_init": 3, "normalise": normalise}
    answer = run("kmeans", table, names(table), given)
    same = scale(table.astype(np.float64), axis=1) if normalise == "zscore" else table.astype(np.float64)
    theirs = KMeans(n_clusters=k, random_state=seed, n_init=3).fit(same)
    assert adjusted_rand_score(theirs.labels_, answer["clusters"]) == 1.0
    assert answer["inertia"] == pytest.approx(theirs.inertia_)
    assert answer["silhouette"] == pytest.approx(silhouette_score(same, theirs.labels_))
    assert answer["sizes"] == sorted(np.bincount(theirs.labels_).tolist(), reverse=True)
    assert np.bincount(answer["clusters"]).tolist() == answer["sizes"]


def test_kmeans_finds_planted_groups() -> None:
    table, group = grouped()
    answer = run("kmeans", table, names(table), {"k": 3})
    assert answer["sizes"] == [14, 9, 5]
    number_of_group = {1: 0, 2: 1, 0: 2}  # they were planted with 5, 14 and 9 units
    assert answer["clusters"] == [number_of_group[planted] for planted in group.tolist()]


def test_clusters_of_equal_size_go_by_their_first_member() -> None:
    assert by_size(np.array([2, 0, 1, 1, 0, 2, 3])).tolist() == [0, 1, 2, 2, 1, 0, 3]
    assert by_size(np.array([5, 9, 9])).tolist() == [1, 0, 0]


@pytest.mark.parametrize("components", [2, 10])
def test_pca_equals_scikit_learn(components: int) -> None:
    table, _ = grouped()
    answer = run("pca", table, names(table), {"components": components, "normalise": "none"})
    theirs = PCA(n_components=components).fit(table.astype(np.float64))
    assert np.allclose(answer["coordinates"], theirs.transform(table.astype(np.float64)))
    assert answer["explained"] == pytest.approx(theirs.explained_variance_ratio_)


def test_tsne_equals_scikit_learn() -> None:
    table, _ = grouped()
    answer = run("tsne", table, names(table), {"perplexity": 6, "seed": 2, "max_iter": 300, "normalise": "none"})
    theirs = TSNE(perplexity=6.0, random_state=2, max_iter=300)
    assert np.allclose(answer["coordinates"], theirs.fit_transform(table.astype(np.float64)), rtol=1e-4, atol=1e-4)
    assert answer["divergence"] == pytest.approx(theirs.kl_divergence_, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("kmeans", {"k": 28}, "k is 28, but there are 28 neurons; k is at most 27"),
        ("tsne", {"perplexity": 28}, "perplexity is 28, but there are 28 neurons; it must be smaller"),
        ("pca", {"components": 10, "max_units": 9}, "at most 9"),
    ],
)
def test_more_than_the_neurons_allow_is_refused(name: str, given: dict[str, object], reason: str) -> None:
    table, _ = grouped()
    with pytest.raises(BadRequest, match=reason):
        run(name, table, names(table), given)


def test_fewer_patterns_than_clusters_are_refused() -> None:
    table = np.repeat(np.eye(3), 3, axis=0)
    with pytest.raises(BadRequest, match="fewer than k = 5"):
        run("kmeans", table, names(table), {"k": 5})
