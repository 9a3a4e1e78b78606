"""A comparison against activations read by bare hooks in plain transformers; what goes wrong leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

import neuronscope as ns
from neuronscope.core.errors import BadRequest, Cancelled, Damaged, NotFound, TooLarge
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import wrap
from neuronscope.runtime.comparisons import Comparison, delete_comparison, list_comparisons
from neuronscope.runtime.precision import compare, compare_precisions, options_of
from neuronscope.runtime.workspace import Workspace
from support.families import tiny_model
from support.tokenizers import save_tiny, tiny_tokenizer

T = TypeVar("T")
PROMPTS = ["Once upon a time", "def f(x): return x + 1", "a"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


def in_memory(options: dict[str, str], work: Callable[[LoadedModel], T]) -> T:
    """A tiny Llama in the dtype that is asked for, its weights the same each time."""
    model = tiny_model("llama").to(getattr(torch, options["dtype"]))
    return work(wrap(model, tiny_tokenizer(), "tiny/llama"))


def bare(dtype: torch.dtype) -> tuple[list[NDArray[np.float32]], list[torch.Tensor], list[list[int]]]:
    """Neurons ``[token, neuron]`` of each layer without the special token, and the logits and ids of each prompt."""
    model, tokenizer = tiny_model("llama").to(dtype), tiny_tokenizer()
    taken: list[list[torch.Tensor]] = [[] for _ in model.model.layers]
    for layer, block in enumerate(model.model.layers):
        block.mlp.down_proj.register_forward_pre_hook(lambda _m, args, n=layer: taken[n].append(args[0][0, 1:].float()))
    ids = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    with torch.no_grad():
        logits = [model(torch.tensor([row])).logits[0].float() for row in ids]
    return [torch.cat(parts).numpy() for parts in taken], logits, ids


def test_it_equals_bare_hooks_on_both(workspace: Workspace) -> None:
    seen: list[tuple[int, int]] = []
    found = compare(
        workspace, in_memory, PROMPTS, "float32", "bfloat16", progress=lambda done, total: seen.append((done, total))
    )
    a, logits_a, ids = bare(torch.float32)
    b, logits_b, _ = bare(torch.bfloat16)
    assert found.neurons.shape == (3 * 48,)
    for layer in range(3):
        rows = found.neurons[found.neurons["layer"] == layer]
        for unit in (0, 7, 47):
            expected = stats.pearsonr(a[layer][:, unit], b[layer][:, unit]).statistic
            assert rows["correlation"][unit] == pytest.approx(expected, abs=1e-5)
            assert rows["max_b"][unit] == b[layer][:, unit].max()
        error = np.linalg.norm(b[layer] - a[layer]) / np.linalg.norm(a[layer])
        assert found.summary.layers[layer].relative_error == pytest.approx(error, rel=1e-4)
        assert 1e-4 < error < 0.1
    summary = found.summary
    assert summary.tokens == sum(len(row) - 1 for row in ids) == a[0].shape[0]
    for loss, logits in ((summary.loss_a, logits_a), (summary.loss_b, logits_b)):
        each = [
            -table[:-1].log_softmax(-1)[range(len(row) - 1), row[1:]] for table, row in zip(logits, ids, strict=True)
        ]
        assert loss == pytest.approx(float(torch.cat(each).mean()), rel=1e-5)
    same = [
        float(p == q)
        for x, y in zip(logits_a, logits_b, strict=True)
        for p, q in zip(x.argmax(-1), y.argmax(-1), strict=True)
    ]
    assert summary.same_next == pytest.approx(np.mean(same))
    assert summary.weight_bytes_b * 2 == pytest.approx(summary.weight_bytes_a, rel=0.02)
    assert seen[-1][0] == seen[-1][1] == 2 * sum(map(len, ids))
    assert sorted(p.name for p in workspace.precision_path(summary.comparison_id).iterdir()) == [
        "neurons.npy",
        "summary.json",
    ]


def test_it_is_found_again_listed_and_deleted(workspace: Workspace) -> None:
    found = compare(workspace, in_memory, PROMPTS, "float32", "float16")
    other = compare(workspace, in_memory, PROMPTS, "float16", "bfloat16")
    assert [s.comparison_id for s in list_comparisons(workspace)] == [
        other.summary.comparison_id,
        found.summary.comparison_id,
    ]
    again = Comparison.open(workspace.precision_path(found.summary.comparison_id))
    assert again.summary == found.summary
    assert (again.neurons == found.neurons).all() or np.isnan(again.neurons["correlation"]).any()
    assert len(again.to_pandas()) == 144
    delete_comparison(workspace, found.summary.comparison_id)
    with pytest.raises(NotFound):
        Comparison.open(workspace.precision_path(found.summary.comparison_id))
    with pytest.raises(NotFound):
        delete_comparison(workspace, found.summary.comparison_id)


@pytest.mark.parametrize(
    ("prompts", "a", "b", "words"),
    [
        (PROMPTS, "float32", "float32", "Both precisions"),
        ([], "float32", "float16", "No prompts"),
        (PROMPTS, "float32", "q4_k", "no precision"),
        (["a"], "float32", "float16", "fewer than two tokens"),
        (["a" * 500], "float32", "float16", "tokens"),
        ([""], "float32", "float16", "empty"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_leaves_nothing(
    workspace: Workspace, prompts: list[str], a: str, b: str, words: str
) -> None:
    with pytest.raises((BadRequest, TooLarge), match=words):
        compare(workspace, in_memory, prompts, a, b)
    assert list(workspace.precisions.iterdir()) == []


def test_a_cancelled_one_leaves_nothing(workspace: Workspace) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        compare(workspace, in_memory, PROMPTS, "float32", "float16", check=check)
    assert list(workspace.precisions.iterdir()) == []


@pytest.mark.parametrize("harm", ["summary", "truncated", "pickle", "fields"])
def test_a_damaged_one_is_refused_and_left_out_of_the_list(workspace: Workspace, harm: str) -> None:
    found = compare(workspace, in_memory, PROMPTS, "float32", "float16")
    folder = workspace.precision_path(found.summary.comparison_id)
    if harm == "summary":
        (folder / "summary.json").write_text("{}")
    elif harm == "fields":
        plain = json.loads((folder / "summary.json").read_text())
        (folder / "summary.json").write_text(json.dumps({**plain, "neurons": 5}))
    elif harm == "truncated":
        content = (folder / "neurons.npy").read_bytes()
        (folder / "neurons.npy").write_bytes(content[:-9])
    else:
        np.save(folder / "neurons.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(Damaged):
        Comparison.open(folder)
    assert list(list_comparisons(workspace)) == []


def test_options_load_each_precision() -> None:
    assert options_of("nf4") == {"quantization": "nf4"}
    assert options_of("float16") == {"dtype": "float16", "quantization": "none"}


def test_four_bits_of_a_real_folder(tmp_path: Path, workspace: Workspace) -> None:
    folder = save_tiny(tmp_path / "model")
    found = compare_precisions(folder, PROMPTS, "float32", "nf4", workspace=workspace)
    assert found.summary.weight_bytes_b < found.summary.weight_bytes_a
    errors = [layer.relative_error for layer in found.summary.layers]
    assert all(error is not None and 0.01 < error < 0.8 for error in errors)
    assert ns.compare_precisions is compare_precisions
