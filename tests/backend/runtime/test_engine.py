from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from neuronscope.capture.forward import run_prompt
from neuronscope.core.address import Address
from neuronscope.core.errors import InsufficientMemory, NotFound
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading import loader, memory
from neuronscope.models.loading.sources import Sources
from neuronscope.runtime.engine import Engine
from support.runs import tiny
from support.tokenizers import save_tiny

ADDRESS = Address("mlp_act", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("models")
    save_tiny(parent / "one", seed=1)
    save_tiny(parent / "two", "gpt2", seed=2)
    return parent


@pytest.fixture
def engine(folder: Path) -> Engine:
    return Engine(Sources((folder,)))


def _neurons(loaded: LoadedModel, prompt: str) -> np.ndarray:
    return run_prompt(loaded, loaded.encode(prompt), [ADDRESS])[0][ADDRESS]


def test_captures_at_once_on_two_models_give_what_each_gives_alone(engine: Engine) -> None:
    jobs = [(f"local/{name}", f"prompt number {n}") for n in range(20) for name in ("one", "two")]
    alone = [engine.run(model, lambda loaded, p=prompt: _neurons(loaded, p)) for model, prompt in jobs]
    with ThreadPoolExecutor(20) as pool:
        together = list(pool.map(lambda job: engine.run(job[0], lambda loaded: _neurons(loaded, job[1])), jobs))
    for expected, found in zip(alone, together, strict=True):
        assert np.array_equal(expected, found)


def test_a_model_is_run_by_one_thread_only(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: engine.run("local/one", lambda _: threading.current_thread().name), range(40)))
    assert len(names) == 1
    assert names.isdisjoint({engine.run("local/two", lambda _: threading.current_thread().name)})


def test_two_requests_for_one_model_load_it_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    real = loader.load

    def counted(source: object, **options: object) -> LoadedModel:
        loads.append(str(source))
        return real(source, **options)

    monkeypatch.setattr(loader, "load", counted)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: engine.run("local/one", lambda loaded: loaded.key), range(8)))
    assert (len(loads), len(keys)) == (1, 1)


def test_unloading_waits_for_what_runs_and_then_forgets(engine: Engine) -> None:
    started, go_on = threading.Event(), threading.Event()

    def work(_: LoadedModel) -> str:
        started.set()
        assert go_on.wait(10)
        return "finished"

    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(engine.run, "local/one", work)
        assert started.wait(10)
        unloading = pool.submit(engine.unload, "local/one")
        assert not unloading.done()
        go_on.set()
        assert running.result() == "finished"
        assert unloading.result() > 100_000
    assert engine.loaded_ids() == set()
    with pytest.raises(NotFound):
        engine.unload("local/one")


def test_loading_anew_in_another_dtype_replaces_the_model(engine: Engine) -> None:
    assert engine.load("local/one").dtype == "float32"
    assert engine.load("local/one", dtype="bfloat16").dtype == "bfloat16"
    assert engine.load("local/one").dtype == "bfloat16"
    assert engine.loaded_ids() == {"local/one"}


def _hold(monkeypatch: pytest.MonkeyPatch, engine: Engine, models: float) -> None:
    """A machine with room for so many of the tiny models, whatever this one has."""
    one = max(memory.demand(engine.sources.find(f"local/{name}").sizes, "float32").bytes for name in ("one", "two"))
    weights = {name: engine.sources.find(f"local/{name}").sizes.parameters * 4 for name in ("one", "two")}

    def free(_device: str) -> int:
        return int(models * one) - sum(weights[name.removeprefix("local/")] for name in engine.loaded_ids())

    monkeypatch.setattr(memory, "free_bytes", free)


def test_a_model_that_fits_only_alone_takes_the_place_of_an_idle_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hold(monkeypatch, engine, 1.001)
    engine.load("local/one")
    engine.load("local/two")
    assert engine.loaded_ids() == {"local/two"}


def test_models_that_fit_together_stay(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    _hold(monkeypatch, engine, 2)
    engine.load("local/one")
    engine.load("local/two")
    assert engine.loaded_ids() == {"local/one", "local/two"}


def test_what_fits_in_no_way_is_refused_and_nothing_is_evicted_for_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.load("local/one")
    monkeypatch.setattr(memory, "free_bytes", lambda _device: 0)
    with pytest.raises(InsufficientMemory, match="local/two needs about"):
        engine.load("local/two")
    assert engine.loaded_ids() == {"local/one"}


def test_an_error_of_the_work_reaches_its_caller_and_the_model_goes_on(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        engine.run("local/one", lambda _: 1 // 0)
    assert engine.run("local/one", lambda loaded: loaded.model_id) == "local/one"


def test_a_model_in_memory_can_be_given_to_the_engine(engine: Engine) -> None:
    first, second = tiny("llama"), tiny("llama")
    engine.adopt(first)
    assert engine.run("llama", lambda loaded: loaded) is first
    engine.adopt(second)
    assert engine.run("llama", lambda loaded: loaded) is second
    assert engine.unload("llama") > 0
