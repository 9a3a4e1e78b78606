from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from neuronscope.core.errors import BadRequest
from neuronscope.corpus.cluster import Cluster
from neuronscope.runtime.scope import Scope, load


def test_a_recipe_loads_the_same_model_in_another_process(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_models)
    scope = load("./one")
    assert scope.recipe is not None
    settled = scope.recipe.settled(scope.loaded)
    assert Path(settled.ref).is_absolute()
    assert (settled.dtype, settled.quantization) == ("float32", "none")
    monkeypatch.chdir("/")
    again = pickle.loads(pickle.dumps(settled)).load()  # noqa: S301  # made one line above
    assert again.key == scope.loaded.key


def test_a_model_that_came_from_memory_can_not_be_given_to_workers(tiny_models: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a text")
    scope = Scope(load(tiny_models / "one").loaded)
    with pytest.raises(BadRequest, match="came from memory"):
        scope.index(tmp_path / "a.txt", cluster=Cluster(1))
