"""``neuronscope query``: what drives a neuron, and what a token drives."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from neuronscope.cli.common import engine, json_option, model_option, print_json, print_table, show, workspace

if TYPE_CHECKING:
    from neuronscope.corpus.answers import Context
    from neuronscope.corpus.index import Index

index_option = click.option("--index", "index_id", help="Id of an index [default: the newest that fits the model].")
k_option = click.option("-k", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")


@click.group()
def command() -> None:
    """Ask an index about a neuron or a token."""


@command.command()
@click.argument("units", nargs=-1, required=True)
@model_option
@index_option
@k_option
@click.option("--window", type=click.IntRange(0, 16), default=8, show_default=True, help="Tokens to either side.")
@json_option
def neuron(units: tuple[str, ...], model: str | None, index_id: str | None, k: int, window: int, as_json: bool) -> None:
    """The strongest contexts of UNITS, such as mlp_act.3:42."""
    index = _index(model, index_id)
    contexts = index.top(units, k=k, window=window)
    if as_json:
        print_json(
            {
                "index_id": index.id,
                "model_id": index.manifest.model_id,
                "units": units,
                "stats": asdict(index.stats(units[0])) if len(units) == 1 else None,
                "contexts": [asdict(context) for context in contexts],
                "tokens": [asdict(stat) for stat in index.tokens(units)],
                "ngrams": [asdict(stat) for stat in index.ngrams(units)],
            }
        )
        return
    print_table(
        ("unit", "activation", "document", "position", "context"),
        (_row(index.manifest.point, context) for context in contexts),
    )
    tokens = ((show(stat.token), stat.max, stat.mean, stat.count) for stat in index.tokens(units, limit=k))
    print_table(("token", "max", "mean", "count"), tokens)


@command.command()
@click.argument("token")
@model_option
@index_option
@k_option
@json_option
def token(token: str, model: str | None, index_id: str | None, k: int, as_json: bool) -> None:
    """The neurons that TOKEN, with its leading space if it has one, drives hardest."""
    index = _index(model, index_id)
    found = index.token_neurons(token, k)
    if as_json:
        print_json(
            {
                "index_id": index.id,
                "model_id": index.manifest.model_id,
                "token": token,
                "neurons": [asdict(entry) for entry in found],
            }
        )
        return
    point = index.manifest.point
    print_table(
        ("unit", "max", "mean", "count"), ((f"{point}.{n.layer}:{n.unit}", n.max, n.mean, n.count) for n in found)
    )


def _index(model: str | None, index_id: str | None) -> Index:
    from neuronscope.runtime.shelf import Shelf

    return Shelf(workspace(), engine()).choose(model, index_id)


def _row(point: str, context: Context) -> tuple[object, ...]:
    marked = [f"[{text}]" if place == context.peak else text for place, text in enumerate(context.tokens)]
    unit = f"{point}.{context.layer}:{context.unit}"
    return unit, context.activation, context.doc, context.position, show("".join(marked))
