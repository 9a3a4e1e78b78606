"""``neuronscope query``: what drives a neuron, and what a token drives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neuronscope.cli.common import (
    choose_index,
    json_option,
    layers_option,
    model_option,
    name_index,
    print_json,
    print_table,
    show,
)
from neuronscope.cli.options import index_option, k_option, point_option, window_option
from neuronscope.cli.questions import asked, compare, group_option, neighbours, shortest, together, writes
from neuronscope.core.address import Unit
from neuronscope.runtime.workspace import write_guard

if TYPE_CHECKING:
    from neuronscope.corpus.answers import Example


@click.group()
def command() -> None:
    """Ask an index about a neuron, a token, or all neurons."""


for _question in (compare, neighbours, shortest, together, writes):
    command.add_command(_question)


@command.command()
@click.argument("units", nargs=-1)
@group_option
@model_option
@index_option
@k_option
@window_option
@click.option("--contains", default="", help="Only contexts that hold this text, whatever its case.")
@json_option
def neuron(
    units: tuple[str, ...],
    group_id: str | None,
    model: str | None,
    index_id: str | None,
    k: int,
    window: int,
    contains: str,
    as_json: bool,
) -> None:
    """The strongest contexts of UNITS, such as mlp_act.3:42, or of a group; of several units by value."""
    index, chosen = asked(units, group_id, model, index_id)
    contexts = index.top(chosen, k=k, window=window, contains=contains)
    if as_json:
        print_json(
            {
                "index_id": index.id,
                "model_id": index.manifest.model_id,
                "units": [str(unit) for unit in chosen],
                "stats": asdict(index.stats(chosen[0])) if len(chosen) == 1 else None,
                "contexts": [asdict(context) for context in contexts],
                "tokens": [asdict(stat) for stat in index.tokens(chosen)],
                "ngrams": [asdict(stat) for stat in index.ngrams(chosen)],
            }
        )
        return
    name_index(index)
    print_table(
        ("unit", "activation", "document", "position", "context"),
        (_row(context) for context in contexts),
    )
    tokens = ((show(stat.token), stat.max, stat.mean, stat.count, stat.lift) for stat in index.tokens(chosen, limit=k))
    print_table(("token", "max", "mean", "count", "lift"), tokens)


@command.command()
@click.argument("unit")
@model_option
@index_option
@k_option
@click.option(
    "--band",
    type=click.Choice(["top", "middle", "random", "near_zero", "quantile"]),
    default="random",
    show_default=True,
    help="Which places of the corpus sample.",
)
@click.option("--low", type=click.FloatRange(0, 1), default=0.0, help="Of the band quantile: the least share.")
@click.option("--high", type=click.FloatRange(0, 1), default=1.0, help="Of the band quantile: the largest share.")
@window_option
@json_option
def examples(
    unit: str,
    model: str | None,
    index_id: str | None,
    k: int,
    band: str,
    low: float,
    high: float,
    window: int,
    as_json: bool,
) -> None:
    """Where UNIT fires middlingly, hardly, or as it comes: places of a sample of the corpus."""
    index = choose_index(model, index_id, [Unit.parse(unit).address])
    found = index.examples(unit, band, k=k, window=window, low=low, high=high)
    if as_json:
        about = {"index_id": index.id, "model_id": index.manifest.model_id, "unit": unit, "band": band}
        print_json({**about, "examples": [asdict(one) for one in found], "spread": asdict(index.spread(unit))})
        return
    name_index(index)
    print_table(("unit", "activation", "document", "position", "context"), (_row(one) for one in found))


@command.command()
@model_option
@index_option
@click.option(
    "--sort",
    type=click.Choice(["point", "layer", "unit", "firing_rate", "max", "mean", "std", "min", "kurtosis", "top_token"]),
    default="max",
    show_default=True,
    help="Column to sort by.",
)
@click.option("--ascending", is_flag=True, help="Smallest first.")
@point_option
@layers_option
@click.option("--search", default="", help="Only neurons whose top token holds this text.")
@click.option("-k", type=click.IntRange(1), default=20, show_default=True, help="Rows to show.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all rows into a file instead: .csv or .parquet.",
)
@json_option
def neurons(
    model: str | None,
    index_id: str | None,
    sort: str,
    ascending: bool,
    point: str | None,
    layers: tuple[int, ...] | None,
    search: str,
    k: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """The table of all neurons: how often and how hard each fires, and on which token most."""
    index = choose_index(model, index_id, [point] if point else ())
    table, point = index.table, index.default_point(point)
    numbers = table.choose(sort=sort, descending=not ascending, point=point, layers=layers, search=search)
    if output is not None:
        _write(output, [table.parquet(numbers)] if output.suffix == ".parquet" else table.csv(numbers))
        click.echo(f"{output}: {len(numbers)} neurons", err=as_json)
        return
    rows = [asdict(row) for row in table.rows(numbers[:k])]
    if as_json:
        print_json({"index_id": index.id, "model_id": index.manifest.model_id, "found": len(numbers), "neurons": rows})
        return
    name_index(index)
    print_table(tuple(rows[0]) if rows else ("point", "layer", "unit"), (tuple(row.values()) for row in rows))


def _write(output: Path, pieces: Iterable[bytes]) -> None:
    if output.suffix not in (".csv", ".parquet"):
        raise click.BadParameter("The file's name ends in .csv or .parquet.")
    with write_guard(output) as path, path.open("wb") as file:
        file.writelines(pieces)


@command.command()
@click.argument("token")
@model_option
@index_option
@k_option
@point_option
@json_option
def token(token: str, model: str | None, index_id: str | None, k: int, point: str | None, as_json: bool) -> None:
    """The neurons that TOKEN, with its leading space if it has one, drives hardest; or a text of up to five tokens."""
    index = choose_index(model, index_id, [point] if point else ())
    found = index.token_neurons(token, k, point)
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
    rows = ((f"{n.point}.{n.layer}:{n.unit}", n.max, n.mean, n.count) for n in found)
    print_table(("unit", "max", "mean", "count"), rows)


def _nothing(occurs: bool, token: str) -> str:
    if occurs:
        return f"'{show(token)}' occurs in the corpus, but no neuron's strongest contexts peak on it."
    return f"'{show(token)}' does not occur in this corpus as one to five tokens."


def _row(context: Example) -> tuple[object, ...]:
    marked = [f"[{text}]" if place == context.peak else text for place, text in enumerate(context.tokens)]
    unit = f"{context.point}.{context.layer}:{context.unit}"
    return unit, context.activation, context.doc, context.position, show("".join(marked))
