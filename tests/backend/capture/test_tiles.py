"""Tiles against an independent computation from a full capture of the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

import neuronscope as ns
from neuronscope.capture import tiles
from neuronscope.capture.generate import Generation
from neuronscope.capture.projections import SEED
from neuronscope.capture.values import Lookup
from neuronscope.core.errors import BadAddress, BadRequest, Conflict, NeuronScopeError, NotFound
from neuronscope.core.events import Start, Step
from neuronscope.core.trace_config import MOST_BYTES, TraceConfig
from neuronscope.corpus.index import Index
from neuronscope.runtime.references import lookup
from neuronscope.runtime.scope import Scope
from neuronscope.runtime.workspace import Workspace
from neuronscope.traces.payloads import F16_ABSOLUTE, F16_RELATIVE, Q8_BOUND, decode
from support.families import FAMILIES, tiny_model
from support.runs import request, run, steps, tiny
from support.tokenizers import tiny_tokenizer

POINTS = ("embed", "resid_post", "mlp_act", "attn_out", "head_norm", "ln_f", "logits")
TOKENS = 6
WORDS = (
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "ran after",
    "12 dogs;",
    "what",
    "day!",
    "BIG",
    "Red",
    "balls, no?",
)


def _whole(family: str, points: tuple[str, ...] = POINTS) -> list[dict[str, np.ndarray]]:
    """The last position of each step by address, in float32."""
    found = steps(run(tiny(family), TOKENS, {"capture_mode": "full", "quantization": "f32", "points": points}))
    return [{e.address: decode(e.payload or {}, e.shape)["values"][-1] for e in step.entries} for step in found]


def _tiles(step: Step) -> dict[str, dict[str, Any]]:
    return {e.address: decode(e.payload, e.shape) for e in step.entries if e.payload and e.payload["kind"] == "tile"}


def _tile_run(family: str, **config: Any) -> list[Step]:
    base = {"capture_mode": "tile", "quantization": "f32", "points": POINTS}
    return steps(run(tiny(family), TOKENS, {**base, **config}))


@pytest.mark.parametrize("family", ["llama", "opt", "gpt2"])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 8), (7, 7), (12, 16)])
def test_cells_are_means_of_consecutive_units(family: str, size: tuple[int, int]) -> None:
    for step, expected in zip(_tile_run(family, tile_size=size), _whole(family), strict=True):
        found = _tiles(step)
        assert set(found) == set(expected)
        for address, units in expected.items():
            image = found[address]
            assert (image["source"], image["values"].shape) == ("order", size)
            # Positions are those of the step's own tokens; of the logits only the last is computed.
            assert image["positions"].tolist() == [0 if address == "logits" else step.t_add - 1]
            run_length = image["run"]
            assert (run_length - 1) * size[0] * size[1] < len(units) <= run_length * size[0] * size[1]
            means = [units[n : n + run_length].astype(np.float64).mean() for n in range(0, len(units), run_length)]
            flat = image["values"].ravel()
            assert np.abs(flat[: len(means)] - means).max() <= 1e-6 * np.abs(units).max()
            assert np.isnan(flat[len(means) :]).all()
            if run_length == 1:
                assert np.array_equal(flat[: len(units)], units)


@pytest.mark.parametrize("family", ["llama", "opt"])
def test_cells_are_sums_by_the_signs_that_the_seed_gives(family: str) -> None:
    size = (5, 9)
    cells = size[0] * size[1]
    for step, expected in zip(_tile_run(family, tile="random", tile_size=size), _whole(family), strict=True):
        for address, units in expected.items():
            image = _tiles(step)[address]
            assert (image["source"], image["seed"], image["values"].shape) == ("random", SEED, size)
            words = [int(word) for word in np.random.PCG64(image["seed"]).random_raw(len(units) * cells // 64 + 1)]
            bits = [words[n // 64] >> n % 64 & 1 for n in range(len(units) * cells)]
            signs = np.array(bits, np.float64).reshape(len(units), cells) * 2 - 1
            wanted = units.astype(np.float64) @ signs / cells**0.5
            assert np.abs(image["values"].ravel() - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_tiles_beside_its_statistics(family: str) -> None:
    events = run(tiny(family), 4, {"capture_mode": "tile"})
    start = events[0]
    assert isinstance(start, Start)
    watched = [point for point in start.points if not point.startswith("attn_weights")]
    assert start.config["tile_size"] == (32, 32)
    assert start.config["without_tile"] == {}
    stats = steps(run(tiny(family), 4, {"capture_mode": "stats"}))
    for step, plain in zip(steps(events), stats, strict=True):
        assert list(_tiles(step)) == watched
        assert step.dropped is None
        assert {e.address: e.stats for e in step.entries} == {e.address: e.stats for e in plain.entries}


@pytest.mark.parametrize("quantization", ["f16", "q8"])
@pytest.mark.parametrize("tile", ["order", "random"])
def test_shortened_tiles_stay_within_their_bounds(quantization: str, tile: str) -> None:
    exact = _tile_run("llama", tile=tile, tile_size=(6, 7))
    for one, other in zip(
        exact, _tile_run("llama", tile=tile, tile_size=(6, 7), quantization=quantization), strict=True
    ):
        for address, image in _tiles(other).items():
            true, got = _tiles(one)[address]["values"], image["values"]
            assert np.array_equal(np.isnan(true), np.isnan(got))
            bound = np.maximum(F16_RELATIVE * np.abs(true), F16_ABSOLUTE)
            if quantization == "q8":
                bound = np.full_like(true, Q8_BOUND * np.nanmax(np.abs(true)))
            assert (np.isnan(true) | (np.abs(got - true) <= bound)).all()


def test_the_budget_counts_tiles_and_drops_them_as_other_payloads() -> None:
    cells = 8 * 8
    whole = _tile_run("llama", tile="random", tile_size=(8, 8))[1]
    assert whole.dropped is None
    # Left out, it is made for what was asked for, not for the strongest units.
    assert TraceConfig(capture_mode="tile").resolve(3, 32).max_bytes_per_step == MOST_BYTES
    step = _tile_run("llama", tile="random", tile_size=(8, 8), max_bytes_per_step=3 * cells * 4)[1]
    assert step.dropped is not None
    gone = {e.address for e in whole.entries} - set(_tiles(step))
    assert gone == set(step.dropped["addresses"])
    assert step.dropped["bytes"] >= len(whole.entries) * cells * 4


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scope, str]:
    """A model with an index of neurons and of the stream in two of its three layers, and a sample of 300 tokens or more."""
    folder = tmp_path_factory.mktemp("pca")
    random = np.random.default_rng(5)
    corpus = folder / "corpus.txt"
    corpus.write_text("\n\n".join(" ".join(random.choice(WORDS, 8)) for _ in range(30)), encoding="utf-8")
    model = tiny_model("llama")
    model.generation_config.eos_token_id = None
    scope = ns.wrap(model, tiny_tokenizer(), model_id="llama", workspace=Workspace(folder / "home"))
    return scope, scope.index(corpus, k=2, points=["mlp_act", "resid_post.0", "resid_post.2"]).id


def _pca(scope: Scope, index_id: str, **config: Any) -> list[Any]:
    given = {"capture_mode": "tile", "tile": "pca", "tile_reference": index_id, "quantization": "f32", **config}
    return run(scope.loaded, TOKENS, given, lookup=lookup(scope.loaded, scope.workspace))


@pytest.mark.parametrize("size", [(3, 4), (8, 8)])
def test_cells_are_scores_on_the_principal_components_of_the_sample(
    indexed: tuple[Scope, str], size: tuple[int, int]
) -> None:
    """Against scikit-learn, fitted to what the index says it sampled."""
    scope, index_id = indexed
    index = Index.open(scope.workspace.index_path(index_id))
    points = ("mlp_act", "resid_post.2", "resid_post.0")
    found = steps(_pca(scope, index_id, points=points, tile_size=size))
    full = {"capture_mode": "full", "quantization": "f32", "points": points}
    for step, whole in zip(found, steps(run(scope.loaded, TOKENS, full)), strict=True):
        images = _tiles(step)
        assert len(images) == 5
        for entry in whole.entries:
            if entry.address == "logits":
                continue
            units = decode(entry.payload or {}, entry.shape)["values"][-1]
            count = min(size[0] * size[1], len(units))
            point, layer = entry.address.split(".")
            fitted = PCA(count, svd_solver="full").fit(index.sample([int(layer)], point).values.T.astype(np.float64))
            scores = fitted.transform(units[None].astype(np.float64))[0]
            image = images[entry.address]
            assert (image["source"], image["reference"], image["values"].shape) == ("pca", index_id, size)
            flat = image["values"].ravel()
            assert np.abs(flat[:count] - scores).max() < 1e-3 * np.abs(scores).max()
            assert np.isnan(flat[count:]).all()


def test_what_an_index_does_not_hold_stays_without_tiles_and_is_said(indexed: tuple[Scope, str]) -> None:
    scope, index_id = indexed
    events = _pca(scope, index_id)
    start = events[0]
    assert isinstance(start, Start)
    assert start.config["tile_size"] == (16, 16)
    held = {"mlp_act.0", "mlp_act.1", "mlp_act.2", "resid_post.0", "resid_post.2"}
    without = start.config["without_tile"]
    assert set(without) == {p for p in start.points if not p.startswith("attn_weights")} - held
    assert "does not hold layer 1" in without["resid_post.1"]
    assert "does not hold ln_f" in without["ln_f"]
    for step in steps(events):
        assert set(_tiles(step)) == held
        assert all(e.stats for e in step.entries if not e.address.startswith(("attn_weights", "logits")))


def test_components_are_found_once_for_runs_that_ask_for_the_same(
    indexed: tuple[Scope, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scope, index_id = indexed
    first = steps(_pca(scope, index_id, points=("mlp_act",), tile_size=(3, 3)))
    with monkeypatch.context() as patch:
        patch.setattr(tiles, "principal", None)
        assert steps(_pca(scope, index_id, points=("mlp_act",), tile_size=(3, 3))) == first
    other = steps(_pca(scope, index_id, points=("mlp_act",), tile_size=(3, 4)))
    assert np.array_equal(
        _tiles(other[0])["mlp_act.1"]["values"].ravel()[:9], _tiles(first[0])["mlp_act.1"]["values"].ravel()
    )


@pytest.mark.parametrize(
    ("config", "error", "says"),
    [
        ({"points": ("resid_post",)}, BadAddress, "does not hold layer 1"),
        ({"points": ("mlp_out",)}, BadAddress, "does not hold mlp_out"),
        ({"points": ("embed",)}, BadAddress, "does not hold embed"),
        ({"layers": (1,), "points": ("attn_out",)}, BadAddress, "does not hold"),
        ({"tile_reference": "x_" + "0" * 26}, NotFound, "no index"),
    ],
)
def test_a_reference_that_does_not_serve_is_refused(
    indexed: tuple[Scope, str], config: dict[str, Any], error: type[NeuronScopeError], says: str
) -> None:
    scope, index_id = indexed
    with pytest.raises(error, match=says):
        _pca(scope, index_id, **config)


def test_an_index_of_another_model_or_of_too_few_tokens_is_refused(indexed: tuple[Scope, str], tmp_path: Path) -> None:
    scope, index_id = indexed
    other = ns.wrap(tiny_model("llama", seed=1), tiny_tokenizer(), model_id="other", workspace=scope.workspace)
    with pytest.raises(Conflict, match="other weights"):
        _pca(other, index_id)
    corpus = tmp_path / "short.txt"
    corpus.write_text("A cat.", encoding="utf-8")
    short = scope.index(corpus, k=1).id
    with pytest.raises(BadRequest, match=r"sample of 6 tokens, which has at most 5 principal components; .* need 16"):
        _pca(scope, short, points=("mlp_act",), tile_size=(4, 4))
    assert len(_tiles(steps(_pca(scope, short, points=("mlp_act",), tile_size=(1, 5)))[0])) == 3


@pytest.mark.parametrize(
    "config",
    [
        {"tile": "umap"},
        {"tile": None},
        {"tile_size": []},
        {"tile_size": [8]},
        {"tile_size": [8, 8, 8]},
        {"tile_size": [0, 8]},
        {"tile_size": [8, 257]},
        {"tile_size": [8.0, 8]},
        {"tile_size": [True, 8]},
        {"tile_size": 8},
        {"tile_size": "8x8"},
        {"tile": "pca"},
        {"tile": "pca", "tile_reference": "../x"},
        {"tile": "pca", "tile_reference": 4},
        {"tile": "pca", "tile_reference": "t_" + "0" * 26},
        {"tile": "random", "tile_reference": "x_" + "0" * 26},
        {"points": ["q"]},
        {"tile": "pca", "tile_reference": "x_" + "0" * 26, "points": ["mlp_act"]},
    ],
)
def test_what_can_be_no_tile_is_refused_before_the_run(config: dict[str, Any]) -> None:
    with pytest.raises((BadRequest, NotFound)):
        Generation(tiny("llama"), request(), {"capture_mode": "tile", **config}, lookup=Lookup())


def test_projections_that_would_fill_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"capture_mode": "tile", "tile": "random", "points": ("mlp_act", "resid_post"), "tile_size": (10, 10)}
    monkeypatch.setattr(tiles, "MOST_BYTES", 4 * 100 * (48 + 32))
    Generation(tiny("llama"), request(), asked)
    monkeypatch.setattr(tiles, "MOST_BYTES", 4 * 100 * (48 + 32) - 1)
    with pytest.raises(BadRequest, match="smaller tile_size"):
        Generation(tiny("llama"), request(), asked)
