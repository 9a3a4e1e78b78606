from __future__ import annotations

from pathlib import Path

import pytest

import neuronscope as ns
from neuronscope.core.errors import BadRequest
from neuronscope.runtime.scope import Scope


@pytest.fixture
def scope(tiny_models: Path) -> Scope:
    return ns.load(tiny_models / "one")


def test_an_index_with_its_model_answers_what_needs_both(scope: Scope, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("The cat sat.\n\nA dog ran after the cat.\n\n" + "so on and on " * 9)
    index = scope.index(tmp_path / "corpus.txt", k=4, points=["mlp_act", "head_norm"])
    assert index.manifest.points == ("head_norm", "mlp_act")
    again = scope.index(tmp_path / "corpus.txt", k=4, points=["mlp_act", "head_norm"])
    assert again.id == index.id
    neurons = scope.index(tmp_path / "corpus.txt", k=4)
    assert neurons.id != index.id
    top = index.top("head_norm.1:1", k=2)
    text = index.shortest("head_norm.1:1", rank=1, share=0.9)
    assert text.before == pytest.approx(top[1].activation, abs=1e-5)
    assert text.after >= 0.9 * text.before
    assert index.shortest("head_norm.1:1", text="the cat").before > 0
    with pytest.raises(BadRequest, match="no rank"):
        index.shortest("head_norm.1:1", text="the cat", rank=1)
    found = index.together(["head_norm.1:1", "mlp_act.0:3"], k=3, window=2)
    assert len(found.contexts) == 3
    window = index.recompute("head_norm.1:1", top[0].doc, top[0].window)
    assert window.activations[top[0].position - top[0].window * index.manifest.stride] == pytest.approx(
        top[0].activation, abs=1e-5
    )
    both = index.compare(neurons, "mlp_act.0:3", "mlp_act.0:4")
    assert both.same_model
    assert both.same_corpus
    assert index.neighbours("head_norm.1:1", point="head_norm")[0].point == "head_norm"
