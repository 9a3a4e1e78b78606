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
@click.option("--index", "index_id", metavar="ID", help="The index over which they were found, kept beside them.")
@loading_options
@json_option
def make(
    name: str,
    units: tuple[str, ...],
    model: str | None,
    made_by: MadeBy,
    index_id: str | None,
    loading: dict[str, Any],
    as_json: bool,
) -> None:
    """Keep UNITS, such as mlp_act.3:42, of a model under NAME."""
    group = load(model, **loading).make_group(name, _units(units), made_by, index_id)
    if as_json:
        print_json(asdict(group))
        return
    click.echo(group.group_id)


@command.command()
@click.argument("group_id")
@click.option("--name", help="A new name.")
@click.option("--add", multiple=True, metavar="UNITS", help="Units to take in, such as mlp_act.3:42. May be repeated.")
@click.option("--remove", multiple=True, metavar="UNITS", help="Units to leave out. May be repeated.")
@click.option("-m", "--model", "model", help="Where units are added: the group's model [default: by its id].")
@loading_options
@json_option
def change(
    group_id: str,
    name: str | None,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    model: str | None,
    loading: dict[str, Any],
    as_json: bool,
) -> None:
    """Rename a group, or take units in or out; the model is loaded only where units are added."""
    from neuronscope.runtime.groups import change_group, get_group

    added, removed = _units(add), _units(remove)
    loaded = load(model or get_group(workspace(), group_id).model_id, **loading).loaded if added else None
    group = change_group(workspace(), group_id, name=name, add=added, remove=removed, loaded=loaded)
    if as_json:
        print_json(asdict(group))
        return
    click.echo(f"{show(group.name)} has {len(group.units)} units")


def _units(texts: tuple[str, ...]) -> list[str]:
    return [unit for text in texts for unit in text.split(",")]


@command.command()
@click.argument("group_id")
def delete(group_id: str) -> None:
    """Delete a group; traces that were made with it keep its units."""
    from neuronscope.runtime.groups import delete_group

    delete_group(workspace(), group_id)
    click.echo(f"{group_id} is deleted")
