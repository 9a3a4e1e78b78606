from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from neuronscope.analysis.registry import ANALYSES, Parameter, run, validate
from neuronscope.core.errors import BadRequest, NotFound


def values(units: int = 30, tokens: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(units, tokens)).astype(np.float32)


def names(count: int) -> list[str]:
    return [f"mlp_act.0:{unit}" for unit in range(count)]


def test_declarations_import_no_implementation() -> None:
    code = (
        "import sys; from neuronscope.analysis.registry import ANALYSES, validate; validate('kmeans', {});"
        "assert len(ANALYSES) == 3; assert not {'sklearn', 'scipy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", ANALYSES)
def test_each_row_fits_its_implementation(name: str) -> None:
    analysis = ANALYSES[name]
    declared = {parameter.name for parameter in analysis.parameters} - {"max_units", "normalise"}
    taken = inspect.signature(import_module(analysis.module).run).parameters
    assert set(taken) == {"values", *declared}
    for parameter in analysis.parameters:
        assert parameter.read(parameter.default) == parameter.default
    given = {"kmeans": {"k": 3}, "tsne": {"perplexity": 5, "max_iter": 250}}.get(name, {})
    answer = run(name, values(), names(30), given)
    assert set(answer) == set(analysis.result), "the answer has the fields that the row declares"
    assert json.loads(json.dumps(answer)) == answer
    plain = analysis.to_dict()
    assert json.loads(json.dumps(plain))["parameters"][0]["name"] == analysis.parameters[0].name
    assert "module" not in plain


def test_defaults_fill_what_is_not_given() -> None:
    assert validate("kmeans", {"k": 5.0}) == {
        "k": 5,
        "seed": 0,
        "n_init": 10,
        "max_units": 1000,
        "normalise": "zscore",
    }
    assert validate("tsne", {"perplexity": 7})["perplexity"] == 7.0


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("kmeans", {"k": 1}, "'k' is 1; it is a whole number from 2 to 100."),
        ("kmeans", {"k": 101}, "from 2 to 100"),
        ("kmeans", {"k": 2.5}, "'k' is 2.5; it is a whole number"),
        ("kmeans", {"k": "8"}, "'k' is '8'"),
        ("kmeans", {"k": True}, "'k' is True"),
        ("kmeans", {"k": None}, "'k' is None"),
        ("kmeans", {"k": float("nan")}, "'k' is nan"),
        ("kmeans", {"k": float("inf")}, "'k' is inf"),
        ("kmeans", {"k": 10**400}, "'k' is 1000"),
        ("kmeans", {"normalise": "Zscore"}, "'normalise' is 'Zscore'; it is one of none, zscore, unit."),
        ("kmeans", {"perplexity": 3}, "'kmeans' has no parameter 'perplexity'"),
        ("tsne", {"perplexity": 1.9}, "'perplexity' is 1.9; it is a number from 2 to 200."),
        ("pca", {"components": 11}, "from 2 to 10"),
        ("pca", {"components": [2]}, "'components' is"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_range(name: str, raw: dict[str, object], reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        validate(name, raw)
    assert reason in caught.value.message
    assert len(caught.value.message) < 150


def test_kinds_that_no_analysis_uses_yet() -> None:
    flag = Parameter("flag", "bool", False, "")
    assert flag.read(True) is True
    with pytest.raises(BadRequest, match="true or false"):
        flag.read(1)
    assert Parameter("x", "float", 0.5, "", minimum=0).range == "a number of at least 0"
    assert Parameter("x", "float", 0.5, "", maximum=1).range == "a number of at most 1"
    assert Parameter("x", "float", 0.5, "").read(-3) == -3.0


def test_an_unknown_analysis_is_named() -> None:
    with pytest.raises(NotFound, match="no analysis 'umap'"):
        validate("umap", {})


def test_units_are_named_and_constant_ones_reported() -> None:
    table = values(8)
    table[[2, 5]] = 1.5
    answer = run("pca", table, names(8))
    assert answer["dropped"] == ["mlp_act.0:2", "mlp_act.0:5"]
    assert answer["units"] == [name for name in names(8) if name not in answer["dropped"]]
    assert len(answer["coordinates"]) == 6
    with pytest.raises(ValueError, match="7 names for 8 units"):
        run("pca", table, names(7))
