"""The forward passes of a run, one after another: each gives the next token and the numbers that its step keeps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from types import TracebackType
from typing import Any, NamedTuple, Self

from torch import Tensor
from transformers import Cache

from neuronscope.capture.attend import AttentionWatch
from neuronscope.capture.block_rows import BlockRows, StepRows
from neuronscope.capture.cache import run_cache
from neuronscope.capture.compiled import CompiledDecode
from neuronscope.capture.edits import Tally
from neuronscope.capture.fused import cross
from neuronscope.capture.gradients import without_gradients
from neuronscope.capture.interventions import Interventions
from neuronscope.capture.pieces import PiecedPasses
from neuronscope.capture.run_taps import RunTaps
from neuronscope.capture.sampling import Sampler
from neuronscope.capture.step_entries import StepEntries
from neuronscope.capture.step_graph import step_graph
from neuronscope.capture.watch import Watch
from neuronscope.core.address import Address
from neuronscope.core.events import Token
from neuronscope.core.trace_config import Resolved
from neuronscope.models.loaded import LoadedModel


class Read(NamedTuple):
    """What a pass gave: the token that it emits, still on the model's device, and all that was reduced, on the CPU."""

    token: Tensor
    arrays: Iterator[Any]
    vocabulary: int


class Passes:
    """Within it, :meth:`run` makes the next pass; the model is locked during one, not between two.

    ``arrays`` of a pass hold what :meth:`Sampler.choose` gives, then what the entries take, then what receipts take.
    With ``compiled``, passes of one token are replayed where nothing needs them anew.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        watch: Watch,
        attention: AttentionWatch,
        resolved: Resolved,
        changes: Interventions,
        rows: StepRows | None,
        compiled: CompiledDecode | None,
    ) -> None:
        self._loaded, self._watch, self._attention, self._changes = loaded, watch, attention, changes
        self._logits_topk = resolved.config.logits_topk
        self.entries = StepEntries(watch, attention, resolved)
        self._rows, self._block_rows = rows, BlockRows(loaded)
        self._compiled = compiled
        self._cache: Cache | None = None
        self._graph = step_graph(loaded, watch, attention, resolved) if compiled is None else None
        self._pieced: PiecedPasses | None = None
        self._recorded_taps: tuple[list[Address], list[Tensor]] = ([], [])
        self._recorded_tallies: dict[str, Tally] = {}
        self._kind = str((watch.names, attention.names, resolved))
        accepted = inspect.signature(loaded.model.forward).parameters
        # As transformers' own generation does: only the last position's logits, where the model can leave out the others.
        self._options: dict[str, Any] = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        self._shape = [1, 0]
        self._taps = RunTaps(loaded, watch, self._shape)
        self._stack = ExitStack()

    @property
    def lost(self) -> tuple[Address, ...]:
        """What the last pass changed in place before it could be read."""
        return self._taps.lost

    def __enter__(self) -> Self:
        self._cache = run_cache(self._loaded.model) if self._compiled is None else self._compiled.cache
        if self._compiled is None and self._loaded.on_one_card:
            self._pieced = PiecedPasses(self._cache, self._loaded.device)
        if self._compiled is not None and (learnt := self._compiled.learnt(self._kind)) is not None:
            self._taps.begin_with(learnt)
        self._stack.enter_context(self._taps)
        self._stack.enter_context(self._attention)
        self._stack.callback(self._changes.remove)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        # What takes memory on the model's device.
        self._cache = self._compiled = self._graph = self._pieced = None
        self._recorded_taps, self._recorded_tallies = ([], []), {}

    def changed(self) -> None:
        """Other interventions are in force from here on."""
        if self._compiled is not None:
            self._compiled.forget()
        if self._pieced is not None:
            self._pieced.forget()

    def run(
        self, ids: Tensor, inputs: Sequence[Token], pos0: int, sampler: Sampler, goes_on: Callable[[int], bool]
    ) -> Read:
        """The pass over the tokens ``ids [1, position]`` from position ``pos0`` of the text.

        ``goes_on`` says of the token that it emits whether the next pass is likely to be that token's, under the same changes.
        """
        with self._loaded.lock, without_gradients():
            wanted = self._rows is not None and self._rows.wanted
            alike = len(inputs) == 1 and not wanted and self._changes.steady(pos0)
            if self._compiled is not None and alike:
                return self._compiled_pass(self._compiled, ids, inputs, pos0, sampler, goes_on)
            if self._compiled is not None:
                self._compiled.rewind()
            if self._pieced is not None and alike and self._taps.hold_all:
                logits = self._pieced_pass(self._pieced, ids, inputs, pos0)
            else:
                logits = self._forward(ids, inputs, pos0, wanted)
            chosen = sampler.choose(logits, self._logits_topk)
            return Read(chosen[0], self._cross(chosen), logits.shape[-1])

    def hand_rows(self, step: int, token: Token) -> None:
        """The blocks' outputs of the last pass, to who wanted them."""
        if self._rows is not None and self._block_rows.values:
            self._rows.take(step, token, self._block_rows.values)

    def _forward(self, ids: Tensor, inputs: Sequence[Token], pos0: int, wanted: bool) -> Tensor:
        """The last position's logits, float32; all else that is watched is held."""
        count = len(inputs)
        self._shape[1] = count
        self._watch.begin([token.special for token in inputs], self._loaded.device)
        self._changes.begin(pos0, count)
        self._taps.begin()
        self._attention.begin(pos0 + count, count)
        try:
            with self._block_rows.read((1, count), wanted):
                output = self._loaded.model(input_ids=ids, past_key_values=self._cache, use_cache=True, **self._options)
        finally:
            self._attention.end()
            self._taps.end()
            self._changes.end()
        self._taps.collect()
        logits: Tensor = output.logits[0, -1].float()
        return logits

    def _cross(self, chosen: list[Tensor]) -> Iterator[Any]:
        queued = self._graph is not None and self._graph.queue()
        watched = [] if queued else self.entries.reduce()
        found = cross([*chosen, *watched, *self._changes.reduce()])
        if not queued or self._graph is None:
            return iter(found)
        return chain(found[: len(chosen)], self._graph.arrays(), found[len(chosen) :])

    def _pieced_pass(self, pieced: PiecedPasses, ids: Tensor, inputs: Sequence[Token], pos0: int) -> Tensor:
        """As :meth:`_forward` gives them; replayed where that is proved to be the same."""
        pieces = pieced.ready(pos0)
        if pieces is None:
            replayed = pieced.attempt(ids, pos0, lambda ids: self._forward(ids, inputs, pos0, False), self._recorded)
            logits = self._forward(ids, inputs, pos0, False)
            pieced.compare(replayed, [logits, *self._taps.collected[1]])
            return logits
        self._block_rows.values = {}
        self._watch.begin([token.special for token in inputs], self._loaded.device)
        self._attention.begin(pos0 + 1, 1)
        try:
            logits = pieces.replay(ids, pos0, self._attention.take)
        finally:
            self._attention.end()
        pieces.count(pos0)
        self._changes.tallies = self._recorded_tallies
        self._taps.again(self._recorded_taps)
        return logits

    def _recorded(self) -> list[Tensor]:
        """What the taps hold of a pass that was recorded: each replay computes these very tensors anew."""
        self._recorded_taps, self._recorded_tallies = self._taps.collected, self._changes.tallies
        return self._recorded_taps[1]

    def _compiled_pass(
        self,
        compiled: CompiledDecode,
        ids: Tensor,
        inputs: Sequence[Token],
        pos0: int,
        sampler: Sampler,
        goes_on: Callable[[int], bool],
    ) -> Read:
        def work(ids: Tensor) -> list[Tensor]:
            self._last = self._forward(ids, inputs, pos0, False)
            # A token that is drawn is drawn on the CPU.
            self._chosen = sampler.choose(self._last, self._logits_topk) if sampler.greedy else []
            return [*self._chosen, *self.entries.reduce(), *self._changes.reduce()]

        self._block_rows.values = {}
        arrays = compiled.step(ids, work)
        if sampler.greedy:
            token = self._chosen[0]
        else:
            chosen = sampler.choose(self._last, self._logits_topk)
            token, arrays = chosen[0], [*cross(chosen), *arrays]
        if self._taps.lost:
            compiled.forget()  # it is copied from now on
        elif not self._changes.in_force:
            compiled.learn(self._kind, self._taps.learnt)
        if not self._taps.lost and goes_on(int(arrays[0])):
            compiled.go_ahead(token.view(1, 1))
        self._attention.seen = pos0 + 1
        return Read(token, iter(arrays), self._last.shape[-1])
