from __future__ import annotations

import pytest
import torch

from neuronscope.capture import gradients
from neuronscope.capture.gradients import without_gradients
from support.families import FAMILIES, tiny_model


def test_nothing_is_recorded_and_changes_in_place_are_counted() -> None:
    weight = torch.randn(3, 3, requires_grad=True)
    with without_gradients():
        found = weight @ weight
        view = found[0]
        view.add_(1)
    assert not found.requires_grad
    assert found._version == view._version == 1
    assert not found.is_inference()
    assert torch.is_grad_enabled()
    (weight * found).sum().backward()
    assert weight.grad is not None


def test_an_error_leaves_gradients_as_they_were() -> None:
    weight = torch.randn(2, requires_grad=True)
    with pytest.raises(ZeroDivisionError), without_gradients():
        raise ZeroDivisionError
    assert (weight * 2).requires_grad


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pass_gives_the_same_bits(family: str) -> None:
    model, ids = tiny_model(family), torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        expected = model(input_ids=ids).logits
    with without_gradients():
        assert torch.equal(model(input_ids=ids).logits, expected)


def test_without_torchs_own_name_it_is_no_grad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "_below", None)
    weight = torch.randn(2, requires_grad=True)
    with without_gradients():
        assert not (weight * 2).requires_grad
