"""The sweep as a whole: how many are served, that the page lists every one, and that no reason has gone stale."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from huggingface_hub.errors import StrictDataclassError

from support.architectures import ARCHITECTURES, NOT_BUILT, REFUSED, SHARDS, shard, tiny_architecture
from support.sweep import PAGE, written

SOURCE = Path(__file__).parents[3] / "src" / "backend" / "neuronscope" / "models"


def test_at_least_135_are_served_nanochat_among_them() -> None:
    said = written(PAGE.read_text("utf-8"))
    served = {name for name, (layers, _) in said.items() if layers}
    assert len(served) >= 135
    assert "nanochat" in served
    assert f"**{len(served)} of {len(ARCHITECTURES)} are served.**" in PAGE.read_text("utf-8")
    assert served == set(ARCHITECTURES) - set(REFUSED) - set(NOT_BUILT)


def test_the_page_lists_every_architecture_of_transformers() -> None:
    said = written(PAGE.read_text("utf-8"))
    assert sorted(said) == list(ARCHITECTURES)
    for name, (_, why) in NOT_BUILT.items():
        assert said[name] == ("", why)
    assert sorted(t for n in range(SHARDS) for t in shard(n)) == sorted(set(ARCHITECTURES) - set(NOT_BUILT))


@pytest.mark.parametrize("model_type", NOT_BUILT)
def test_what_is_not_built_still_can_not_be_built(model_type: str) -> None:
    message, why = NOT_BUILT[model_type]
    if "pillow" in why and importlib.util.find_spec("PIL") is not None:
        pytest.skip("the missing package is there")
    with pytest.raises((ValueError, AttributeError, ImportError, StrictDataclassError), match=re.escape(message)):
        tiny_architecture(model_type)


def test_no_architecture_has_code_of_its_own() -> None:
    """Families differ in rows of names; a branch on a model's type would be a list that drifts."""
    for file in SOURCE.glob("*.py"):
        if file.name in ("card.py", "catalog.py"):
            continue
        assert not re.search(r"model_type\s*(==|in)\s|isinstance\(model, \w+ForCausalLM", file.read_text("utf-8")), file
