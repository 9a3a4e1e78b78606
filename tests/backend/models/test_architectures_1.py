"""A quarter of the sweep over every architecture: T1, T2 and its line on the page."""

from __future__ import annotations

import pytest

from support.architectures import shard
from support.sweep import hold


@pytest.mark.parametrize("model_type", shard(1))
def test_it_holds_or_is_refused_as_the_page_says(model_type: str) -> None:
    hold(model_type)
