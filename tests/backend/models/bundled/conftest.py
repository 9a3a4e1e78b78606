"""The shipped model and the training scripts, for the tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from neuronscope.models.bundled import folder

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "scripts"))


@pytest.fixture(scope="package")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(folder())


@pytest.fixture(scope="package")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(folder(), dtype=torch.float32).eval()
