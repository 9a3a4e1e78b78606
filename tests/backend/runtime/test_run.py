from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import neuronscope as ns
from neuronscope.core.errors import BadAddress, BadRequest, Conflict, NotCaptured, NotFound
from neuronscope.core.events import Done, Step
from neuronscope.runtime.references import index_reference
from neuronscope.runtime.scope import Scope
from neuronscope.runtime.summaries import top_units, trace_matrix
from neuronscope.runtime.workspace import Workspace

TEXT = "The cat sat.\n\nA dog ran after the cat.\n\nOnce upon a time."


@pytest.fixture
def scope(tiny_models: Path, tmp_path: Path) -> Scope:
    return ns.load(tiny_models / "one", workspace=Workspace(tmp_path / "space"))


def _corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_generate_gives_the_text_and_its_trace(scope: Scope) -> None:
    found = scope.generate("Once upon", max_new_tokens=6)
    assert (len(found.tokens), found.reason, found.notes) == (6, "length", ())
    assert found.trace is not None
    assert found.trace.closed
    assert [found.trace.step(n).token_id for n in range(6)] == [token.id for token in found.tokens]
    both = scope.loaded.tokenizer.decode([t.id for t in (*found.start.tokens, *found.tokens)], skip_special_tokens=True)
    assert both == "Once upon" + found.text


def test_stream_can_be_stopped_and_is_recorded_as_far_as_it_went(scope: Scope) -> None:
    with scope.stream("Once upon", max_new_tokens=40) as run:
        seen = []
        for event in run:
            seen.append(event)
            if isinstance(event, Step) and event.step == 2:
                run.stop()
    assert seen[-1] == Done("stopped")
    with ns.open_trace(scope.workspace.trace_path(run.trace_id)) as trace:
        assert trace.step_count == 3


def test_nothing_is_written_where_nothing_is_to_be_recorded(scope: Scope) -> None:
    assert scope.generate("Hi", max_new_tokens=2, record=False).trace is None
    assert list(scope.workspace.traces.glob("*")) == []


def test_steps_over_the_budget_are_noted(scope: Scope) -> None:
    found = scope.generate("Hi", max_new_tokens=3, config={"max_bytes_per_step": 10})
    assert found.notes == ("3 of 3 steps were over the byte budget and lost payloads.",)


def test_means_and_quantiles_come_from_an_index_of_this_model(scope: Scope, tiny_models: Path, tmp_path: Path) -> None:
    index = scope.index(_corpus(tmp_path), k=4)
    reference = index.id
    config = {"capture_mode": "full", "quantization": "f32", "points": ("mlp_act.1",)}
    changes = [
        {"units": ["mlp_act.1:3"], "op": "ablate_mean", "reference": reference},
        {"units": ["mlp_act.1:5"], "op": "set", "dose_quantile": 0.9, "reference": reference},
    ]
    found = scope.generate("Hi", max_new_tokens=2, config=config, interventions=changes)
    assert found.trace is not None
    row = found.trace["mlp_act.1"][-1]
    assert row[3] == np.float32(index.stats("mlp_act.1:3").mean)
    assert row[5] == np.float32(np.quantile(index.sample([1]).values[5], 0.9))
    other = ns.load(tiny_models / "two", workspace=scope.workspace)
    with pytest.raises(Conflict, match="no reference for this model"):
        other.generate("Hi", interventions=changes)
    with pytest.raises(NotFound):
        index_reference(scope.loaded, scope.workspace, "x_" + "0" * 26)


def test_a_patch_comes_from_a_trace_of_the_workspace(scope: Scope) -> None:
    kept = scope.capture("A dog", points=["mlp_act"])
    source = {"trace_id": kept.trace_id, "step": 0, "position": 2}
    config = {"capture_mode": "full", "quantization": "f32", "points": ("mlp_act.1",)}
    patch = {"units": ["mlp_act.1:3", "mlp_act.1:7"], "op": "patch", "source": source, "positions": "last"}
    found = scope.generate("Hi", max_new_tokens=2, config=config, interventions=[patch])
    assert found.trace is not None
    assert np.array_equal(found.trace["mlp_act.1"][-1, [3, 7]], kept["mlp_act.1"][2, [3, 7]])


def test_what_a_run_does_not_take_is_named(scope: Scope) -> None:
    with pytest.raises(BadRequest, match="temprature"):
        scope.generate("Hi", temprature=1)
    with pytest.raises(BadRequest, match="capture_modus"):
        scope.generate("Hi", config={"capture_modus": "full"})


FULL = {"capture_mode": "full", "points": ["mlp_act", "q.1", "attn_weights.1", "logits"], "quantization": "f32"}


def test_the_trace_of_a_full_run_holds_all_that_was_read_in_order(scope: Scope) -> None:
    found = scope.generate("Once upon", max_new_tokens=6, config=FULL)
    assert found.trace is not None
    read = [*found.start.tokens, *found.tokens[:-1]]
    assert [*found.trace.inputs] == read
    ids = torch.tensor([[token.id for token in read]], device=scope.loaded.device)
    seen: list[torch.Tensor] = []
    projection = scope.loaded.model.model.layers[1].mlp.down_proj
    hook = projection.register_forward_pre_hook(lambda _module, args: seen.append(args[0][0]))
    with torch.no_grad():
        logits = scope.loaded.model(input_ids=ids).logits[0]
    hook.remove()
    assert np.allclose(found.trace["mlp_act.1"], seen[0].cpu().numpy(), atol=1e-5)
    assert found.trace["q.1"].shape == (len(read), 2, 8)
    # Of the prompt, a run computes the last token's logits only.
    assert np.allclose(found.trace["logits"], logits[-6:].cpu().numpy(), atol=1e-4)
    table = found.trace.to_pandas("mlp_act.1")
    assert list(table.index) == [token.text for token in read]
    assert list(found.trace.to_pandas("logits").index) == [token.text for token in read[-6:]]
    strongest, values = top_units(found.trace, "mlp_act.1", 5, "max")
    expected = seen[0].cpu().numpy()[1:].max(axis=0)  # the first token is special, and does not count
    assert strongest.tolist() == np.argsort(-expected, kind="stable")[:5].tolist()
    assert values.shape == (5, len(read))
    assert top_units(found.trace, "logits", 3, "max")[1].shape == (3, 6)
    assert trace_matrix(found.trace, "mlp_act", [1]).values.shape == (24, len(read) - 1)


def test_a_layer_that_the_model_lacks_is_no_matter_of_what_was_kept(scope: Scope) -> None:
    found = scope.generate("Once upon", max_new_tokens=2, config=FULL)
    assert found.trace is not None
    with pytest.raises(BadAddress, match="Layer 99 is out of range: this model has 2 layers"):
        found.trace["mlp_act.99"]
    with pytest.raises(NotCaptured, match=r"did not keep resid_post\.1"):
        found.trace["resid_post.1"]
