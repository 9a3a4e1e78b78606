from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import BadAddress
from neuronscope.core.points import AXES, POINTS


def test_every_point_of_the_table_round_trips() -> None:
    for name, row in POINTS.items():
        text = f"{name}.7" if row.layered else name
        assert str(Address.parse(text)) == text
        assert set(row.axes) <= set(AXES)


@pytest.mark.parametrize(
    "text",
    ["", "mlp_act", "ln_f.3", "mlp_act.-1", "mlp_act.07", "mlp_act.1.2", "MLP_ACT.1", "../x.1", "mlp_act.1 ", "nope.1"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        Address.parse(text)


@given(st.text(max_size=20))
def test_parsing_never_breaks_and_is_exact(text: str) -> None:
    try:
        found = Address.parse(text)
    except BadAddress:
        return
    assert str(found) == text


def test_units_name_one_coordinate() -> None:
    unit = Unit.parse("mlp_act.7:42")
    assert (unit.address, unit.index, str(unit)) == (Address("mlp_act", 7), 42, "mlp_act.7:42")


@pytest.mark.parametrize("text", ["mlp_act.7", "mlp_act.7:", "mlp_act.7:-1", "q.1:3", "attn_weights.0:1", "mlp_act:3"])
def test_what_is_no_unit_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        Unit.parse(text)
