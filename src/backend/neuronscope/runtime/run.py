"""A run as a person holds it: its events, what it records, and how to stop or change it on the way."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from neuronscope.core.errors import NeuronScopeError
from neuronscope.core.events import Done, Event, Failed, Receipt, Start, Step, Token
from neuronscope.core.intervention import Intervention
from neuronscope.models.loaded import LoadedModel
from neuronscope.runtime.elsewhere import Source
from neuronscope.runtime.keeping import Keeping, Removed
from neuronscope.traces.recorder import Recorder
from neuronscope.traces.store import Trace
from neuronscope.traces.wire import Frame


class Run:
    """Iterate over it for the events; each goes to the recorder before it is handed over.

    As a context manager, or when the loop over it ends for any reason, it leaves no hook on the model and closes its trace.
    ``publish`` is called as :class:`Recorder` says.
    """

    def __init__(self, generation: Source, folder: Path | None, publish: Callable[[Frame], None] | None = None) -> None:
        self.trace_id = generation.trace_id
        self.start: Start = generation.start
        self.prompt = generation.prompt.text
        self._generation = generation
        self.removed: tuple[Removed, ...] = ()
        """Older traces that went when it ended, where a person has set a limit."""
        self._recorder: Recorder | None = None
        if folder is not None:
            path = folder / f"{self.trace_id}.trace"
            self._recorder = Recorder(path, self.start, self.prompt, publish=publish)
        self._events = self._run()

    def _run(self) -> Generator[Event]:
        events = self._generation.events()
        try:
            for event in events:
                if self._recorder is not None:
                    self._recorder.put(event)
                yield event
        finally:
            events.close()
            self._finish()

    def _finish(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
            self.removed += Keeping(self._recorder.path.parent).tidy()

    def __iter__(self) -> Generator[Event]:
        return self._events

    def stop(self) -> None:
        """End the run before its next step. Safe from any thread."""
        self._generation.stop()

    def intervene(
        self, interventions: Sequence[Intervention | Mapping[str, Any]], replace: bool = True, only: str | None = None
    ) -> None:
        """Change what is in force from the next step on, as :meth:`Generation.intervene`. Safe from any thread."""
        self._generation.intervene(interventions, replace, only)

    @property
    def path(self) -> Path | None:
        """The trace's file; ``None`` where nothing is recorded."""
        return None if self._recorder is None else self._recorder.path

    @property
    def recording_error(self) -> NeuronScopeError | None:
        """Why recording ended early, if it did; the run itself goes on."""
        return None if self._recorder is None else self._recorder.error

    def close(self) -> None:
        """End it where it is."""
        self._events.close()
        self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class Generated:
    """What a run gave: ``text`` after the prompt, its ``tokens``, why it ended, and its trace where one was kept.

    ``unfired`` are ids of interventions that never fired.
    """

    text: str
    tokens: tuple[Token, ...] = field(repr=False)
    logprobs: tuple[float, ...] = field(repr=False)
    reason: str
    start: Start = field(repr=False)
    receipts: tuple[Receipt, ...] = field(default=(), repr=False)
    unfired: tuple[str, ...] = ()
    trace: Trace | None = None
    notes: tuple[str, ...] = field(default=())
    """What went otherwise than asked: recording that ended early, payloads that did not fit their budget."""


def collect(run: Run, loaded: LoadedModel) -> Generated:
    """Run to the end. Raises what made the run fail."""
    ids: list[int] = []
    logprobs: list[float] = []
    receipts: list[Receipt] = []
    dropped, end = 0, Done("stopped")
    with run:
        for event in run:
            if isinstance(event, Step) and event.token_id is not None:
                ids.append(event.token_id)
                logprobs.append(event.logprob or 0.0)
                dropped += event.dropped is not None
            elif isinstance(event, Receipt):
                receipts.append(event)
            elif isinstance(event, Failed):
                raise failure(event)
            elif isinstance(event, Done):
                end = event
    notes = [f"{dropped} of {len(ids)} steps were over the byte budget and lost payloads."] if dropped else []
    if run.recording_error is not None:
        notes.append(f"Recording ended early: {run.recording_error.message}")
    if run.removed:
        notes.append(f"{len(run.removed)} older traces were removed to hold the limit.")
    trace = Trace.open(run.path) if run.path is not None else None
    text, tokens = text_after(loaded, run.start.tokens, ids), tuple(loaded.token(i) for i in ids)
    made = (run.start, tuple(receipts), end.unfired, trace, tuple(notes))
    return Generated(text, tokens, tuple(logprobs), end.reason, *made)


def text_after(loaded: LoadedModel, before: Sequence[Token], ids: Sequence[int]) -> str:
    """The text of new tokens as it follows on the prompt's last ones: a decoder drops the space before a first token."""
    lead = [token.id for token in before[-4:]]
    decode = loaded.tokenizer.decode
    both = decode([*lead, *ids], skip_special_tokens=True, clean_up_tokenization_spaces=False)
    alone = decode(lead, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert isinstance(both, str)
    assert isinstance(alone, str)
    if both.startswith(alone):
        return both[len(alone) :]
    text = decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text


def failure(event: Failed) -> NeuronScopeError:
    """The event as an error with its own code."""
    error = NeuronScopeError(event.message, event.hint)
    error.code, error.status = event.code, 500
    return error
