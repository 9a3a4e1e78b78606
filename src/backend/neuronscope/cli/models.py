"""``neuronscope models``: list them, weigh one, or check that one loads."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuronscope.cli.common import (
    device_option,
    dtype_option,
    json_option,
    load,
    print_json,
    print_table,
    size,
    sources,
    spinner,
)
from neuronscope.cli.options import (
    loading_options,
    model_dir_option,
    quantization_option,
    remote_code_option,
    revision_option,
)

if TYPE_CHECKING:
    from neuronscope.models.loading.sources import ModelSource


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List models, weigh one before loading it, or check that one loads."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models)


@command.command("list")
@model_dir_option
@json_option
def list_models(model_dirs: tuple[Path, ...] = (), as_json: bool = False) -> None:
    """Bundled, local and cached models, and those of the hub that are worth starting with.

    A star marks recommended ones. "fits in" are the precisions for which there is memory now.
    """
    from neuronscope.models.loading.devices import default_device

    with spinner("Looking at the models"):
        device = default_device()
        found = [(source, _fitting(source, device)) for source in sources(model_dirs).list()]
    if as_json:
        print_json([{**asdict(m), "category": m.category, "fits_in": fitting} for m, fitting in found])
        return
    rows = (
        (f"{m.model_id}{' *' if m.recommended else ''}", m.source, m.family, m.category, m.parameters,
         size(m.stored_bytes), " ".join(fitting) or ("none" if m.sizes else "-"), m.note or "gated" * m.gated)
        for m, fitting in found
    )  # fmt: skip
    print_table(("model", "source", "family", "size", "parameters", "on disk", "fits in", "note"), rows)


def _fitting(source: ModelSource, device: str) -> list[str]:
    from neuronscope.models.loading.choice import choose

    if source.sizes is None or not source.loadable:
        return []
    choice = choose(source.sizes, device=device)
    return [one.precision for one in choice.options if one.bytes <= choice.free]


@command.command()
@click.argument("model")
@dtype_option
@quantization_option
@device_option
@revision_option
@json_option
def estimate(
    model: str,
    dtype: str | None,
    quantization: str | None,
    device: str | None,
    revision: str | None,
    as_json: bool,
) -> None:
    """Say what loading MODEL (an id, a folder or a GGUF file) would take, without loading it."""
    from neuronscope.runtime.estimate import weigh

    with spinner("Looking at the model"):
        found = weigh(sources(), model, dtype=dtype, quantization=quantization, device=device, revision=revision)
    choice = found.choice
    if as_json:
        print_json(found.to_dict())
        return
    if choice is None:
        click.echo(f"{found.message} {found.hint}")
        return
    rows = [
        (one.precision, size(one.weights), size(one.cache), size(one.capture), size(one.bytes),
         "yes" if one.bytes <= choice.free else "no")
        for one in choice.options
    ]  # fmt: skip
    print_table(("precision", "weights", "cache", "capture", "at most", "fits"), rows)
    if found.refusal is not None:
        click.echo(found.refusal)
        return
    click.echo(f"It would be loaded in {choice.precision} on {choice.device}, where {size(choice.free)} are free.")


@command.command()
@click.argument("model")
@loading_options
@remote_code_option
@json_option
def check(model: str, loading: dict[str, Any], trusted: tuple[tuple[str, str], ...], as_json: bool) -> None:
    """Load MODEL (an id, a folder or a GGUF file) and say what it is made of and which points it serves."""
    from neuronscope.models.cards.card import describe

    card = describe(load(model, trusted=dict(trusted), **loading).loaded)
    if as_json:
        print_json(asdict(card))
        return
    facts = ("architecture", "family", "dtype", "quantization", "device", "parameters", "layers", "d_model", "d_mlp", "heads",
             "kv_heads", "vocabulary", "context_length", "activation", "norm", "position_scheme")  # fmt: skip
    print_table((card.model_id, ""), ((name, getattr(card, name)) for name in facts))
    if card.parity is not None:
        verdict = "holds" if card.parity.holds else "FAILS; `neuronscope card` says where"
        click.echo(f"Parity with the plain model {verdict}. {card.parity.note}".rstrip())
    points = ((p.point, " ".join(p.axes), p.refused or "all layers" * bool(p.layers) or "yes") for p in card.points)
    print_table(("point", "axes", "served"), points)
