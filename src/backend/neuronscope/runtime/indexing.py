"""Indexes for Python and the command line: find the one that was built before, or build it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from neuronscope.core.errors import NeuronScopeError
from neuronscope.core.ids import new_id
from neuronscope.corpus.builder import build_index, choose_layers
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Manifest
from neuronscope.corpus.readers import Corpus, bundled, read_file
from neuronscope.models.loaded import LoadedModel
from neuronscope.runtime.workspace import Workspace


def open_corpus(ref: str | Path, documents: int | None = None, field: str = "text") -> Corpus:
    """``"bundled"``, or a text or JSON Lines file, whose lines hold the text in ``field``, cut after so many documents.

    Raises :class:`NotFound` for a missing file; broken content is a :class:`BadRequest` when it is read.
    """
    if str(ref) == "bundled":
        return bundled(documents)
    return read_file(Path(ref).expanduser(), field=field).first(documents)


def find_or_build(
    loaded: LoadedModel,
    workspace: Workspace,
    corpus: str | Path,
    *,
    k: int = 32,
    layers: Sequence[int] | None = None,
    documents: int | None = None,
    field: str = "text",
    progress: Callable[[int, int], None] | None = None,
) -> Index:
    """The index of these very weights, texts and settings; built and kept in the workspace where there is none yet.

    Errors as in :func:`neuronscope.corpus.builder.build_index`.
    """
    texts = open_corpus(corpus, documents, field)
    chosen = tuple(address.layer for address in choose_layers(loaded, layers)[0])
    for folder in sorted(workspace.indexes.glob("x_*"), reverse=True):
        try:
            manifest = Manifest.read(folder)
        except NeuronScopeError:
            continue
        found = (manifest.model_key, manifest.corpus_hash, manifest.k, manifest.layers)
        if found == (loaded.key, texts.hash, k, chosen):
            return Index.open(folder)
    return build_index(loaded, texts, workspace.index_path(new_id("x")), k=k, layers=layers, progress=progress)
