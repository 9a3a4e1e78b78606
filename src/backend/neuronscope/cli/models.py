"""``neuronscope models``: list them, or check that one loads."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from neuronscope.cli.common import device_option, dtype_option, json_option, load, print_json, print_table, size


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List models, or check that one loads."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models)


@command.command("list")
@click.option(
    "--model-dir",
    "model_dirs",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="List the models of this folder as well. May be repeated.",
)
@json_option
def list_models(model_dirs: tuple[Path, ...] = (), as_json: bool = False) -> None:
    """Bundled, local and cached models, and those of the hub that are worth starting with."""
    from neuronscope.models.sources import Sources

    found = Sources(model_dirs).list()
    if as_json:
        print_json([{**asdict(source), "category": source.category} for source in found])
        return
    rows = (
        (m.model_id, m.source, m.family, m.category, m.parameters, size(m.stored_bytes), m.note or ("gated" * m.gated))
        for m in found
    )
    print_table(("model", "source", "family", "size", "parameters", "on disk", "note"), rows)


@command.command()
@click.argument("model")
@dtype_option
@device_option
@json_option
def check(model: str, dtype: str | None, device: str | None, as_json: bool) -> None:
    """Load MODEL (an id or a folder) and say what it is made of and which points it serves."""
    from neuronscope.models.card import describe

    card = describe(load(model, dtype, device).loaded)
    if as_json:
        print_json(asdict(card))
        return
    facts = ("architecture", "family", "dtype", "device", "parameters", "layers", "d_model", "d_mlp", "heads",
             "kv_heads", "vocabulary", "context_length", "activation", "norm", "position_scheme")  # fmt: skip
    print_table((card.model_id, ""), ((name, getattr(card, name)) for name in facts))
    points = ((p.point, " ".join(p.axes), p.refused or "all layers" * bool(p.layers) or "yes") for p in card.points)
    print_table(("point", "axes", "served"), points)
