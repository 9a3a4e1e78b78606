"""``neuronscope calibrate``: the units that a model can't do without."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from neuronscope.cli.common import json_option, load, print_json, print_table, progress
from neuronscope.cli.options import loading_options
from neuronscope.core.errors import BadRequest
from neuronscope.runtime.calibration import BOUND, DOCUMENTS, PER_LAYER

if TYPE_CHECKING:
    from neuronscope.runtime.calibration import Calibration


@click.command()
@click.argument("model", required=False)
@click.option(
    "--corpus", default="bundled", show_default=True, help="A text, JSON Lines or Parquet file, a folder, hf:NAME."
)
@click.option("--text", help="Test on this text in place of a corpus.")
@click.option(
    "--documents",
    type=click.IntRange(1),
    default=DOCUMENTS,
    show_default=True,
    help="Take the first so many documents.",
)
@click.option(
    "--field", default="text", show_default=True, help="What holds the text in JSON Lines, Parquet and data sets."
)
@click.option(
    "--point", "points", multiple=True, help="Point or address [default: mlp_act and resid_post]. May be repeated."
)
@click.option(
    "--per-layer",
    type=click.IntRange(1),
    default=PER_LAYER,
    show_default=True,
    help="Units to test of each layer and point, those with the largest |x| on the text.",
)
@click.option("--all", "every", is_flag=True, help="Test every unit.")
@click.option(
    "--bound",
    type=float,
    default=BOUND,
    show_default=True,
    help="Rise of the loss that protects a unit, in nats a token.",
)
@click.option("--show", "shown", is_flag=True, help="Show what was found before, and test nothing.")
@click.option("--forget", is_flag=True, help="Protect nothing any more.")
@loading_options
@json_option
def command(
    model: str | None, loading: dict[str, Any], as_json: bool, shown: bool, forget: bool, every: bool, **options: Any
) -> None:
    """Ablate units of MODEL (an id or a path) one by one, and protect those that it can't do without.

    A unit is protected where ablating it alone raises the loss of a text beyond the bound. Interventions on it are then
    refused, unless they say --override-protection.
    """
    from neuronscope.runtime.calibration import find
    from neuronscope.runtime.calibration import forget as forget_kept

    if shown and forget:
        raise BadRequest("--show and --forget exclude each other.", "Leave one of them out.")
    scope = load(model, **loading)
    if forget:
        forget_kept(scope.workspace, scope.loaded)
        click.echo(f"no unit of {scope.model_id} is protected any more", err=as_json)
        if as_json:
            print_json({"forgotten": scope.model_id})
        return
    if shown:
        found = find(scope.workspace, scope.loaded)
    else:
        asked = {**options, "points": options["points"] or None, "per_layer": None if every else options["per_layer"]}
        with progress("Calibrating", "units") as say:
            found = scope.calibrate(**asked, progress=say)
    if as_json:
        print_json(asdict(found))
        return
    _report(found)


def _report(found: Calibration) -> None:
    click.echo(
        f"{found.model_id}: {found.tested} of {found.units} units tested on {found.tokens} tokens of {found.corpus}; "
        f"loss {found.loss:.4f} nats a token, bound {found.bound:g}",
        err=True,
    )
    for address, reason in found.unavailable.items():
        click.echo(f"not tested: {address} ({reason})", err=True)
    if not found.protected:
        click.echo(f"no unit is protected; the largest rise was {found.next_rise:.4f}", err=True)
        return
    print_table(("protected unit", "rise of the loss"), ((one.unit, one.rise) for one in found.protected))
