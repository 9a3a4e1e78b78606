"""``neuronscope generate``: tokens as they come, with a trace of what the taps saw, changed on the way if asked."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from neuronscope.cli.changes import read_changes
from neuronscope.cli.common import (
    json_option,
    layers_option,
    load,
    model_option,
    print_json,
    print_table,
    read_prompt,
    show,
)
from neuronscope.cli.options import Size, loading_options
from neuronscope.core.errors import BadRequest, Conflict
from neuronscope.core.events import Done, Failed, Receipt, Start, Step
from neuronscope.core.trace_config import AttentionTier, CaptureMode, DropPolicy, Quantization, TileSource

if TYPE_CHECKING:
    from neuronscope.runtime.run import Run
    from neuronscope.runtime.scope import Scope


@click.command()
@click.argument("prompt")
@model_option
@click.option("--chat", is_flag=True, help="Give the prompt as a user's message, through the model's chat template.")
@click.option("--max-new-tokens", type=int, default=64, show_default=True, help="Tokens at most.")
@click.option(
    "--temperature", type=float, default=0.0, show_default=True, help="0 takes the likeliest token each time."
)
@click.option("--top-k", type=int, help="Draw from the likeliest this many.")
@click.option("--top-p", type=float, help="Draw from the smallest set that holds this share.")
@click.option("--seed", type=int, help="Draw the same tokens again [default: drawn, and told in the trace].")
@click.option("--compiled", is_flag=True, help="Replay each token's pass as one CUDA graph, on an NVIDIA card.")
@click.option("--stop", multiple=True, help="A token that ends the run, as text. May be repeated.")
@click.option(
    "--intervene",
    "changes",
    multiple=True,
    metavar="CHANGE",
    help="UNITS OP [VALUE] [from TRACE STEP POSITION] [at POSITIONS], such as 'mlp_act.3:42 scale 0'. UNITS may be a "
    "group's id, VALUE a quantile such as q0.9 of the unit's own activations. May be repeated.",
)
@click.option("--reference", help="Id of an index from which ablate_mean and quantiles take their values.")
@click.option("--override-protection", is_flag=True, help="Change units too that a calibration found critical.")
@click.option("--mode", type=click.Choice(get_args(CaptureMode)), help="What is kept of each tensor [default: topk].")
@click.option(
    "--tile", type=click.Choice(get_args(TileSource)), help="With --mode tile: what its cells are [default: order]."
)
@click.option("--tile-size", type=Size(), help="Height and width in cells [default: 32x32, by pca 16x16].")
@click.option("--tile-reference", help="Id of an index whose sample gives the principal components.")
@click.option(
    "--point", "points", multiple=True, help="Point or address to watch [default: the live map]. May be repeated."
)
@layers_option
@click.option("--keep-as", type=click.Choice(get_args(Quantization)), help="Form of kept values [default: f16].")
@click.option(
    "--attention", type=click.Choice(get_args(AttentionTier)), help="What is kept of attention [default: summary]."
)
@click.option("--max-bytes", type=int, help="Bytes a step [default: by the model's layers].")
@click.option("--drop", type=click.Choice(get_args(DropPolicy)), help="What goes beyond them.")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Trace file to write [default: the workspace]."
)
@click.option("--no-trace", is_flag=True, help="Record nothing.")
@loading_options
@json_option
def command(
    prompt: str, model: str | None, loading: dict[str, Any], as_json: bool, out: Path | None, **options: Any
) -> None:
    """Generate text after PROMPT (- reads standard input) and record what happens inside at every token."""
    text = read_prompt(prompt)
    changes = read_changes(options["changes"], options["reference"], options["override_protection"])
    if out is not None and out.exists():
        raise Conflict(f"{out} exists already.", "Choose another name with --out.")
    if out is not None and options["no_trace"]:
        raise BadRequest("--out names a trace to write, and --no-trace writes none.", "Leave one of them out.")
    scope = load(model, **loading)
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": text}]} if options["chat"] else {"prompt": text}
    for name in ("max_new_tokens", "temperature", "top_k", "top_p", "seed", "stop", "compiled"):
        asked[name] = options[name]
    run = scope.stream(config=_config(options), interventions=changes, record=not options["no_trace"], **asked)
    with run:
        found = _follow(run, scope, quiet=as_json)
    path = run.path
    if out is not None and path is not None:
        path = Path(shutil.move(path, out))
    found = {"trace_id": run.trace_id, "path": path, **found}
    if as_json:
        print_json(found)
        return
    _report(found, run)


def _config(options: dict[str, Any]) -> dict[str, Any]:
    tile = {name: options[name] for name in ("tile", "tile_size", "tile_reference")}
    if options["mode"] != "tile" and any(value is not None for value in tile.values()):
        raise BadRequest("How tiles are made is given, and no tiles are kept.", "Add --mode tile.")
    given = {
        **tile,
        "capture_mode": options["mode"],
        "points": options["points"] or None,
        "layers": options["layers"],
        "quantization": options["keep_as"],
        "attention_tier": options["attention"],
        "max_bytes_per_step": options["max_bytes"],
        "drop_policy": options["drop"],
    }
    return {name: value for name, value in given.items() if value is not None}


def _follow(run: Run, scope: Scope, quiet: bool) -> dict[str, Any]:
    """Go through the events, writing the text as it grows; what the run gave. Ctrl+C stops it and keeps its trace."""
    from neuronscope.runtime.run import failure, text_after

    ids: list[int] = []
    tokens, receipts, said = [], [], ""
    found: dict[str, Any] = {"model_id": scope.model_id, "prompt": run.prompt, "reason": "stopped", "unfired": ()}
    dropped = 0
    try:
        for event in run:
            if isinstance(event, Start):
                found["unavailable"], found["settings"] = event.unavailable, event.settings
            elif isinstance(event, Step) and event.token_id is not None:
                ids.append(event.token_id)
                tokens.append({"id": event.token_id, "text": event.token, "logprob": event.logprob})
                dropped += event.dropped is not None
                if not quiet:
                    said = _write(said, text_after(scope.loaded, run.start.tokens, ids))
            elif isinstance(event, Receipt):
                receipts.append({"step": event.step, "interventions": event.interventions})
            elif isinstance(event, Done):
                found["reason"], found["unfired"] = event.reason, event.unfired
            elif isinstance(event, Failed):
                raise failure(event)
    except KeyboardInterrupt:
        run.close()
    text = text_after(scope.loaded, run.start.tokens, ids)
    if not quiet:
        click.echo(text[len(said) :])
    return {**found, "text": text, "tokens": tokens, "receipts": receipts, "steps_over_budget": dropped}


def _write(said: str, text: str) -> str:
    """Write what is new; half a character waits for its other half."""
    if text.endswith("\ufffd") or not text.startswith(said):
        return said
    sys.stdout.write(text[len(said) :])
    sys.stdout.flush()
    return text


def _report(found: dict[str, Any], run: Run) -> None:
    """What a person wants to know after the text; not among it, which programs read."""
    click.echo(f"{len(found['tokens'])} tokens, ended by {found['reason']}", err=True)
    for address, reason in found["unavailable"].items():
        click.echo(f"not in this model: {address} ({reason})", err=True)
    if found["steps_over_budget"]:
        click.echo(f"{found['steps_over_budget']} steps were over the byte budget and lost payloads", err=True)
    if run.recording_error is not None:
        click.echo(f"recording ended early: {run.recording_error}", err=True)
    elif found["path"] is not None:
        click.echo(f"trace {found['path']}", err=True)
    if found["receipts"]:
        print_table(("intervention", "fired in steps", "L2 of all changes"), _totals(found["receipts"]))
    for identity in found["unfired"]:
        click.echo(f"{show(identity)} never fired: none of its positions was reached", err=True)


def _totals(receipts: Iterable[dict[str, Any]]) -> list[tuple[str, int, float]]:
    totals: dict[str, tuple[int, float]] = {}
    for one in (one for receipt in receipts for one in receipt["interventions"]):
        fired, square = totals.get(one["id"], (0, 0.0))
        totals[one["id"]] = fired + one["fired"], square + one["delta_l2"] ** 2
    return [(identity, fired, square**0.5) for identity, (fired, square) in totals.items()]
