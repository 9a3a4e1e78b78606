from __future__ import annotations

import operator
import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from neuronscope.core.errors import BadRequest, Cancelled, WorkFailed
from neuronscope.core.spec import CaptureSpec
from neuronscope.runtime.isolated import Isolated


@pytest.fixture(scope="module")
def isolated() -> Iterator[Isolated]:
    worker = Isolated()
    yield worker
    worker.close()


def test_it_runs_elsewhere_and_the_worker_is_reused(isolated: Isolated) -> None:
    first = isolated.run(os.getpid)
    assert first != os.getpid()
    assert isolated.run(os.getpid) == first


def test_arrays_travel(isolated: Isolated) -> None:
    values = np.arange(200_000, dtype=np.float32).reshape(400, 500)
    assert np.array_equal(isolated.run(np.transpose, values), values.T)


def test_an_error_for_a_person_comes_back_whole(isolated: Isolated) -> None:
    with pytest.raises(BadRequest, match="No points") as caught:
        isolated.run(CaptureSpec, ())
    assert caught.value.hint == "Leave 'points' out for the defaults."


def test_any_other_error_becomes_a_sentence_and_the_worker_lives(isolated: Isolated) -> None:
    pid = isolated.run(os.getpid)
    with pytest.raises(WorkFailed, match="division by zero"):
        isolated.run(operator.truediv, 1, 0)
    assert isolated.run(os.getpid) == pid


def test_cancelling_kills_at_once(isolated: Isolated) -> None:
    pid = isolated.run(os.getpid)
    begin = time.monotonic()

    def check() -> None:
        if time.monotonic() > begin + 0.2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        isolated.run(time.sleep, 60, check=check)
    assert time.monotonic() - begin < 5
    assert isolated.run(os.getpid) != pid


def test_a_worker_that_dies_is_a_sentence_and_is_replaced(isolated: Isolated) -> None:
    with pytest.raises(WorkFailed, match="ended unexpectedly"):
        isolated.run(os._exit, 9)
    assert isolated.run(operator.add, 1, 2) == 3


def test_whoever_waits_for_a_turn_can_be_cancelled(isolated: Isolated) -> None:
    isolated.run(os.getpid)
    busy = threading.Thread(target=isolated.run, args=(time.sleep, 4))
    busy.start()
    time.sleep(0.2)

    def check() -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        isolated.run(operator.add, 1, 2, check=check)
    assert busy.is_alive(), "it waited for its turn before it noticed"
    busy.join()


def test_close_leaves_no_process() -> None:
    import psutil

    worker = Isolated()
    pid = worker.run(os.getpid)
    worker.close()
    assert not psutil.pid_exists(pid)
