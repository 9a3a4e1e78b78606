"""``neuronscope query``: what drives a neuron, and what a token drives."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from neuronscope.cli.common import (
    choose_index,
    json_option,
    model_option,
    name_index,
    print_json,
    print_table,
    show,
)

if TYPE_CHECKING:
    from neuronscope.corpus.answers import Context

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
    index = choose_index(model, index_id)
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
    name_index(index)
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
    index = choose_index(model, index_id)
    found = index.token_neurons(token, k)
    if not found:
        click.echo(_nothing(index.occurs(token), token), err=True)
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
    name_index(index)
    if not found:
        return
    point = index.manifest.point
    print_table(
        ("unit", "max", "mean", "count"), ((f"{point}.{n.layer}:{n.unit}", n.max, n.mean, n.count) for n in found)
    )


def _nothing(occurs: bool, token: str) -> str:
    if occurs:
        return f"'{show(token)}' occurs in the corpus, but no neuron's strongest contexts peak on it."
    return f"'{show(token)}' is not one token of this corpus: it does not occur in it, or is several tokens."


def _row(point: str, context: Context) -> tuple[object, ...]:
    marked = [f"[{text}]" if place == context.peak else text for place, text in enumerate(context.tokens)]
    unit = f"{point}.{context.layer}:{context.unit}"
    return unit, context.activation, context.doc, context.position, show("".join(marked))
