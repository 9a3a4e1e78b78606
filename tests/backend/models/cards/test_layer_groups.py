from __future__ import annotations

import pytest

from neuronscope.models.anatomy import inspect_model
from neuronscope.models.cards.layer_groups import Run, alike, stack
from neuronscope.models.inspection.structure import text_config
from support.families import tiny_model


@pytest.mark.parametrize(
    ("kinds", "runs"),
    [
        ("AAAA", [Run([0], 4)]),
        ("ABABAB", [Run([0, 1], 3)]),
        ("ABABA", [Run([0, 1], 2), Run([0], 1)]),
        ("AAAAAB", [Run([0], 5), Run([1], 1)]),
        ("AAABAAAB", [Run([0, 0, 0, 1], 2)]),
        ("A", [Run([0], 1)]),
    ],
)
def test_a_stack_is_said_as_shortly_as_it_can_be(kinds: str, runs: list[Run]) -> None:
    letters = sorted(set(kinds))
    groups = [[at for at, kind in enumerate(kinds) if kind == letter] for letter in letters]
    assert stack(groups) == runs
    said = [kind for run in runs for kind in run.kinds * run.times]
    assert said == [letters.index(kind) for kind in kinds]


def test_layers_that_differ_only_in_their_window_are_told_apart() -> None:
    model = tiny_model("gemma2")
    assert alike(inspect_model(model), text_config(model)) == [[0, 2], [1]]
    plain = tiny_model("llama")
    assert alike(inspect_model(plain), text_config(plain)) == [[0, 1, 2]]
