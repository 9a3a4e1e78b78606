from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.utils import logging as model_logging

from neuronscope.models.loading.quiet import quiet
from support.tokenizers import save_tiny


@pytest.mark.parametrize("damage", ["missing", "misshapen", "unexpected"])
def test_our_sentence_stands_alone_on_the_command_line(tmp_path: Path, damage: str) -> None:
    folder = save_tiny(tmp_path / "tiny")
    weights = load_file(folder / "model.safetensors")
    if damage == "missing":
        del weights["model.norm.weight"]
    else:
        weights["model.norm.weight" if damage == "misshapen" else "extra.weight"] = torch.zeros(3)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    command = [sys.executable, "-m", "neuronscope.cli.main", "models", "check", str(folder), "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (damage == "unexpected"), done.stderr
    for words in ("LOAD REPORT", "newly initialized", "Loading weights", "ignore_mismatched_sizes"):
        assert words not in done.stderr + done.stdout
    assert len(done.stderr.splitlines()) <= 2, done.stderr


def test_what_was_set_before_is_set_again_after_the_last_load() -> None:
    before = (model_logging.get_verbosity(), model_logging.is_progress_bar_enabled())
    with quiet():
        with quiet():
            assert model_logging.get_verbosity() == logging.ERROR
        assert not model_logging.is_progress_bar_enabled()
        assert model_logging.get_verbosity() == logging.ERROR
    assert (model_logging.get_verbosity(), model_logging.is_progress_bar_enabled()) == before


def test_who_asked_for_more_still_gets_it() -> None:
    before = model_logging.get_verbosity()
    model_logging.set_verbosity_info()
    try:
        with quiet():
            assert model_logging.get_verbosity() == logging.INFO
        assert model_logging.get_verbosity() == logging.INFO
    finally:
        model_logging.set_verbosity(before)
