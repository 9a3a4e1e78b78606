from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from neuronscope.capture import calibrate
from neuronscope.capture.calibrate import counted, largest_sizes, rows_at_once, window_losses
from neuronscope.capture.interventions import Interventions
from neuronscope.capture.values import Lookup
from neuronscope.core.address import Address
from neuronscope.core.errors import BadAddress, BadRequest, PointUnavailable
from neuronscope.core.intervention import Intervention
from neuronscope.models.loaded import LoadedModel
from support.families import random_ids
from support.runs import tiny

IDS = random_ids(11)[0].tolist()


def loss_of(loaded: LoadedModel, ids: list[int]) -> float:
    """Sum of the losses of all tokens but the first and special ones, by the formula and in double precision."""
    grid = torch.tensor([ids])
    with torch.no_grad():
        logits: Tensor = loaded.model(input_ids=grid, attention_mask=torch.ones_like(grid), use_cache=False).logits[0]
    likely = torch.log_softmax(logits.double(), dim=-1)
    plain = [n for n in range(1, len(ids)) if ids[n] not in loaded.tokenizer.all_special_ids]
    return -sum(float(likely[n - 1, ids[n]]) for n in plain)


def loss_under(loaded: LoadedModel, ids: list[int], unit: str) -> float:
    """The same while an intervention sets one unit to zero."""
    changes = Interventions(loaded, Lookup())
    changes.install(changes.prepare([Intervention("i1", (unit,), "ablate_zero")]))
    changes.begin(0, len(ids))
    try:
        return loss_of(loaded, ids)
    finally:
        changes.end()
        changes.remove()


def hooks(loaded: LoadedModel) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in loaded.model.modules())


@pytest.mark.parametrize("family", ["gpt2", "opt", "gpt_neox", "llama", "mistral", "gemma2", "gemma3", "granite"])
@pytest.mark.parametrize("address", ["mlp_act.1", "resid_post.0", "attn_out.2", "embed"])
def test_units_ablated_in_one_batch_are_units_ablated_one_by_one(family: str, address: str) -> None:
    loaded = tiny(family)
    units = [3, 31, 0, 17]
    before = hooks(loaded)
    found = window_losses(loaded, IDS, Address.parse(address), units)
    assert hooks(loaded) == before
    expected = [loss_under(loaded, IDS, f"{address}:{unit}") for unit in units]
    assert np.allclose(found, expected, atol=1e-4), found - expected
    assert np.allclose(window_losses(loaded, IDS), [loss_of(loaded, IDS)], atol=1e-4)
    assert len({round(value, 3) for value in found}) > 1, "the units differ, so a mix-up of rows would show"


def test_the_order_of_rows_is_the_order_of_units() -> None:
    loaded = tiny("llama")
    units = list(range(48))
    found = window_losses(loaded, IDS, Address("mlp_act", 1), units)
    turned = window_losses(loaded, IDS, Address("mlp_act", 1), units[::-1])
    assert np.allclose(found, turned[::-1], atol=1e-5)


def test_special_tokens_and_the_first_have_no_loss() -> None:
    loaded = tiny("llama")
    special = loaded.tokenizer.all_special_ids[0]
    ids = [special, 5, 6, special, 7]
    assert counted(loaded, ids).tolist() == [1, 2, 4]
    assert np.allclose(window_losses(loaded, ids), [loss_of(loaded, ids)], atol=1e-5)
    assert counted(loaded, [5]).tolist() == []


def test_sizes_are_the_largest_over_all_tokens() -> None:
    loaded = tiny("llama")
    caught: list[Tensor] = []
    handle = loaded.model.model.layers[1].mlp.down_proj.register_forward_pre_hook(
        lambda _m, args: caught.append(args[0])
    )
    loss_of(loaded, IDS)
    handle.remove()
    address = Address("mlp_act", 1)
    assert np.array_equal(largest_sizes(loaded, IDS, [address])[address], caught[0][0].abs().max(0).values.numpy())


def test_rows_keep_to_the_memory_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    assert rows_at_once(loaded, 128) == 32
    monkeypatch.setattr(calibrate, "BYTES", 10 * 97 * 4 * 3)
    assert rows_at_once(loaded, 10) == 3
    assert rows_at_once(loaded, 10_000) == 1


@pytest.mark.parametrize(
    ("family", "address", "error"),
    [
        ("llama", "resid_mid.1", BadRequest),
        ("llama", "attn_weights.1", BadAddress),
        ("llama", "mlp_act.9", BadAddress),
        ("llama", "mlp_pre.1", PointUnavailable),
        ("granite", "attn_add.1", PointUnavailable),
    ],
)
def test_points_that_can_not_be_ablated_are_refused(family: str, address: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        calibrate.check_calibrated(tiny(family), Address.parse(address))
