"""Heavy computation in a process of its own: it never holds the server's interpreter lock, and it can be stopped at any moment."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from neuronscope.core.errors import NeuronScopeError, WorkFailed

_POLL = 0.05


class Isolated:
    """One worker process, started when first needed and kept warm. Calls from several threads take turns."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def run(self, function: Callable[..., Any], *args: Any, check: Callable[[], None] | None = None) -> Any:
        """``function(*args)`` in the worker. Function, arguments and result must be picklable.

        ``check`` is asked again and again and may raise to stop the work, which kills the worker. An error that a
        person may see comes back as it was raised, any other as :class:`WorkFailed`.
        """
        with self._one_at_a_time(check):
            pipe = self._start()
            try:
                pipe.send((function, args))
                while not pipe.poll(_POLL):
                    if check is not None:
                        check()
                good, answer = pipe.recv()
            except (EOFError, OSError) as failure:
                self.close()
                raise WorkFailed(
                    "The computation's process ended unexpectedly.", "Most often memory ran out: try fewer units."
                ) from failure
            except BaseException:
                self.close()
                raise
        if good:
            return answer
        raise answer

    def close(self) -> None:
        """Kill the worker; the next call starts another."""
        process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.kill()
            process.join(5)

    @contextlib.contextmanager
    def _one_at_a_time(self, check: Callable[[], None] | None) -> Iterator[None]:
        while not self._turn.acquire(timeout=_POLL):
            if check is not None:
                check()
        try:
            yield
        finally:
            self._turn.release()

    def _start(self) -> Connection:
        if self._process is not None and self._process.is_alive() and self._pipe is not None:
            return self._pipe
        self.close()
        # A forked child of a process with threads can deadlock.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="neuronscope-worker", daemon=True)
        self._process.start()
        theirs.close()
        self._pipe = ours
        return ours


def _serve(pipe: Connection) -> None:
    # Ctrl-C reaches the whole process group; the server is the one to decide what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            function, args = pipe.recv()
        except EOFError:
            return
        try:
            answer: tuple[bool, Any] = True, function(*args)
        except NeuronScopeError as failure:
            answer = False, failure
        except MemoryError:
            answer = False, WorkFailed("There is not enough memory for this.", "Try fewer units.")
        except Exception as failure:
            traceback.print_exc()
            answer = False, WorkFailed(f"The computation failed: {failure}.", "Try other parameters.")
        pipe.send(answer)
