"""The pool gives memory back, replaces, lends, and survives running out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from neuronscope.core.errors import Cancelled, InsufficientMemory
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.sources import Sources
from neuronscope.runtime.engine import Engine
from neuronscope.runtime.jobs import JobHandle, Jobs
from support.tokenizers import save_tiny, tiny_tokenizer

TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    save_tiny(tmp_path / "one", seed=1)
    save_tiny(tmp_path / "two", "gpt2", seed=2)
    return Engine(Sources((tmp_path,)))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows keep freed pages as they like")
def test_ten_models_in_turn_leave_no_more_than_a_twentieth(tmp_path: Path) -> None:
    for seed, layers in enumerate((6, 8)):
        torch.manual_seed(seed)
        config = LlamaConfig(
            hidden_size=512, intermediate_size=1024, num_hidden_layers=layers, num_attention_heads=8, vocab_size=3000,
            max_position_embeddings=256,
        )  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(tmp_path / f"m{seed}")
        tiny_tokenizer(258).save_pretrained(tmp_path / f"m{seed}")
    command = [sys.executable, "-m", "support.ten_loads", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": str(TESTS), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert max(figures["freed"]) > 60e6
    assert figures["after"][-1] <= 1.05 * figures["before"], figures


def test_a_model_is_replaced_after_what_waits_for_it_has_run(engine: Engine) -> None:
    started, go_on = threading.Event(), threading.Event()

    def work(loaded: LoadedModel) -> str:
        started.set()
        assert go_on.wait(10)
        return loaded.quantization

    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(engine.run, "local/one", work)
        assert started.wait(30)
        loading = pool.submit(engine.load, "local/one", quantization="nf4")
        time.sleep(0.2)
        assert not loading.done()
        go_on.set()
        assert running.result() == "none"
        assert loading.result().quantization == "nf4"
    assert engine.run("local/one", lambda loaded: loaded.quantization) == "nf4"


def test_a_borrowed_copy_is_its_own_and_is_gone_afterwards(engine: Engine) -> None:
    pooled = engine.load("local/one")
    found = engine.borrow("local/one", {"quantization": "nf4"}, lambda loaded: (loaded.quantization, id(loaded)))
    assert found[0] == "nf4"
    assert engine.loaded()["local/one"] is pooled
    assert engine.borrow("local/one", {"dtype": "float32", "quantization": "none"}, id) == id(pooled)
    assert engine.borrow("local/two", {"dtype": "bfloat16"}, lambda loaded: loaded.dtype) == "bfloat16"
    assert engine.loaded_ids() == {"local/one"}


@pytest.mark.parametrize(
    "failure",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_running_out_of_memory_is_an_answer_and_the_engine_goes_on(engine: Engine, failure: Exception) -> None:
    def fail(_: LoadedModel) -> None:
        raise failure

    with pytest.raises(InsufficientMemory, match="local/one ran out of"):
        engine.run("local/one", fail)
    assert engine.run("local/one", lambda loaded: loaded.model_id) == "local/one"


def test_a_cancelled_load_leaves_nothing_loaded_and_the_next_one_works(engine: Engine) -> None:
    told: list[int] = []

    def check() -> None:
        if len(told) > 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        engine.load("local/one", progress=lambda done, _t, _p: told.append(done), check=check)
    assert engine.loaded_ids() == set()
    assert engine.load("local/one").dtype == "float32"


def test_one_wish_is_one_job(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    go_on = threading.Event()

    def work(handle: JobHandle) -> dict[str, object]:
        while not go_on.wait(0.01):
            handle.check()
        return {}

    first = jobs.start("load", "Load x", work, same=("load", "x"))
    assert jobs.start("load", "Load x", work, same=("load", "x")).job_id == first.job_id
    assert jobs.start("load", "Load y", work, same=("load", "y")).job_id != first.job_id
    jobs.cancel(first.job_id)
    assert jobs.start("load", "Load x", work, same=("load", "x")).job_id != first.job_id
    go_on.set()
    jobs.close(5)
    assert jobs.start("load", "Load x", work, same=("load", "x")).job_id != first.job_id
    jobs.close(5)
