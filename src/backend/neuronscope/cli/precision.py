"""``neuronscope precision``: what another precision does to every neuron of a model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from neuronscope.cli.common import device_option, json_option, print_json, print_table, progress
from neuronscope.core.errors import BadRequest

CHOICES = click.Choice(["float32", "float16", "bfloat16", "int8", "nf4"])


@click.command()
@click.argument("model")
@click.argument("prompts", nargs=-1)
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="One prompt a line.")
@click.option("--from", "a", type=CHOICES, default="float32", show_default=True, help="The precision to compare with.")
@click.option("--to", "b", type=CHOICES, default="nf4", show_default=True, help="The other precision.")
@click.option("--csv", "table", type=click.Path(dir_okay=False, path_type=Path), help="Write a row per neuron here.")
@click.option("--worst", type=click.IntRange(0, 1000), default=10, show_default=True, help="Neurons to list.")
@device_option
@json_option
def command(
    model: str,
    prompts: tuple[str, ...],
    file: Path | None,
    a: str,
    b: str,
    table: Path | None,
    worst: int,
    device: str | None,
    as_json: bool,
) -> None:
    """Run PROMPTS through MODEL (an id or a path) in two precisions, and compare every neuron."""
    from neuronscope.runtime.precision import compare_precisions

    lines = file.read_text("utf-8").splitlines() if file is not None else []
    texts = [*prompts, *(line for line in lines if line.strip())]
    if not texts:
        raise BadRequest("No prompts are given.", "Name some texts, or a file with --file.")
    with progress(f"{a} and {b}", "tokens") as say:
        found = compare_precisions(model, texts, a, b, device=device, progress=say)
    frame = found.to_pandas().drop(columns="finite")
    if table is not None:
        frame.to_csv(table, index=False)
        click.echo(f"Wrote {len(frame)} neurons to {table}.", err=True)
    lowest = frame.sort_values("correlation", kind="stable").head(worst)
    if as_json:
        print_json(
            {**asdict(found.summary), "worst": lowest.astype(object).where(lowest.notna(), None).to_dict("records")}
        )
        return
    s = found.summary
    click.echo(
        f"{s.model_id}: {s.tokens} tokens; loss {_nats(s.loss_a)} in {a}, {_nats(s.loss_b)} in {b}; "
        f"the same next token at {100 * s.same_next:.1f}% of positions."
    )
    click.echo(
        "Layers, least alike first. low_share: neurons whose correlation is below 0.9; top_shared: strongest tokens kept; "
        "shift in standard deviations."
    )
    columns = ("layer", "neurons", "median_correlation", "worst_correlation", "low_share", "relative_error",
               "median_shift", "top_shared", "not_finite")  # fmt: skip
    layers = sorted(s.layers, key=lambda row: (row.median_correlation is None, row.median_correlation or 0.0))
    print_table(columns, ([getattr(row, name) for name in columns] for row in layers))
    shown = ("layer", "unit", "correlation", "mean_shift", "relative_error", "rank_change", "top_shared")
    print_table(shown, lowest[list(shown)].itertuples(index=False, name=None))


def _nats(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.4f}"
