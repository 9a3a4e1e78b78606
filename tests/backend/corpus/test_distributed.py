"""Workers of Ray on this machine: the same index, also where one of them is killed. Ray alone takes ten seconds to start."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from backend.corpus.test_unfinished import content
from neuronscope.core.errors import BadRequest, Cancelled, Conflict, WorkFailed
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.cluster import Cluster
from neuronscope.corpus.distributed import RayHands, hands_on
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.plan import Plan, make_plan
from neuronscope.corpus.readers import Corpus
from neuronscope.corpus.sources import read_file
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.recipe import Recipe

ray = pytest.importorskip("ray", reason="the extra neuronscope[cluster] is not installed")
SMALL = Settings(batch_tokens=300, shard=6, sample=40, histogram=0.3)
TWO = Cluster(2, threads=1)


@pytest.fixture(scope="module")
def connected() -> Iterator[None]:
    """One Ray for all tests of this file."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def recipe(tiny_models: Path) -> Recipe:
    return Recipe(str(tiny_models / "one"), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def loaded(recipe: Recipe) -> Iterator[LoadedModel]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield recipe.load()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    path = tmp_path_factory.mktemp("corpus") / "a.txt"
    lines = [f"document {n} says {'on and ' * (n % 7)}on" for n in range(60)]
    path.write_text("\n\n".join(lines))
    return read_file(path)


@pytest.fixture(scope="module")
def plan(loaded: LoadedModel, corpus: Corpus) -> Plan:
    return make_plan(loaded, corpus, 5, settings=SMALL, points=["mlp_act", "resid_post"])


@pytest.fixture(scope="module")
def alone(
    loaded: LoadedModel, corpus: Corpus, plan: Plan, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The index that this process makes by itself."""
    return content(build_index(loaded, corpus, tmp_path_factory.mktemp("alone") / "x", plan=plan).folder)


def test_wrong_requests_are_refused(recipe: Recipe, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ({"workers": 0}, {"workers": 1, "threads": 0}, {"workers": 1, "tries": 0}, {"workers": 1, "gpus": -1}):
        with pytest.raises(BadRequest):
            Cluster(**wrong)
    assert Cluster(10_000).threads_each == 1
    with (
        pytest.raises(BadRequest, match=r"The Ray cluster at '127\.0\.0\.1:1' can't be reached"),
        hands_on(Cluster(1, "127.0.0.1:1"), recipe, plan, ()),
    ):
        raise AssertionError
    monkeypatch.setattr("neuronscope.corpus.parquet.find_spec", lambda _: None)
    with pytest.raises(BadRequest, match=r"ray, which is not installed") as caught, hands_on(TWO, recipe, plan, ()):
        raise AssertionError
    assert "neuronscope[cluster]" in caught.value.hint


def a_worker() -> psutil.Process:
    """The process of one of the workers, once there is one."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for process in psutil.Process().children(recursive=True):
            if "ShardWorker" in " ".join(process.cmdline()):
                return process
        time.sleep(0.05)
    raise AssertionError("no worker was started")


def test_two_workers_make_the_same_index_though_one_is_killed(
    connected: None,
    loaded: LoadedModel,
    corpus: Corpus,
    plan: Plan,
    recipe: Recipe,
    alone: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed: list[int] = []
    told: list[tuple[int, int]] = []
    start = RayHands._start

    def and_kill(hands: RayHands, task: Any) -> None:
        start(hands, task)
        if task.number == 3 and task.tried == 1:
            killed.append(a_worker().pid)
            os.kill(killed[-1], signal.SIGKILL)

    monkeypatch.setattr(RayHands, "_start", and_kill)
    with hands_on(TWO, recipe, plan, corpus.parts) as hands:
        index = build_index(
            loaded, corpus, tmp_path / "x", plan=plan, hands=hands, progress=lambda *at: told.append(at)
        )
    assert len(killed) == 1
    assert content(index.folder) == alone
    assert told[-1] == (60, 60)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_shard_whose_workers_keep_dying_ends_the_build_and_what_was_committed_stays(
    connected: None,
    loaded: LoadedModel,
    corpus: Corpus,
    plan: Plan,
    recipe: Recipe,
    alone: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = RayHands._start

    def and_kill(hands: RayHands, task: Any) -> None:
        start(hands, task)
        if task.number == 1:
            ray.kill(next(w for w, t in hands._running.values() if t.number == 1))

    monkeypatch.setattr(RayHands, "_start", and_kill)
    with (
        pytest.raises(WorkFailed, match="Shard 1 was given up: its worker died 2 times"),
        hands_on(Cluster(2, threads=1, tries=2), recipe, plan, corpus.parts) as hands,
    ):
        build_index(loaded, corpus, tmp_path / "x", plan=plan, hands=hands)
    assert not (tmp_path / "x").exists()
    monkeypatch.setattr(RayHands, "_start", start)
    assert content(build_index(loaded, corpus, tmp_path / "x", plan=plan).folder) == alone


def test_what_goes_wrong_in_a_worker_is_told_as_it_would_be_here(
    connected: None, loaded: LoadedModel, corpus: Corpus, plan: Plan, recipe: Recipe, tiny_models: Path, tmp_path: Path
) -> None:
    other = Recipe(str(tiny_models / "two"), dtype="float32", device="cpu")
    with (
        pytest.raises(Conflict, match="other weights"),
        hands_on(Cluster(1, threads=1), other, plan, corpus.parts) as hands,
    ):
        build_index(loaded, corpus, tmp_path / "x", plan=plan, hands=hands)
    assert list(tmp_path.iterdir()) == []
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 6:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled), hands_on(Cluster(1, threads=1), recipe, plan, corpus.parts) as hands:
        build_index(loaded, corpus, tmp_path / "x", plan=plan, hands=hands, check=check)
    assert list(tmp_path.iterdir()) == []
