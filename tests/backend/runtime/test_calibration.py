from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import neuronscope as ns
from neuronscope.core.errors import BadAddress, BadRequest, Cancelled, NotFound, PointUnavailable, ProtectedUnit
from neuronscope.corpus.readers import from_texts
from neuronscope.runtime import calibration
from neuronscope.runtime.calibration import calibrate, find, forget, kept
from neuronscope.runtime.scope import Scope
from neuronscope.runtime.workspace import Workspace

TEXTS = ["The cat sat on the mat.", "A dog ran after it, and barked."]


@pytest.fixture
def scope(tiny_models: Path, tmp_path: Path) -> Scope:
    return ns.load(tiny_models / "one", workspace=Workspace(tmp_path / "space"))


@contextmanager
def zeroed(module: nn.Module, unit: int, entering: bool) -> Iterator[None]:
    """A bare hook that sets one unit of what a module takes or gives to 0."""

    def before(_m: nn.Module, args: Any) -> Any:
        hidden = args[0].clone()
        hidden[..., unit] = 0
        return (hidden, *args[1:])

    def after(_m: nn.Module, _a: Any, output: Any) -> Any:
        hidden = (output[0] if isinstance(output, tuple) else output).clone()
        hidden[..., unit] = 0
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    handle = module.register_forward_pre_hook(before) if entering else module.register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def bare_loss(scope: Scope, texts: list[str]) -> float:
    """transformers' own loss of whole texts, a mean over all their tokens but the first."""
    total = count = 0.0
    for text in texts:
        ids = torch.tensor([scope.loaded.tokenizer(text)["input_ids"]], device=scope.loaded.device)
        total += float(scope.loaded.model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        count += ids.shape[1] - 1
    return total / count


def bare_rises(scope: Scope, texts: list[str]) -> dict[str, float]:
    """Rise of the loss for every neuron and every unit of a block's output, with bare hooks, one by one."""
    before, found = bare_loss(scope, texts), {}
    for layer, block in enumerate(scope.loaded.model.model.layers):
        for point, module, entering, width in (
            ("mlp_act", block.mlp.down_proj, True, block.mlp.down_proj.in_features),
            ("resid_post", block, False, scope.loaded.anatomy.d_model),
        ):
            for unit in range(width):
                with zeroed(module, unit, entering):
                    found[f"{point}.{layer}:{unit}"] = bare_loss(scope, texts) - before
    return found


def test_what_is_protected_is_what_bare_hooks_find(scope: Scope) -> None:
    expected = bare_rises(scope, TEXTS)
    # A bound that splits them where two neighbours lie furthest apart, so that rounding decides nothing.
    ordered = sorted(expected.values())
    gap = int(np.argmax(np.diff(ordered[-12:]))) + len(ordered) - 12
    bound = (ordered[gap] + ordered[gap + 1]) / 2
    found = calibrate(scope.workspace, scope.loaded, from_texts(TEXTS), per_layer=None, bound=bound)
    assert (found.tested, found.units, found.documents) == (80, 80, 2)
    assert found.tokens == sum(map(len, TEXTS))
    assert found.loss == pytest.approx(bare_loss(scope, TEXTS), abs=1e-5)
    assert {one.unit for one in found.protected} == {unit for unit, rise in expected.items() if rise > bound}
    for one in found.protected:
        assert one.rise == pytest.approx(expected[one.unit], abs=1e-5)
    assert [one.rise for one in found.protected] == sorted((one.rise for one in found.protected), reverse=True)
    assert found.next_rise == pytest.approx(ordered[gap], abs=1e-5)
    assert kept(scope.workspace, scope.loaded.key) == found == scope.calibration


def test_only_the_largest_activations_are_tested_and_the_numbers_say_so(scope: Scope) -> None:
    said: list[tuple[int, int]] = []
    found = scope.calibrate(
        text=TEXTS[0], points=["mlp_act.1"], per_layer=3, bound=1e-9, progress=lambda *at: said.append(at)
    )
    trace = scope.capture(TEXTS[0], points=["mlp_act.1"])
    largest = np.argsort(-np.abs(trace["mlp_act.1"]).max(axis=0), kind="stable")[:3]
    expected = bare_rises(scope, TEXTS[:1])
    assert {one.unit for one in found.protected} == {unit for n in largest if expected[unit := f"mlp_act.1:{n}"] > 1e-9}
    assert (found.tested, found.units, found.points, found.per_layer) == (3, 24, ("mlp_act",), 3)
    assert said[0] == (0, 3)
    assert said[-1] == (3, 3)


def test_a_protected_unit_is_left_alone_unless_one_insists(scope: Scope, tiny_models: Path) -> None:
    found = scope.calibrate(text=TEXTS[0], bound=1e-3)
    unit = found.protected[0].unit
    change = {"units": [unit], "op": "scale", "value": 0.5}
    group = scope.make_group("critical", [unit])
    for refused in (change, {"group_id": group.group_id, "op": "ablate_zero"}):
        with pytest.raises(ProtectedUnit, match=unit):
            scope.generate("Hi", max_new_tokens=2, interventions=[refused])
    with scope.stream("Hi", max_new_tokens=3) as run:
        next(iter(run))
        with pytest.raises(ProtectedUnit):
            run.intervene([change])
    insisted = scope.generate("Hi", max_new_tokens=2, interventions=[{**change, "override_protection": True}])
    assert insisted.receipts[0].interventions[0]["units"] == 1
    # Other weights, and these in another precision, were not calibrated.
    other = ns.load(tiny_models / "two", workspace=scope.workspace)
    assert other.calibration is None
    other.generate("Hi", max_new_tokens=2, interventions=[change])
    forget(scope.workspace, scope.loaded)
    scope.generate("Hi", max_new_tokens=2, interventions=[change])
    with pytest.raises(NotFound):
        find(scope.workspace, scope.loaded)
    with pytest.raises(NotFound):
        forget(scope.workspace, scope.loaded)


def test_one_that_was_cut_off_leaves_what_was_there(scope: Scope) -> None:
    first = scope.calibrate(text=TEXTS[0], per_layer=1)
    batches = 0

    def check() -> None:
        nonlocal batches
        batches += 1
        if batches > 4:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        calibrate(scope.workspace, scope.loaded, from_texts(TEXTS), check=check)
    assert scope.calibration == first
    assert len(list(scope.workspace.calibrations.iterdir())) == 1


def test_a_unit_without_which_the_loss_is_no_number_is_protected(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    norm = scope.loaded.model.model.norm
    poisoned = norm.register_forward_hook(
        lambda _m, _a, out: torch.where((out[..., 5:6] == 0).any(dim=1, keepdim=True), torch.nan, out)
    )
    try:
        found = scope.calibrate(text=TEXTS[0], points=["ln_f"], per_layer=None)
    finally:
        poisoned.remove()
    assert [one.unit for one in found.protected if one.rise is None] == ["ln_f:5"]
    assert scope.calibration == found


def test_a_damaged_file_is_no_calibration_and_the_log_says_so(scope: Scope, caplog: pytest.LogCaptureFixture) -> None:
    scope.calibrate(text=TEXTS[0], per_layer=1)
    path = scope.workspace.calibrations / f"{scope.loaded.key}.json"
    for broken in ("{", "[]", '{"format": 1}', '{"format": 99}'):
        path.write_text(broken, encoding="utf-8")
        caplog.clear()
        assert scope.calibration is None
        assert "no unit of that model is protected" in caplog.text


def test_long_documents_are_cut_and_short_ones_have_no_loss(scope: Scope) -> None:
    found = scope.calibrate(text="x" * 300, per_layer=1, points=["mlp_act.0"])
    assert (found.tokens, found.documents) == (300, 1), "each window begins with the special token"
    assert calibration.WINDOW > 96, "the model reads 96"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"text": ""}, BadRequest),
        ({"text": "ab", "points": ["resid_mid"]}, BadRequest),
        ({"text": "ab", "points": ["nothing"]}, BadAddress),
        ({"text": "ab", "points": ["mlp_act.2"]}, BadAddress),
        ({"text": "ab", "points": ["mlp_pre"]}, PointUnavailable),
        ({"text": "ab", "points": []}, BadRequest),
        ({"text": "ab", "bound": 0}, BadRequest),
        ({"text": "ab", "bound": float("nan")}, BadRequest),
        ({"text": "ab", "per_layer": 0}, BadRequest),
        ({"corpus": "nowhere.txt"}, NotFound),
    ],
)
def test_what_can_not_be_calibrated_is_refused(scope: Scope, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        scope.calibrate(**options)
    assert scope.calibration is None


def test_a_unit_of_the_bundled_model_by_a_bare_hook(tmp_path: Path) -> None:
    """The rise of each tested unit of the model that ships, on a line of its own kind of text."""
    scope = ns.load(workspace=Workspace(tmp_path / "space"))
    text = "The capital of France is Paris."
    found = scope.calibrate(text=text, points=["mlp_act.2"], per_layer=4, bound=1e-9)
    before = bare_loss(scope, [text])
    down = scope.loaded.model.model.layers[2].mlp.down_proj
    assert found.protected
    for one in found.protected:
        with zeroed(down, int(one.unit.split(":")[1]), entering=True):
            assert one.rise == pytest.approx(bare_loss(scope, [text]) - before, abs=1e-5)
