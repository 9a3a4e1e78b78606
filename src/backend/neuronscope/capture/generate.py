"""A run: tokens generated one by one on the model's key-value cache, each step with what the taps saw of it."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from neuronscope.capture.attend import AttentionWatch
from neuronscope.capture.block_rows import StepRows
from neuronscope.capture.compiled import LEAVE_OUT, CompiledDecode, compiled_decode
from neuronscope.capture.interventions import Interventions
from neuronscope.capture.passes import Passes
from neuronscope.capture.prompt import end_tokens, read_prompt
from neuronscope.capture.sampling import Sampler
from neuronscope.capture.tiles import Tiles
from neuronscope.capture.values import Lookup
from neuronscope.capture.watch import Watch
from neuronscope.core.address import Address
from neuronscope.core.errors import BadRequest, InsufficientMemory, NeuronScopeError, WorkFailed
from neuronscope.core.events import Done, Event, Failed, Phase, Receipt, Start, Step, Token
from neuronscope.core.generation import GenerateRequest
from neuronscope.core.ids import new_id
from neuronscope.core.intervention import Intervention, read_interventions
from neuronscope.core.spec import CaptureSpec
from neuronscope.core.trace_config import LIVE_POINTS, TraceConfig
from neuronscope.models.loaded import LoadedModel

log = logging.getLogger("neuronscope.capture")
ATTENTION = "attn_weights"


class Generation:
    """One run, ready to begin; everything that can be refused has been. Iterate over :meth:`events` once.

    The model is locked during a step, not between steps; what others run on it then is neither seen nor changed.
    :meth:`stop` and :meth:`intervene` may be called from any thread, and hold from the next step on.

    Raises :class:`BadRequest`, :class:`TooLarge`, :class:`BadAddress`, :class:`PointUnavailable`, and what
    :meth:`Interventions.prepare` and :class:`Tiles` raise.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        request: GenerateRequest,
        config: TraceConfig | Mapping[str, Any] | None = None,
        interventions: Sequence[Intervention | Mapping[str, Any]] = (),
        lookup: Lookup | None = None,
        trace_id: str | None = None,
        rows: StepRows | None = None,
    ) -> None:
        self.trace_id = trace_id or new_id("t")
        self._loaded = loaded
        # A seed that was drawn is kept, so that the run can be made again.
        self._request = request if request.seed is not None else replace(request, seed=secrets.randbits(53))
        self.prompt = read_prompt(loaded, request)
        self._ends = end_tokens(loaded, request)
        anatomy = loaded.anatomy
        self._resolved = TraceConfig.of(config).resolve(anatomy.layer_count, anatomy.d_model)
        addresses, self._unavailable = _addresses(loaded, self._resolved.config)
        seen = [a for a in addresses if a.point != ATTENTION]
        for address in seen:
            anatomy.site(address)
        lookup = lookup or Lookup()
        wanted = self._resolved.config.capture_mode == "tile"
        self._tiles = Tiles(loaded, seen, self._resolved, lookup) if wanted else None
        self._watch = Watch(seen, self._resolved, self._tiles)
        self._attention = AttentionWatch(loaded, [a for a in addresses if a.point == ATTENTION], self._resolved)
        self._changes = Interventions(loaded, lookup)
        compiled = self._compiled() if request.compiled else None
        self._passes = Passes(loaded, self._watch, self._attention, self._resolved, self._changes, rows, compiled)
        plan = self._changes.prepare(read_interventions(interventions)) if interventions else None
        self._given: tuple[Intervention, ...] = () if plan is None else plan.interventions
        self._pending: Any = plan
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @property
    def start(self) -> Start:
        """The run's first event."""
        loaded, seen = self._loaded, (*self._watch.addresses, *self._attention.addresses)
        without = {} if self._tiles is None else {"without_tile": self._tiles.without}
        model = {"dtype": loaded.dtype, "layer_count": loaded.anatomy.layer_count}
        return Start(
            trace_id=self.trace_id,
            model_id=loaded.model_id,
            revision=loaded.revision,
            model_key=loaded.key,
            config={**self._resolved.to_map(), **without, **model},
            tokens=self.prompt.tokens,
            points=tuple(str(address) for address in seen),
            unavailable=self._unavailable,
            settings={**self._request.settings(), "interventions": [one.to_map() for one in self._given]},
        )

    def stop(self) -> None:
        """End the run before its next step."""
        self._stopped.set()

    def intervene(
        self, interventions: Sequence[Intervention | Mapping[str, Any]], replace: bool = True, only: str | None = None
    ) -> None:
        """Change what is in force from the next step on: all of it, or with ``replace`` false these beside the rest.

        With ``only`` they take the place of those whose ids begin with it, and of no others. One with the id of another
        takes its place. An empty list clears them. Raises as the constructor does, and then nothing changes.
        """
        given = read_interventions(interventions)
        with self._lock:
            kept = {one.id: one for one in self._given if not replace or (only and not one.id.startswith(only))}
            merged = tuple({**kept, **{one.id: one for one in given}}.values())
            self._pending = self._changes.prepare(merged)
            self._given = self._pending.interventions

    def events(self) -> Generator[Event]:
        """Start, a step for each forward pass with a receipt where interventions are in force, and how it ended."""
        yield self.start
        try:
            yield from self._steps()
        except NeuronScopeError as error:
            yield Failed(error.code, error.message, error.hint)
        except torch.OutOfMemoryError:
            log.exception("a run was out of memory")
            short = InsufficientMemory("The device ran out of memory in the middle of the run.", "Use a shorter text.")
            yield Failed(short.code, short.message, short.hint)
        except Exception as error:
            log.exception("a run failed")
            broken = WorkFailed(
                f"The model failed in the middle of the run ({type(error).__name__}).", str(error)[:300]
            )
            yield Failed(broken.code, broken.message, broken.hint)

    def _steps(self) -> Generator[Event]:
        request, limit = self._request, self._loaded.context_length
        assert request.seed is not None
        sampler = Sampler(request.temperature, request.top_k, request.top_p, request.seed)
        inputs: tuple[Token, ...] = self.prompt.tokens
        ids, pos0 = torch.tensor([self.prompt.ids], device=self._loaded.device), 0
        with self._passes:
            for number in range(request.max_new_tokens):
                if self._stopped.is_set():
                    break
                defined = self._put_in_force()
                last = number + 1 == request.max_new_tokens or (limit is not None and pos0 + len(inputs) >= limit)
                token, arrays, vocabulary = self._passes.run(ids, inputs, pos0, sampler, self._goes_on(last))
                step, receipts = self._step(number, pos0, inputs, arrays, vocabulary)
                self._passes.hand_rows(number, inputs[-1])
                yield step
                if receipts or defined is not None:
                    yield Receipt(number, receipts, defined)
                assert step.token_id is not None
                pos0 += len(inputs)
                if step.token_id in self._ends:
                    yield Done("eos", self._changes.unfired)
                    return
                if limit is not None and pos0 >= limit:
                    break
                inputs, ids = (self._loaded.token(step.token_id),), token.view(1, 1)
            else:
                yield Done("length", self._changes.unfired)
                return
        yield Done("stopped" if self._stopped.is_set() else "length", self._changes.unfired)

    def _goes_on(self, last: bool) -> Callable[[int], bool]:
        """Whether the run goes on after a token of its ``last`` step or of another, as far as can be told."""
        return lambda token: (
            not last and token not in self._ends and self._pending is None and not self._stopped.is_set()
        )

    def _compiled(self) -> CompiledDecode:
        if self._tiles is not None:
            raise BadRequest("A tile's cells are chosen outside of the device, which can't be compiled.", LEAVE_OUT)
        length, limit = len(self.prompt.ids) + self._request.max_new_tokens, self._loaded.context_length
        return compiled_decode(self._loaded, length if limit is None else min(length, limit))

    def _put_in_force(self) -> tuple[dict[str, Any], ...] | None:
        with self._lock:
            plan, self._pending = self._pending, None
        if plan is None:
            return None
        self._changes.install(plan)
        self._passes.changed()
        return tuple(one.to_map() for one in plan.interventions)

    def _step(
        self, number: int, pos0: int, inputs: tuple[Token, ...], arrays: Iterator[Any], vocabulary: int
    ) -> tuple[Step, tuple[dict[str, Any], ...]]:
        token, logprob = int(next(arrays)), float(next(arrays))
        likely, ids, raw = next(arrays), next(arrays), next(arrays)
        kept, dropped = self._passes.entries.take(arrays, ids, raw, vocabulary)
        receipts = self._changes.receipts(arrays)
        if self._passes.lost:
            lost = [str(address) for address in self._passes.lost]
            note = dropped or {"policy": "changed_in_place", "bytes": 0, "limit": 0, "addresses": []}
            dropped = {**note, "addresses": [*note["addresses"], *lost]}
        top = tuple(
            {"id": i, "text": self._loaded.token_text(i), "logprob": value}
            for i, value in zip(ids.tolist(), likely.tolist(), strict=True)
        )
        phase: Phase = "prefill" if number == 0 else "decode"
        text = self._loaded.token_text(token)
        step = Step(phase, number, pos0, len(inputs), inputs, kept, token, text, logprob, top, dropped)
        return step, receipts


def _addresses(loaded: LoadedModel, config: TraceConfig) -> tuple[list[Address], dict[str, str]]:
    """What is watched, and what of the default map the model lacks, with the reasons."""
    if config.points is not None:
        return CaptureSpec(config.points, config.layers).expand(loaded.anatomy.layer_count), {}
    wanted = CaptureSpec((*LIVE_POINTS, ATTENTION), config.layers).expand(loaded.anatomy.layer_count)
    served = [address for address in wanted if address in loaded.anatomy.sites]
    refused = loaded.anatomy.refused
    missing = {
        str(a): refused.get(a, "it was not found by inspection") for a in wanted if a not in loaded.anatomy.sites
    }
    return served, missing
