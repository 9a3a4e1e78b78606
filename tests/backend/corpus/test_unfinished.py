from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.corpus.brute import tiny_llama
from neuronscope.core.errors import Conflict, Damaged, NotFound, StorageFull
from neuronscope.corpus import commits, files
from neuronscope.corpus.builder import build_index, run_shards
from neuronscope.corpus.commits import ShardPart, committed
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.plan import Plan, make_plan
from neuronscope.corpus.readers import from_texts
from neuronscope.corpus.unfinished import clean, in_use, place_of, to_resume, unfinished_in, written_whole

TEXTS = ["a cat sat", "", "on the mat " * 6, "猫 a cat", "a cat sat", "zq", "b" * 40, "a"] * 5
SMALL = Settings(batch_tokens=60, shard=3, sample=20, histogram=0.3)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of an index, but for when it was made."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    manifest = json.loads(found["manifest.json"])
    del manifest["created_at"]
    return {**found, "manifest.json": json.dumps(manifest).encode()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return build_index(tiny_llama(), from_texts(TEXTS), tmp_path_factory.mktemp("whole") / "x", k=4, settings=SMALL)


class Stop(BaseException):
    pass


def left_after(folder: Path, plan: Plan, steps: Callable[[Path], object]) -> None:
    """Do something within an unfinished index, and be cut off."""

    def interrupted() -> None:
        with written_whole(folder, plan) as work:
            steps(work)
            raise Stop

    with pytest.raises(Stop):
        interrupted()


@pytest.mark.parametrize("after", [5, 17, 30])
def test_a_build_that_was_cut_off_is_gone_on_with(whole: Index, tmp_path: Path, after: int) -> None:
    loaded, corpus, calls = tiny_llama(), from_texts(TEXTS), 0
    plan = make_plan(loaded, corpus, 4, settings=SMALL)

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise Stop

    with pytest.raises(Stop):
        build_index(loaded, corpus, tmp_path / "x", plan=plan, check=check)
    assert to_resume(tmp_path, plan) == tmp_path / "x"
    ready = committed(place_of(tmp_path / "x"))
    assert 0 < len(ready) < 14
    shards = []
    write = ShardPart.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShardPart, "write", lambda part, work, n: (shards.append(n), write(part, work, n))[1])
        resumed = build_index(loaded, corpus, tmp_path / "x", plan=make_plan(loaded, corpus, 4, settings=SMALL))
    assert not ready & set(shards), "what was committed is not run again"
    assert resumed.manifest.created_at == plan.created_at
    assert content(resumed.folder) == content(whole.folder)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 2), min_size=14, max_size=14), st.permutations([0, 1, 2]))
def test_the_result_does_not_depend_on_who_ran_which_shard(
    whole: Index, tmp_path_factory: pytest.TempPathFactory, of: list[int], order: list[int]
) -> None:
    loaded, corpus = tiny_llama(), from_texts(TEXTS)
    plan = make_plan(loaded, corpus, 4, settings=SMALL)
    folder = tmp_path_factory.mktemp("workers") / "x"

    def work_on(work: Path) -> None:
        for worker in order:
            run_shards(loaded, corpus, plan, work, mine=lambda n, worker=worker: of[n] == worker)

    left_after(folder, plan, work_on)
    assert content(build_index(loaded, corpus, folder, plan=plan).folder) == content(whole.folder)


CHILD = """
import sys
from pathlib import Path
from backend.corpus.brute import tiny_llama
from backend.corpus.test_unfinished import SMALL, TEXTS
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.readers import from_texts
build_index(tiny_llama(), from_texts(TEXTS), Path(sys.argv[1]), k=4, settings=SMALL,
            progress=lambda done, total: print(done, flush=True))
"""


def test_killing_the_process_costs_one_shard(whole: Index, tmp_path: Path) -> None:
    """R3: ``kill -9`` at random moments of the build, the merge and the last rename; then it is gone on with."""
    chooser = random.Random()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    before = 0
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / "x")], stdout=subprocess.PIPE, env=environment
        )
        assert child.stdout is not None
        for _ in range(chooser.randrange(1, 9)):
            child.stdout.readline()
        time.sleep(chooser.random() * 0.03)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        if (tmp_path / "x").exists():
            break
        now = len(committed(place_of(tmp_path / "x")))
        assert now >= before, "what was committed is still there"
        before = now
        with pytest.raises(NotFound, match="is no index"):
            Index.open(place_of(tmp_path / "x"))
    if not (tmp_path / "x").exists():
        build_index(tiny_llama(), from_texts(TEXTS), tmp_path / "x", k=4, settings=SMALL)
    assert content(tmp_path / "x") == content(whole.folder)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def cut_off(folder: Path) -> Path:
    """The unfinished folder of a build that was cut off after four shards."""
    loaded, corpus = tiny_llama(), from_texts(TEXTS)
    plan = make_plan(loaded, corpus, 4, settings=SMALL)
    left_after(folder, plan, lambda work: run_shards(loaded, corpus, plan, work, mine=lambda number: number < 4))
    return place_of(folder)


def test_another_plan_starts_afresh(whole: Index, tmp_path: Path) -> None:
    work = cut_off(tmp_path / "x")
    plan = make_plan(tiny_llama(), from_texts(TEXTS), 5, settings=SMALL)
    assert to_resume(tmp_path, plan) is None
    assert build_index(tiny_llama(), from_texts(TEXTS), tmp_path / "x", plan=plan).manifest.k == 5
    assert not work.exists()


def test_resuming_can_be_declined(whole: Index, tmp_path: Path) -> None:
    work = cut_off(tmp_path / "x")
    for path in (work / commits.SHARDS / "000001").iterdir():
        path.write_bytes(b"")
    with pytest.raises(Damaged, match="Shard 1"):
        build_index(tiny_llama(), from_texts(TEXTS), tmp_path / "x", k=4, settings=SMALL)
    assert list(tmp_path.iterdir()) == [], "a damaged shard is not met twice"
    cut_off(tmp_path / "x")
    index = build_index(tiny_llama(), from_texts(TEXTS), tmp_path / "x", k=4, settings=SMALL, resume=False)
    assert content(index.folder) == content(whole.folder)


def test_two_builders_do_not_write_one_index(tmp_path: Path) -> None:
    plan = make_plan(tiny_llama(), from_texts(TEXTS), 4, settings=SMALL)

    def another(work: Path) -> None:
        assert in_use(work)
        assert to_resume(tmp_path, plan) is None
        assert clean(tmp_path) == []
        with pytest.raises(Conflict, match="being built"), written_whole(tmp_path / "x", plan):
            pytest.fail("somebody else is at it")
        assert work.is_dir()

    left_after(tmp_path / "x", plan, another)


def test_what_is_left_lying_can_be_cleared(tmp_path: Path) -> None:
    work = cut_off(tmp_path / "x")
    (tmp_path / ".other").mkdir()
    assert unfinished_in(tmp_path) == [work]
    assert clean(tmp_path) == ["x"]
    assert [path.name for path in tmp_path.iterdir()] == [".other"]


def test_a_place_that_is_taken_is_refused(tmp_path: Path) -> None:
    plan = make_plan(tiny_llama(), from_texts(TEXTS), 4, settings=SMALL)
    (tmp_path / "x").mkdir()
    with pytest.raises(Conflict, match="exists"), written_whole(tmp_path / "x", plan):
        pytest.fail("it is there already")


def test_a_full_disk_takes_the_committed_shards_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = cut_off(tmp_path / "x")
    assert work.is_dir()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(StorageFull):
        build_index(tiny_llama(), from_texts(TEXTS), tmp_path / "x", k=4, settings=SMALL)
    assert list(tmp_path.iterdir()) == []


def test_parts_of_a_shard_come_back_as_they_were(tmp_path: Path) -> None:
    work = cut_off(tmp_path / "x")
    part = ShardPart.read(work, 0)
    part.write(work, 9)
    again = ShardPart.read(work, 9)
    assert all(np.array_equal(getattr(part, name), getattr(again, name)) for name in ShardPart.__slots__)
    shutil.rmtree(work / commits.SHARDS / "000009")
    assert committed(work) == {0, 1, 2, 3}
