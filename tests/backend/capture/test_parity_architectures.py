"""The parity check holds for every architecture that is served: a red badge on a sound model would be a lie as well."""

from __future__ import annotations

import pytest

from neuronscope.capture.parity import measure
from neuronscope.models.loading.loader import wrap
from support.architectures import ARCHITECTURES, NOT_BUILT, REFUSED, tiny_architecture
from support.tokenizers import tiny_tokenizer

SERVED = [name for name in ARCHITECTURES if name not in NOT_BUILT and name not in REFUSED]


@pytest.mark.parametrize("model_type", SERVED)
def test_the_badge_holds(model_type: str) -> None:
    found = measure(wrap(tiny_architecture(model_type), tiny_tokenizer()))
    assert found.holds, [row for row in found.rows if not row.holds]
    assert found.largest_absolute == 0
