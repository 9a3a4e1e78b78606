"""``neuronscope index``: build and list indexes."""

from __future__ import annotations

from typing import Any

import click

from neuronscope.cli.common import (
    engine,
    json_option,
    layers_option,
    load,
    model_option,
    print_json,
    print_table,
    progress,
    size,
    workspace,
)
from neuronscope.cli.options import loading_options
from neuronscope.core.errors import BadRequest

point_option = click.option(
    "--point",
    "points",
    multiple=True,
    help="Index the units of this point instead, such as resid_post or head_norm.3. May be repeated.  [default: neurons]",
)


@click.group()
def command() -> None:
    """Build and list indexes: the strongest contexts of every neuron, or of other units, over a corpus."""


@command.command()
@click.argument("corpus", default="bundled")
@model_option
@click.option(
    "-k", type=click.IntRange(1, 1000), default=32, show_default=True, help="Contexts to keep for each neuron."
)
@point_option
@layers_option
@click.option("--documents", type=click.IntRange(1), help="Take only the first so many documents.")
@click.option(
    "--field", default="text", show_default=True, help="What holds the text in JSON Lines, Parquet and data sets."
)
@click.option(
    "--workers", type=click.IntRange(1), help="Let so many processes run shards, each with a model of its own."
)
@click.option("--ray", "address", help="Workers of this Ray cluster: an address, or auto [default: on this machine].")
@click.option("--threads", type=click.IntRange(1), help="Threads of each worker [default: the cores shared out].")
@click.option("--gpus", type=click.FloatRange(0), default=0.0, help="GPUs of each worker, such as 1 or 0.5.")
@click.option("--fresh", is_flag=True, help="Don't go on with a build that was cut off.")
@loading_options
@json_option
def build(
    corpus: str,
    model: str | None,
    k: int,
    points: tuple[str, ...],
    layers: tuple[int, ...] | None,
    documents: int | None,
    field: str,
    workers: int | None,
    address: str | None,
    threads: int | None,
    gpus: float,
    fresh: bool,
    loading: dict[str, Any],
    as_json: bool,
) -> None:
    """Index CORPUS: a text file (documents separated by blank lines), a JSON Lines or Parquet file, a folder of them,
    "bundled", or hf:NAME for a data set of the Hugging Face hub.

    A build that was cut off is gone on with: what it had committed is not run again.
    """
    cluster = None
    if workers is not None:
        from neuronscope.corpus.cluster import Cluster

        cluster = Cluster(workers, address, threads, gpus)
    elif address is not None or threads is not None or gpus:
        raise BadRequest("--ray, --threads and --gpus are about workers.", "Say how many with --workers.")
    scope = load(model, **loading)
    from neuronscope.runtime.indexing import find_or_build

    with progress("Indexing", "documents") as report:
        index = find_or_build(
            scope.loaded,
            scope.workspace,
            corpus,
            k=k,
            points=points or None,
            layers=layers,
            documents=documents,
            field=field,
            resume=not fresh,
            progress=report,
            cluster=cluster,
            recipe=scope.recipe,
        )
    manifest = index.manifest
    if as_json:
        print_json({"index_id": index.id, "path": index.folder, "documents": manifest.documents,
                    "tokens": manifest.tokens, "points": manifest.points, "layers": manifest.layers, "k": manifest.k})  # fmt: skip
        return
    click.echo(f"{index.id}: {manifest.tokens} tokens of {manifest.documents} documents, {size(index.bytes)}")


@command.command("list")
@json_option
def list_indexes(as_json: bool) -> None:
    """The indexes of the workspace, newest first."""
    from neuronscope.corpus.files import folder_bytes
    from neuronscope.runtime.shelf import Shelf

    shelf = Shelf(workspace(), engine())
    found = [
        {
            "index_id": folder.name,
            "model_id": manifest.model_id,
            "corpus": manifest.corpus,
            "points": manifest.points,
            "layers": manifest.layers,
            "k": manifest.k,
            "documents": manifest.documents,
            "tokens": manifest.tokens,
            "created_at": manifest.created_at,
            "bytes": folder_bytes(folder),
        }
        for folder, manifest in shelf.manifests()
    ]
    if as_json:
        print_json(found)
        return
    columns = ("index_id", "model_id", "corpus", "points", "documents", "tokens", "created_at")
    print_table(columns, ([_shown(entry[name]) for name in columns] for entry in found))


def _shown(value: object) -> object:
    return ", ".join(value) if isinstance(value, tuple) else value


@command.command()
@click.argument("index_id")
def delete(index_id: str) -> None:
    """Delete an index."""
    from neuronscope.runtime.shelf import Shelf

    Shelf(workspace(), engine()).delete(index_id)
    click.echo(f"{index_id} is deleted")


@command.command()
def clean() -> None:
    """Remove what was left of builds that were cut off, but not what is being built now."""
    from neuronscope.corpus.unfinished import clean as remove_unfinished

    gone = remove_unfinished(workspace().indexes)
    click.echo(f"{len(gone)} removed" + "".join(f"\n{name}" for name in gone))
