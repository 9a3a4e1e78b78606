"""``neuronscope capture``: a prompt into a trace."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, get_args

import click

from neuronscope.cli.common import (
    json_option,
    layers_option,
    load,
    model_option,
    print_json,
    print_table,
    read_prompt,
    show,
    spinner,
)
from neuronscope.cli.options import loading_options
from neuronscope.core.capture_config import CaptureConfig
from neuronscope.core.errors import Conflict
from neuronscope.core.trace_config import AttentionTier, Quantization

SHOWN = 5


@click.command()
@click.argument("prompt")
@model_option
@click.option(
    "--point", "points", multiple=True, help="Point or address, such as resid_post or mlp_act.3. May be repeated."
)
@layers_option
@click.option("--keep-as", type=click.Choice(get_args(Quantization)), help="Form of kept values [default: f32].")
@click.option(
    "--attention",
    type=click.Choice(get_args(AttentionTier)),
    help="What is kept of the point attn_weights [default: full_matrix].",
)
@click.option("--top", type=int, help="How many of the likeliest next tokens are told [default: 20 kept, 5 shown].")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Trace file to write [default: the workspace]."
)
@loading_options
@json_option
def command(
    prompt: str,
    model: str | None,
    points: tuple[str, ...],
    layers: tuple[int, ...] | None,
    keep_as: str | None,
    attention: str | None,
    top: int | None,
    out: Path | None,
    loading: dict[str, Any],
    as_json: bool,
) -> None:
    """Run PROMPT (- reads standard input) and keep what the taps saw in a trace."""
    text = read_prompt(prompt)
    if out is not None and out.exists():
        raise Conflict(f"{out} exists already.", "Choose another name with --out.")
    given = {"quantization": keep_as, "attention_tier": attention, "logits_topk": top, "layers": layers}
    given = {name: value for name, value in given.items() if value is not None}
    config = CaptureConfig.of(given, points or None)
    scope = load(model, **loading)
    with spinner("Running the prompt"), scope.capture(text, config=config) as trace:
        path, likely = trace.path, trace.step(0).top
        found = {
            "trace_id": trace.trace_id,
            "path": path,
            "model_id": trace.model_id,
            "tokens": [{"id": t.id, "text": t.text, "special": t.special} for t in trace.tokens],
            "points": trace.points,
            "layers": trace.layers,
            "unavailable": trace.unavailable,
            "top": likely,
        }
    if out is not None:
        found["path"] = shutil.move(path, out)
    if as_json:
        print_json(found)
        return
    click.echo(f"{len(trace.tokens)} tokens, {len(trace.points)} tensors in {found['path']}")
    for address, reason in trace.unavailable.items():
        click.echo(f"not in this model: {address} ({reason})")
    print_table(
        ("next token", "log-probability"),
        ((show(entry["text"]), entry["logprob"]) for entry in likely[: SHOWN if top is None else top]),
    )
