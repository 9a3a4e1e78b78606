"""Building an index with many processes: shards as work for Ray actors, each with a model of its own.

This process reads the corpus and hands out shards; a worker runs one at a time and commits it to the folder that all of
them see. A worker that dies costs the shard it was running: another takes it. What comes out is what one process would
have made, to the last bit, as long as the machines compute alike: the same kind of processor, threads and libraries.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neuronscope.core.errors import BadRequest, Conflict, WorkFailed
from neuronscope.corpus.cluster import Cluster
from neuronscope.corpus.hands import Tally, Task
from neuronscope.corpus.parquet import need
from neuronscope.corpus.plan import Plan
from neuronscope.models.loading.recipe import Recipe

if TYPE_CHECKING:
    from neuronscope.corpus.worker import Worker

KNOCK = 5.0
"""Seconds in which a cluster has to answer."""
LOOK = 0.2
"""Seconds between two looks at whether the work was cancelled."""


class RayHands:
    """Workers on a Ray cluster, as the hands of a build."""

    def __init__(self, cluster: Cluster, recipe: Recipe, plan: Plan, parts: tuple[str, ...]) -> None:
        import ray

        self._ray, self._cluster, self._plan = ray, cluster, plan
        self._about = (recipe, plan, parts, cluster.threads_each)
        self._idle: deque[Any] = deque(self._worker() for _ in range(cluster.workers))
        self._running: dict[Any, tuple[Any, Task]] = {}

    def shard(self, task: Task, tally: Tally, check: Callable[[], None]) -> None:
        """Hand a shard to a worker, once one is free."""
        while not self._idle:
            self._collect(tally, check)
        self._start(replace(task, work=task.work.resolve()))

    def finish(self, tally: Tally, check: Callable[[], None]) -> None:
        """Wait for all that is running."""
        while self._running:
            self._collect(tally, check)

    def stop(self) -> None:
        """End all workers."""
        for worker in (*self._idle, *(worker for worker, _ in self._running.values())):
            self._ray.kill(worker)
        self._idle.clear()
        self._running.clear()

    def _worker(self) -> Any:
        each, gpus = self._cluster.threads_each, self._cluster.gpus
        made: Any = self._ray.remote(num_cpus=each, num_gpus=gpus, max_restarts=0)(ShardWorker)
        return made.remote(*self._about)

    def _start(self, task: Task) -> None:
        worker = self._idle.popleft()
        self._running[worker.run.remote(task)] = worker, task

    def _collect(self, tally: Tally, check: Callable[[], None]) -> None:
        """Wait until something is done, and put workers in the place of those that died."""
        check()
        done, _ = self._ray.wait(list(self._running), timeout=LOOK)
        for reference in done:
            worker, task = self._running.pop(reference)
            try:
                self._ray.get(reference)
            except self._ray.exceptions.RayActorError as death:
                if task.tried >= self._cluster.tries:
                    raise WorkFailed(
                        f"Shard {task.number} was given up: its worker died {task.tried} times.",
                        "The log of Ray says why; a machine without memory left is the usual reason.",
                    ) from death
                self._idle.append(self._worker())
                self._start(replace(task, tried=task.tried + 1))
                continue
            except self._ray.exceptions.RayTaskError as failure:
                raise _ours(failure) from None
            self._idle.append(worker)
            tally.add(len(task.documents))


def _ours(failure: Any) -> BaseException:
    """What went wrong in a worker, as it would have here."""
    return failure.cause if isinstance(failure.cause, BaseException) else WorkFailed(f"A worker failed: {failure}")


class ShardWorker:
    """What runs in a worker's process: a model, loaded at its first shard, and the shards that it is given."""

    def __init__(self, recipe: Recipe, plan: Plan, parts: tuple[str, ...], threads: int) -> None:
        self._recipe, self._plan, self._parts, self._threads = recipe, plan, parts, threads
        self._worker: Worker | None = None

    def run(self, task: Task) -> None:
        """Run a shard and commit it to the shared folder."""
        from neuronscope.core.storage import full_disk_named

        work = task.work
        if not self._plan.same(work):
            raise Conflict(
                f"A worker does not see the folder of the build, {work}.",
                "Put the workspace (NEURONSCOPE_HOME) on a path that all machines share.",
            )
        self._worker = self._worker or self._ready()
        self._worker.files = task.files
        with full_disk_named():
            self._worker.shard(task.number, task.documents, work, lambda _done: None, lambda: None)

    def _ready(self) -> Worker:
        import torch

        from neuronscope.corpus.windows import Tokenizer
        from neuronscope.corpus.worker import Worker, at_once

        torch.set_num_threads(self._threads)
        loaded, plan = self._recipe.load(), self._plan
        if loaded.key != plan.model_key:
            raise Conflict(
                f"A worker found other weights, tokenizer or dtype of {plan.model_id} than the build was planned with.",
                "Give every machine the same files of the model, best on the shared path.",
            )
        if loaded.device.type != plan.device:
            raise Conflict(
                f"A worker runs on {loaded.device.type}, but the build was planned on {plan.device}.",
                "Name the device, and give each worker a GPU if it is to use one.",
            )
        return Worker(loaded, plan, Tokenizer(loaded.tokenizer, plan.window, self._parts), {}, at_once)


@contextmanager
def hands_on(cluster: Cluster, recipe: Recipe, plan: Plan, parts: tuple[str, ...]) -> Iterator[RayHands]:
    """Workers for a build, ended with the block. Raises :class:`BadRequest` where Ray is missing or can't be reached."""
    need("ray", "cluster", "Building with several workers")
    # Ray reports its usage to its makers by default: nothing of ours is sent anywhere.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    ours = not ray.is_initialized()
    if ours:
        _connect(cluster)
    hands = RayHands(cluster, recipe, plan, parts)
    try:
        yield hands
    finally:
        hands.stop()
        if ours:
            ray.shutdown()


def _connect(cluster: Cluster) -> None:
    import ray

    if cluster.address is None:
        cores = cluster.workers * cluster.threads_each
        ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        return
    try:
        _knock(cluster.address)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as failure:
        raise BadRequest(
            f"The Ray cluster at '{cluster.address}' can't be reached: {(str(failure).splitlines() or [''])[0][:200]}.",
            "Start one with `ray start --head`, or leave the address out for workers on this machine.",
        ) from failure


def _knock(address: str) -> None:
    """Raise :class:`OSError` where nobody listens: Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK).close()
