"""Building an index: one pass over a corpus, shard by shard, batch by batch, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from neuronscope.core.errors import BadRequest, Conflict
from neuronscope.corpus.commits import committed
from neuronscope.corpus.hands import Hands, Here, Progress, Tally, Task
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.merge import merge
from neuronscope.corpus.plan import Plan, choose_addresses, make_plan
from neuronscope.corpus.readers import Corpus, Digest
from neuronscope.corpus.unfinished import written_whole
from neuronscope.corpus.windows import Tokenizer, in_shards
from neuronscope.corpus.worker import Run, Worker, at_once
from neuronscope.models.loaded import LoadedModel

__all__ = ["Progress", "build_index", "choose_addresses", "run_shards"]


def build_index(
    loaded: LoadedModel,
    corpus: Corpus,
    folder: Path,
    *,
    k: int = 32,
    points: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    settings: Settings | None = None,
    plan: Plan | None = None,
    resume: bool = True,
    hands: Hands | None = None,
    run: Run | None = None,
    progress: Progress | None = None,
    check: Callable[[], None] | None = None,
) -> Index:
    """The exact ``k`` strongest contexts of every unit of ``points`` in ``layers`` over a corpus, in ``folder``.

    Without ``points`` the units are neurons; without ``layers`` all are taken that the model has.

    An attempt under the same plan that was cut off, by a kill or a failing machine, is gone on with unless ``resume`` is
    false; the result is the same to the last bit. ``plan`` stands for ``k``, ``points``, ``layers`` and ``settings``
    where it is made already. ``run`` calls what it is given where the model may be used and returns its result, one
    batch at a time, so that others get their turn; ``hands`` are other processes that run the shards in its stead.
    ``progress(done, total)`` counts documents. ``check`` is called between batches; what it raises
    (:class:`~neuronscope.core.errors.Cancelled`) ends the work.

    Raises :class:`BadAddress` or :class:`PointUnavailable` for points and layers, :class:`BadRequest` for ``k``, a
    broken document or a corpus without tokens, :class:`Conflict` where ``folder`` exists or is being built or the corpus changes
    meanwhile, :class:`StorageFull` for a full disk. None of these leaves anything behind.
    """
    plan = plan or make_plan(loaded, corpus, k, layers, settings, points)
    tokenizer = _tokenizer(loaded, corpus, plan)
    with written_whole(folder, plan, resume) as work:
        files = run_shards(loaded, corpus, plan, work, hands=hands, run=run, progress=progress, check=check)
        merge(work, plan, loaded, tokenizer, files, _left_out(loaded, plan))
    return Index.open(folder)


def run_shards(
    loaded: LoadedModel,
    corpus: Corpus,
    plan: Plan,
    work: Path,
    *,
    mine: Callable[[int], bool] | None = None,
    hands: Hands | None = None,
    run: Run | None = None,
    progress: Progress | None = None,
    check: Callable[[], None] | None = None,
) -> tuple[str, ...]:
    """Run the shards that ``mine`` chooses by number (all by default) and that nobody has committed to ``work`` yet.

    The whole corpus is read, so that one that has changed is told. ``hands`` run the shards (by default this process
    does). Gives the files that its documents come from.
    """
    names = dict[str, int]()
    tally, go_on = Tally(progress, plan.documents), check or _go_on
    hands = hands or Here(lambda: Worker(loaded, plan, _tokenizer(loaded, corpus, plan), {}, run or at_once))
    digest, tokens = Digest(), 0
    ready = committed(work)
    for number, documents in enumerate(in_shards(iter(corpus), plan.shard, plan.shard_bytes)):
        go_on()
        for document in documents:
            digest.add(document)
            tokens += bool(document.text)
            if document.file is not None:
                names.setdefault(document.file, len(names))
        if number not in ready and (mine is None or mine(number)):
            of_shard = {document.file: names[document.file] for document in documents if document.file is not None}
            hands.shard(Task(number, documents, of_shard, work), tally, go_on)
        else:
            tally.add(len(documents))
    hands.finish(tally, go_on)
    if digest.summary().hash != plan.corpus_hash:
        raise Conflict(f"'{corpus.name}' changed while it was read.", "Build the index again.")
    if tokens == 0:
        raise BadRequest(f"'{corpus.name}' holds no text to index.", "Add documents to it.")
    return tuple(names)


def _left_out(loaded: LoadedModel, plan: Plan) -> dict[str, str]:
    """Layers that lack a point of the plan, with the reasons."""
    points = {address.point for address in plan.taps}
    return {str(a): reason for a, reason in loaded.anatomy.refused.items() if a.point in points}


def _tokenizer(loaded: LoadedModel, corpus: Corpus, plan: Plan) -> Tokenizer:
    tokenizer = Tokenizer(loaded.tokenizer, plan.window, corpus.parts)
    if tokenizer.stride < 1:
        raise BadRequest(f"A window of {plan.window} tokens does not fit {loaded.model_id}.", "Leave it out.")
    return tokenizer


def _go_on() -> None:
    return None
