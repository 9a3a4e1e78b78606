"""A run on a chat server: the events of any run, with tokens and log-probabilities and without activations."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

from neuronscope.bridges.chat_dialects import MOST_TOP
from neuronscope.bridges.chat_http import TurnedDown, post_lines
from neuronscope.bridges.chat_pieces import Finish, Piece
from neuronscope.bridges.chat_servers import ChatServer, ChatServers
from neuronscope.core.errors import BadRequest, ChatServerFailed, NeuronScopeError, UnsupportedModel, WorkFailed
from neuronscope.core.events import Done, Event, Failed, Start, Step
from neuronscope.core.generation import GenerateRequest
from neuronscope.core.ids import new_id
from neuronscope.core.intervention import Intervention
from neuronscope.core.trace_config import LIVE_POINTS, TraceConfig

log = logging.getLogger("neuronscope.bridges")

NO_ACTIVATIONS = "a chat-only server gives tokens, no activations"


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """What the run was asked, as text."""

    text: str


class ChatGeneration:
    """One answer of a chat server, ready to begin, to be used as :class:`neuronscope.capture.generate.Generation` is.

    A prompt is sent as a user's message. Each piece that the server sends is a step with no entries; the first is called
    prefill. Positions count pieces, since the server tells neither the prompt's tokens nor any token's id.

    Raises :class:`BadRequest` for what the server's API can't be asked, and :class:`UnsupportedModel` for interventions
    and for points asked for by name: there is nothing to change or to watch.
    """

    def __init__(
        self,
        server: ChatServer,
        model: str,
        request: GenerateRequest,
        config: TraceConfig | Mapping[str, Any] | None = None,
        interventions: Sequence[Intervention | Mapping[str, Any]] = (),
        trace_id: str | None = None,
    ) -> None:
        self.trace_id = trace_id or new_id("t")
        self.model_id = f"{server.name}/{model}"
        self._server = server
        self._request = request
        self._config = TraceConfig.of(config)
        if self._config.points is not None:
            raise self._nothing_inside("so no point of it can be watched")
        if interventions:
            raise self._nothing_inside("so nothing can be changed in it")
        messages = request.messages or ({"role": "user", "content": request.prompt or ""},)
        self.prompt = ChatPrompt(request.prompt or "\n".join(message["content"] for message in messages))
        if not self.prompt.text:
            raise BadRequest("The prompt is empty.", "Type some text.")
        self._body = server.dialect.body(model, messages, request)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    @property
    def start(self) -> Start:
        """The run's first event; ``unavailable`` says of every default point why it is blank."""
        return Start(
            trace_id=self.trace_id,
            model_id=self.model_id,
            revision=None,
            model_key=f"chat:{self.model_id}",
            config={**self._config.resolve(0, 0).to_map(), "dtype": None, "layer_count": 0},
            tokens=(),
            points=(),
            unavailable=dict.fromkeys((*LIVE_POINTS, "attn_weights"), NO_ACTIVATIONS),
            settings={**self._request.settings(), "interventions": []},
        )

    def stop(self) -> None:
        """End the run now, also while it waits for the server; safe from any thread."""
        self._stopped.set()
        with self._lock:
            if self._waiting is not None:
                loop, task = self._waiting
                loop.call_soon_threadsafe(task.cancel)

    def intervene(
        self, interventions: Sequence[Intervention | Mapping[str, Any]], replace: bool = True, only: str | None = None
    ) -> None:
        """Refused with the reason, unless it would change nothing."""
        if interventions:
            raise self._nothing_inside("so nothing can be changed in it")

    def events(self) -> Generator[Event]:
        """Start, a step for each piece, and how it ended."""
        yield self.start
        try:
            with _loop_of_its_own() as loop:
                pieces = self._pieces()
                try:
                    yield from self._steps(loop, pieces)
                finally:
                    # Left to the loop's own end, it would be closed beside what it holds open, not before it.
                    asyncio.run_coroutine_threadsafe(pieces.aclose(), loop).result()
        except NeuronScopeError as error:
            yield Failed(error.code, error.message, error.hint)
        except Exception as error:
            log.exception("a chat run failed")
            broken = WorkFailed(f"The answer could not be read ({type(error).__name__}).", str(error)[:300])
            yield Failed(broken.code, broken.message, broken.hint)

    def _steps(self, loop: asyncio.AbstractEventLoop, pieces: AsyncGenerator[Piece | Finish]) -> Generator[Event]:
        for number in itertools.count():
            piece = self._wait(asyncio.run_coroutine_threadsafe(self._next(pieces), loop))
            if piece is None or isinstance(piece, Finish):
                yield Done("stopped" if piece is None else piece.reason)
                return
            if number == self._request.max_new_tokens:
                # A server that does not count is held to what was asked.
                yield Done("length")
                return
            yield _step(number, piece)

    def _wait(self, coming: Future[Piece | Finish | None]) -> Piece | Finish | None:
        try:
            return coming.result()
        except KeyboardInterrupt:
            # Ctrl+C ends the run and keeps what has come.
            self.stop()
            return coming.result()

    async def _next(self, pieces: AsyncGenerator[Piece | Finish]) -> Piece | Finish | None:
        """The next piece; None once the run was stopped."""
        task = asyncio.current_task()
        assert task is not None
        with self._lock:
            self._waiting = (asyncio.get_running_loop(), task)
        try:
            return None if self._stopped.is_set() else await anext(pieces)
        except asyncio.CancelledError:
            return None  # by stop
        except StopAsyncIteration:
            raise ChatServerFailed(
                "The chat server broke off in the middle of its answer.", "It may have ended; start it again."
            ) from None
        finally:
            with self._lock:
                self._waiting = None

    async def _pieces(self) -> AsyncGenerator[Piece | Finish]:
        """The answer's pieces, with log-probabilities where the server gives them."""
        address, dialect = self._server.url + self._server.dialect.chat_path, self._server.dialect
        likely = dialect.likely(min(self._config.logits_topk, MOST_TOP))
        for extra in (likely, {}):
            reader = dialect.reader()
            try:
                async with aclosing(post_lines(address, {**self._body, **extra})) as lines:
                    async for line in lines:
                        for piece in reader.read(line):
                            yield piece
                return
            except TurnedDown as refusal:
                # Some servers refuse a whole request for a field that they don't know.
                if not extra or refusal.answered not in (400, 422) or "logprob" not in refusal.said.lower():
                    raise

    def _nothing_inside(self, consequence: str) -> UnsupportedModel:
        return UnsupportedModel(
            f"{self.model_id} can't be looked into: {NO_ACTIVATIONS}, {consequence}.",
            "Load the model itself in NeuronScope, from its folder, its GGUF file or the hub.",
        )


@contextmanager
def _loop_of_its_own() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own: in a notebook the caller's thread runs one already."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="chat", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _step(number: int, piece: Piece) -> Step:
    return Step(
        phase="decode" if number else "prefill",
        step=number,
        pos0=number,
        t_add=0,
        inputs=(),
        entries=(),
        token=piece.text,
        logprob=piece.logprob,
        top=piece.top,
    )


class ChatModels(ChatServers):
    """The models of the servers, as the program takes models that run elsewhere."""

    def source(
        self,
        model_id: str,
        request: GenerateRequest,
        config: TraceConfig,
        interventions: Sequence[Intervention],
        trace_id: str,
    ) -> ChatGeneration:
        """A run on one of them; errors as :class:`ChatGeneration`."""
        return ChatGeneration(*self.find(model_id), request, config, interventions, trace_id)
