from __future__ import annotations

import pytest

from neuronscope.core.address import Address
from neuronscope.core.errors import BadAddress, BadRequest
from neuronscope.core.spec import CaptureSpec


def test_defaults_are_neurons_and_stream_of_every_layer() -> None:
    found = CaptureSpec().expand(2)
    assert [str(a) for a in found] == ["mlp_act.0", "mlp_act.1", "resid_post.0", "resid_post.1"]


def test_names_addresses_and_layers_combine_each_once() -> None:
    found = CaptureSpec(("mlp_act", "mlp_act.1", "ln_f", "q.0"), (1,)).expand(3)
    assert [str(a) for a in found] == ["mlp_act.1", "ln_f", "q.0"]


@pytest.mark.parametrize(("points", "layers"), [(("mlp_act.3",), None), (("mlp_act",), (3,)), (("mlp_act",), (-1,))])
def test_layers_out_of_range_are_named(points: tuple[str, ...], layers: tuple[int, ...] | None) -> None:
    with pytest.raises(BadAddress, match="3 layers"):
        CaptureSpec(points, layers).expand(3)


def test_nothing_asked_for_is_refused() -> None:
    with pytest.raises(BadRequest):
        CaptureSpec(points=())
    with pytest.raises(BadRequest):
        CaptureSpec(layers=())


def test_only_a_default_map_is_cut_to_what_there_is() -> None:
    refused = {Address("mlp_act", 0): "it has experts"}
    kept, missing = CaptureSpec().split(1, refused)
    assert [str(a) for a in kept] == ["resid_post.0"]
    assert missing == {"mlp_act.0": "it has experts"}
    kept, missing = CaptureSpec(("mlp_act",)).split(1, refused)
    assert [str(a) for a in kept] == ["mlp_act.0"]
    assert missing == {}
