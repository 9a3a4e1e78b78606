"""``neuronscope analyse NAME``: commands made from the registry's declarations; a new analysis needs no change here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from neuronscope.cli.common import (
    choose_index,
    find_trace,
    json_option,
    layers_option,
    model_option,
    name_index,
    print_json,
    print_table,
    spinner,
)
from neuronscope.core.errors import BadRequest

if TYPE_CHECKING:
    from neuronscope.analysis.registry import Analysis, Parameter
    from neuronscope.corpus.index import Index
    from neuronscope.runtime.summaries import Matrix


class FromRegistry(click.Group):
    """One command for each row of the registry."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the analyses."""
        from neuronscope.analysis.registry import ANALYSES

        return list(ANALYSES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of one analysis, its options as declared."""
        from neuronscope.analysis.registry import ANALYSES

        row = ANALYSES.get(cmd_name)
        return None if row is None else _command(row)


@click.group(cls=FromRegistry)
def command() -> None:
    """Cluster or project neurons by their activity, on a trace or on an index's sample of its corpus."""


def _command(row: Analysis) -> click.Command:
    @click.option("--trace", "trace_ref", help="A trace's file or id.")
    @click.option("--index", "index_id", help="Id of an index: its sample of the corpus.")
    @click.option("--point", default="mlp_act", show_default=True, help="Which tensor of each layer.")
    @model_option
    @layers_option
    @json_option
    def run(
        trace_ref: str | None,
        index_id: str | None,
        point: str,
        model: str | None,
        layers: tuple[int, ...] | None,
        as_json: bool,
        **parameters: Any,
    ) -> None:
        from neuronscope.analysis import registry

        given = {name: value for name, value in parameters.items() if value is not None}
        registry.validate(row.name, given)
        matrix = _matrix(trace_ref, index_id, model, point, layers, say=None if as_json else name_index)
        with spinner(row.title):
            result = registry.run(row.name, matrix.values, matrix.units, given)
        if as_json:
            print_json(result)
        else:
            _print(result)

    made = click.command(row.name, help=f"{row.summary} Source: {row.source}.")(run)
    made.params += [_option(parameter) for parameter in row.parameters]
    return made


def _option(parameter: Parameter) -> click.Option:
    kinds: dict[str, Any] = {"int": int, "float": float, "bool": bool}
    kind = click.Choice(parameter.choices or ()) if parameter.kind == "choice" else kinds[parameter.kind]
    # The registry checks ranges, so that every face refuses with the same sentence.
    return click.Option(
        [f"--{parameter.name.replace('_', '-')}", parameter.name],
        type=kind,
        help=f"{parameter.help} It is {parameter.range} [default: {parameter.default}].",
    )


def _matrix(
    trace_ref: str | None,
    index_id: str | None,
    model: str | None,
    point: str,
    layers: tuple[int, ...] | None,
    say: Callable[[Index], None] | None,
) -> Matrix:
    from neuronscope.runtime.summaries import Matrix, trace_matrix

    if trace_ref is not None and index_id is not None:
        raise BadRequest("Give --trace or --index, not both.")
    if trace_ref is not None:
        with find_trace(trace_ref) as trace:
            return trace_matrix(trace, point, layers)
    index = choose_index(model, index_id, [point])
    if say is not None:
        say(index)
    sample = index.sample(layers, point)
    return Matrix(sample.units, sample.values)


def _print(result: dict[str, Any]) -> None:
    units = result["units"]
    per_unit = [
        name
        for name, value in result.items()
        if name != "units" and isinstance(value, list) and len(value) == len(units)
    ]
    for name, value in result.items():
        if name not in per_unit and name != "units":
            shown = len(value) if name == "dropped" else value
            click.echo(f"{name}: {shown}")
    rows = zip(units, *(result[name] for name in per_unit), strict=True)
    print_table(("unit", *per_unit), ([_short(value) for value in row] for row in rows))


def _short(value: object) -> object:
    return " ".join(f"{number:.4g}" for number in value) if isinstance(value, list) else value
