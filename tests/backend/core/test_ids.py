from __future__ import annotations

import pytest

from neuronscope.core.errors import NotFound
from neuronscope.core.ids import KINDS, check_id, new_id


@pytest.mark.parametrize("kind", KINDS)
def test_fresh_ids_pass_their_own_check_and_differ(kind: str) -> None:
    first, second = new_id(kind), new_id(kind)
    assert first != second
    assert check_id(first, kind) == first


@pytest.mark.parametrize(
    "text", ["", "t_", "t_../../etc/passwd", "t_" + "A" * 26, "t_" + "a" * 27, "j_" + "a" * 26, "t_" + "a" * 26 + "\n"]
)
def test_anything_else_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        check_id(text, "t")


def test_an_index_says_where_ids_are_listed() -> None:
    with pytest.raises(NotFound, match=r"'bundled' is not the id of an index\. `neuronscope index list` shows them\."):
        check_id("bundled", "x")
