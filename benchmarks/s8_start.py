"""S8: from the command to the page, to the first heatmap on the bundled model, and to the help text."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from common import Result

from neuronscope.models.loading.sources import BUNDLED_ID, Sources
from support.process import program

PROMPT = "What is 23 + 45?"
REPEATS = 3
BARE = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model(**tokenizer(sys.argv[2], return_tensors="pt", return_token_type_ids=False))
"""


def _start() -> tuple[float, float]:
    """Seconds to the page and to the first heatmap of one fresh server."""
    with tempfile.TemporaryDirectory() as home, program(Path(home)) as running:
        page = time.perf_counter() - running.started
        trace = running.post("/api/captures", prompt=PROMPT)
        running.get(f"/api/traces/{trace['trace_id']}/heatmap", address="mlp_act.1")
        return page, time.perf_counter() - running.started


def _bare() -> float:
    folder = Sources().find(BUNDLED_ID).folder
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", BARE, str(folder), PROMPT], check=True, capture_output=True)
    return time.perf_counter() - start


def _help() -> float:
    start = time.perf_counter()
    subprocess.run([str(Path(sys.executable).parent / "neuronscope"), "--help"], check=True, capture_output=True)
    return time.perf_counter() - start


def measure() -> Iterator[Result]:
    _start(), _bare(), _help()
    pages, heatmaps, bares, helps = [], [], [], []
    for _ in range(REPEATS):
        page, heatmap = _start()
        pages.append(page)
        heatmaps.append(heatmap)
        bares.append(_bare())
        helps.append(_help())
    page, heatmap, bare, text = (statistics.median(taken) for taken in (pages, heatmaps, bares, helps))
    yield Result("S8 start to page", page, None, None, "≤ 2 s", page <= 2, "s")
    note = "reference: import, load and forward with transformers alone"
    good = heatmap <= bare + 2
    yield Result("S8 start to first heatmap", heatmap, bare, heatmap / bare, "≤ reference + 2 s", good, "s", note)
    yield Result("S8 neuronscope --help", text, None, None, "≤ 0.5 s", text <= 0.5, "s")
