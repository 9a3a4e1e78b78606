"""``neuronscope layers``: statistics of a point in each layer."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from neuronscope.cli.common import (
    find_trace,
    json_option,
    load,
    model_option,
    print_json,
    print_table,
    read_prompt,
)
from neuronscope.core.errors import BadRequest
from neuronscope.core.stats import STATS


@click.command()
@click.argument("prompt", required=False)
@model_option
@click.option("--trace", "trace_ref", help="A trace's file or id, instead of a prompt.")
@click.option("--point", default="mlp_act", show_default=True, help="Which tensor of each layer.")
@click.option("--by", type=click.Choice(["max", "mean_abs", "l2"]), default="mean_abs", show_default=True,
              help="What the JSON's number per token is.")  # fmt: skip
@json_option
def command(prompt: str | None, model: str | None, trace_ref: str | None, point: str, by: str, as_json: bool) -> None:
    """Statistics of a point, layer by layer, on PROMPT or on a recorded trace. Special tokens are left out."""
    from neuronscope.runtime.summaries import layer_rows

    if (prompt is None) == (trace_ref is None):
        raise BadRequest("Give a prompt, or a trace with --trace.")
    with tempfile.TemporaryDirectory() as folder:
        if trace_ref is not None:
            trace = find_trace(trace_ref)
        else:
            from neuronscope.capture.forward import capture_prompt
            from neuronscope.core.capture_config import CaptureConfig

            loaded = load(model).loaded
            trace = capture_prompt(loaded, read_prompt(prompt or ""), CaptureConfig(points=(point,)), Path(folder))
        with trace:
            rows = list(layer_rows(trace, point, by))
    if as_json:
        print_json(
            {
                "point": point,
                "by": by,
                "tokens": [token.text for token in trace.tokens],
                "layers": [{"layer": row.layer, "stats": row.stats, "per_token": row.per_token} for row in rows],
            }
        )
        return
    print_table(("layer", *STATS), ((row.layer, *(row.stats[name] for name in STATS)) for row in rows))
