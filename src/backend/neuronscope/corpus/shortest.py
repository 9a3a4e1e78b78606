"""The shortest text that still drives a unit: a context cut from the left, then without every token it can do without.

Each text is run: what is told of a text is what the model does on it, alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest, Conflict
from neuronscope.corpus.index import Index
from neuronscope.corpus.plan import default_batch_tokens
from neuronscope.corpus.rerun import values_at
from neuronscope.corpus.windows import leading_special
from neuronscope.corpus.worker import Run, at_once
from neuronscope.models.loaded import LoadedModel

SHARE = 0.8
BUDGET = 500_000
"""Tokens that are run at most where nobody says how many."""


@dataclass(frozen=True, slots=True)
class Shortest:
    """A text that drives a unit at its last token, and what it was made from.

    ``tokens`` were run behind the tokenizer's own leading tokens, by themselves: ``before`` is the unit's value at the
    last of ``context``, ``after`` at the last of ``tokens``. ``text`` is those tokens as a text; ``as_typed`` is the value
    at its last token where the tokenizer cuts it anew, ``None`` where it can't, and ``same_tokens`` says whether it cuts
    it into the same ones. Left off from the left were ``cut`` tokens, from within ``deleted``. ``texts`` were run, of
    ``run_tokens`` tokens together; where these ran out, ``complete`` is false: a shorter text may be left to find.
    """

    unit: str
    context: list[str]
    tokens: list[str]
    text: str
    before: float
    after: float
    as_typed: float | None
    same_tokens: bool
    share: float
    cut: int
    deleted: int
    texts: int
    run_tokens: int
    complete: bool


def start_of_context(loaded: LoadedModel, index: Index, unit: Unit, rank: int = 0) -> list[int]:
    """The window of one of a unit's strongest contexts, up to its peak, without what is put in front of every window.

    Raises :class:`BadRequest` where the unit has fewer contexts, :class:`Conflict` where the index does not fit the model.
    """
    usable, note = index.usable(loaded.key)
    if not usable:
        raise Conflict(note, "Choose or build an index of this model.")
    contexts = index.top(unit, k=max(1, rank + 1), window=0)
    if not 0 <= rank < len(contexts):
        raise BadRequest(f"{unit} has {len(contexts)} contexts; there is none of rank {rank}.", "Ranks count from 0.")
    chosen = contexts[rank]
    ids, _ = index.window(chosen.doc, chosen.window)
    within = chosen.position - chosen.window * index.manifest.stride
    return ids[len(index.manifest.prefix) : within + 1]


def start_of_text(loaded: LoadedModel, unit: Unit, text: str) -> list[int]:
    """A text up to the token on which the unit is strongest. Errors as :meth:`LoadedModel.encode` for the text."""
    loaded.anatomy.check_unit(unit)
    encoded = loaded.encode(text)
    values = values_at(loaded, [encoded.ids], [unit.address])[unit.address][0, :, unit.index].float().tolist()
    plain = [place for place, token in enumerate(encoded.tokens) if not token.special]
    if not plain:
        raise BadRequest("The text holds special tokens alone.", "Give some text.")
    front = len(leading_special(loaded.tokenizer))
    return list(encoded.ids[front : max(plain, key=lambda place: values[place]) + 1])


def shortest(
    loaded: LoadedModel,
    unit: Unit,
    start: Sequence[int],
    *,
    share: float = SHARE,
    budget: int = BUDGET,
    run: Run | None = None,
    progress: Callable[[int, int], None] | None = None,
    check: Callable[[], None] | None = None,
) -> Shortest:
    """Shorten a text as long as the unit's value at its last token stays at ``share`` of what it was.

    ``start`` are its token ids, those left out that the tokenizer puts in front of a text.
    First the shortest end of the text that does; then single tokens go, each time the one whose loss leaves the unit
    strongest, until none can. All texts of one length are run together. ``progress`` counts tokens run, of ``budget``.
    Raises :class:`BadRequest` where the unit is not above zero there, so that a share says nothing.
    """
    if not 0 < share <= 1 or budget < 1:
        raise BadRequest("A share lies above 0 and is at most 1; the budget is at least 1 token.")
    loaded.anatomy.check_unit(unit)
    tries = _Tries(loaded, unit, run or at_once, budget, progress, check)
    before = tries.alone(start)
    if not before > 0:
        raise BadRequest(
            f"{unit} is {before:.4g} at the last token of this text, so that a share of it says nothing.",
            "Choose a context in which the unit is above zero.",
        )
    ids = _shortest_end(tries, list(start), share * before)
    cut = len(start) - len(ids)
    kept = _without(tries, ids, share * before)
    text = loaded.tokenizer.decode(kept)
    assert isinstance(text, str)
    after, (typed, same) = tries.alone(kept), tries.typed(text, kept)
    return Shortest(
        unit=str(unit),
        context=[loaded.token_text(i) for i in start],
        tokens=[loaded.token_text(i) for i in kept],
        text=text,
        before=before,
        after=after,
        as_typed=typed,
        same_tokens=same,
        share=share,
        cut=cut,
        deleted=len(ids) - len(kept),
        texts=tries.texts,
        run_tokens=tries.tokens,
        complete=not tries.exhausted,
    )


class _Tries:
    """Texts run, and how many of their tokens still may be."""

    def __init__(
        self,
        loaded: LoadedModel,
        unit: Unit,
        run: Run,
        budget: int,
        progress: Callable[[int, int], None] | None,
        check: Callable[[], None] | None,
    ) -> None:
        self._loaded, self._unit, self._run, self._budget = loaded, unit, run, budget
        self._progress, self._check = progress, check
        self._front = list(leading_special(loaded.tokenizer))
        self._batch = default_batch_tokens(loaded.anatomy.width(unit.address), loaded.device.type)
        self.texts = self.tokens = 0
        self.exhausted = False

    def alone(self, ids: Sequence[int]) -> float:
        """The value at the last token of one text, whatever the budget."""
        return self._batched([[*self._front, *ids]])[0]

    def typed(self, text: str, ids: Sequence[int]) -> tuple[float | None, bool]:
        """The value at the last plain token of a text as the tokenizer cuts it, and whether it cuts it into ``ids``."""
        cut = [int(i) for i in self._loaded.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]]
        if not cut:
            return None, False
        return self.alone(cut), cut == list(ids)

    def values(self, texts: Sequence[Sequence[int]]) -> list[float] | None:
        """Values at the last tokens of texts; ``None`` where the budget does not suffice for all of them."""
        rows = [[*self._front, *ids] for ids in texts]
        if self.tokens + sum(map(len, rows)) > self._budget:
            self.exhausted = True
            return None
        found: list[float] = []
        most = max(1, self._batch // max(map(len, rows)))
        for first in range(0, len(rows), most):
            found += self._batched(rows[first : first + most])
        return found

    def _batched(self, rows: list[list[int]]) -> list[float]:
        if self._check is not None:
            self._check()

        def work() -> list[float]:
            grid = values_at(self._loaded, rows, [self._unit.address])[self._unit.address]
            return [float(grid[number, len(row) - 1, self._unit.index]) for number, row in enumerate(rows)]

        found = self._run(work)
        self.texts += len(rows)
        self.tokens += sum(map(len, rows))
        if self._progress is not None:
            self._progress(min(self.tokens, self._budget), self._budget)
        return found


def _shortest_end(tries: _Tries, ids: list[int], least: float) -> list[int]:
    """The shortest end of a text that reaches ``least``; short ones are tried first, twice as many each time."""
    length, count = 1, 8
    while length < len(ids):
        lengths = range(length, min(length + count, len(ids)))
        values = tries.values([ids[-n:] for n in lengths])
        if values is None:
            return ids
        for n, value in zip(lengths, values, strict=True):
            # Run once more by itself: what is told holds for the text alone, not beside others in a batch.
            if value >= least and tries.alone(ids[-n:]) >= least:
                return ids[-n:]
        length, count = length + count, 2 * count
    return ids


def _without(tries: _Tries, ids: list[int], least: float) -> list[int]:
    """The text without every token that it can do without, but for the last."""
    while len(ids) > 1:
        texts = [ids[:place] + ids[place + 1 :] for place in range(len(ids) - 1)]
        values = tries.values(texts)
        if values is None:
            break
        best = max(range(len(texts)), key=lambda number: values[number])
        if not (values[best] >= least and tries.alone(texts[best]) >= least):
            break
        ids = texts[best]
    return ids
