"""Indexes for Python and the command line: find the one that was built before, or build it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neuronscope.core.errors import BadRequest, NeuronScopeError
from neuronscope.core.ids import new_id
from neuronscope.corpus.builder import Progress, build_index
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Manifest, Settings
from neuronscope.corpus.plan import Plan, make_plan
from neuronscope.corpus.readers import Corpus, bundled
from neuronscope.corpus.sources import open_source
from neuronscope.corpus.unfinished import to_resume
from neuronscope.models.loaded import LoadedModel
from neuronscope.runtime.workspace import Workspace

if TYPE_CHECKING:
    from neuronscope.corpus.cluster import Cluster
    from neuronscope.models.loading.recipe import Recipe


def open_corpus(ref: str | Path, documents: int | None = None, field: str = "text") -> Corpus:
    """A corpus by what a person calls it, cut after so many documents.

    ``"bundled"``; a text, JSON Lines or Parquet file or a folder of them, which hold the text in ``field``; or
    ``"hf:name"``, ``"hf:name:configuration"`` or ``"hf:name:configuration:split"`` for a data set of the Hugging Face hub.

    Raises :class:`NotFound` for a missing file; broken content is a :class:`BadRequest` when it is read.
    """
    if str(ref) == "bundled":
        return bundled(documents)
    return open_source(str(ref), field).first(documents)


def place_for(workspace: Workspace, plan: Plan) -> Path:
    """Where an index with this plan is to be: a new place, or that of one whose building was cut off."""
    return to_resume(workspace.indexes, plan) or workspace.index_path(new_id("x"))


def find(workspace: Workspace, plan: Plan) -> Path | None:
    """The newest index that was built on the same weights, texts and settings."""
    for folder in sorted(workspace.indexes.glob("x_*"), reverse=True):
        try:
            if _made_so(Manifest.read(folder), plan):
                return folder
        except NeuronScopeError:
            continue
    return None


def _made_so(manifest: Manifest, plan: Plan) -> bool:
    names = ("model_key", "corpus_hash", "addresses", "k", "window", "histogram", "seed")
    # A corpus of fewer tokens than the sample is to have is kept whole.
    return manifest.sample == min(plan.sample, manifest.tokens) and all(
        getattr(manifest, name) == getattr(plan, name) for name in names
    )


def find_or_build(
    loaded: LoadedModel,
    workspace: Workspace,
    corpus: str | Path,
    *,
    k: int = 32,
    points: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    documents: int | None = None,
    field: str = "text",
    settings: Settings | None = None,
    resume: bool = True,
    progress: Progress | None = None,
    cluster: Cluster | None = None,
    recipe: Recipe | None = None,
) -> Index:
    """The index of these very weights, texts and settings; built and kept in the workspace where there is none yet.

    One whose building was cut off is gone on with, unless ``resume`` is false. With ``cluster`` workers of Ray run the
    shards, each with a model loaded by ``recipe``. Errors as in
    :func:`neuronscope.corpus.builder.build_index`.
    """
    texts = open_corpus(corpus, documents, field)
    plan = make_plan(loaded, texts, k, layers, settings, points)
    found = find(workspace, plan)
    if found is not None:
        return Index.open(found)
    place = place_for(workspace, plan) if resume else workspace.index_path(new_id("x"))
    if cluster is None:
        return build_index(loaded, texts, place, plan=plan, progress=progress)
    if recipe is None:
        raise BadRequest(
            "Workers load the model themselves, and this one came from memory.", "Open it with ns.load, by id or path."
        )
    from neuronscope.corpus.distributed import hands_on

    with hands_on(cluster, recipe.settled(loaded), plan, texts.parts) as hands:
        return build_index(loaded, texts, place, plan=plan, hands=hands, progress=progress)
