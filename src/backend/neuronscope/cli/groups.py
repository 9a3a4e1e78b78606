"""``neuronscope groups``: sets of units under a name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

import click

from neuronscope.cli.common import json_option, load, model_option, print_json, print_table, show, workspace
from neuronscope.cli.options import loading_options
from neuronscope.core.group import MadeBy


@click.group()
def command() -> None:
    """Keep sets of units, over any layers of a model, under a name: to change or ask about them together."""


@command.command("list")
@click.option("-m", "--model", "model", help="Only groups of this model.")
@json_option
def list_all(model: str | None, as_json: bool) -> None:
    """The groups of the workspace, newest first."""
    from neuronscope.runtime.groups import list_groups

    found = list(list_groups(workspace(), model))
    if as_json:
        print_json([asdict(group) for group in found])
        return
    columns = ("group_id", "name", "model_id", "units", "made_by", "created_at")
    print_table(columns, ((g.group_id, show(g.name), g.model_id, len(g.units), g.made_by, g.created_at) for g in found))


@command.command("show")
@click.argument("group_id")
@json_option
def show_one(group_id: str, as_json: bool) -> None:
    """The units of a group, one a line."""
    from neuronscope.runtime.groups import get_group

    group = get_group(workspace(), group_id)
    if as_json:
        print_json(asdict(group))
        return
    click.echo(f"{show(group.name)}, {len(group.units)} units of {group.model_id}, made by {group.made_by}", err=True)
    click.echo("\n".join(group.units))


@command.command()
@click.argument("name")
@click.argument("units", nargs=-1, required=True)
@model_option
@click.option("--made-by", type=click.Choice(get_args(MadeBy)), default="hand", show_default=True, help="How.")
@loading_options
@json_option
def make(
    name: str, units: tuple[str, ...], model: str | None, made_by: MadeBy, loading: dict[str, Any], as_json: bool
) -> None:
    """Keep UNITS, such as mlp_act.3:42, of a model under NAME."""
    listed = [unit for text in units for unit in text.split(",")]
    group = load(model, **loading).make_group(name, listed, made_by=made_by)
    if as_json:
        print_json(asdict(group))
        return
    click.echo(group.group_id)


@command.command()
@click.argument("group_id")
def delete(group_id: str) -> None:
    """Delete a group; traces that were made with it keep its units."""
    from neuronscope.runtime.groups import delete_group

    delete_group(workspace(), group_id)
    click.echo(f"{group_id} is deleted")
