"""``neuronscope card MODEL``: what a model is made of and what it computes, and on request how its weights are spread."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from neuronscope.cli.common import (
    json_option,
    load,
    print_json,
    print_table,
    progress,
    workspace,
)
from neuronscope.cli.options import loading_options

if TYPE_CHECKING:
    from neuronscope.models.cards.card import Card


@click.command()
@click.argument("model", required=False)
@click.option("--weights", is_flag=True, help="Measure the weights as well: norms, dead and duplicate neurons.")
@loading_options
@json_option
def command(model: str | None, weights: bool, loading: dict[str, Any], as_json: bool) -> None:
    """Say what MODEL (an id or a folder) is made of: diagram, equations, points, tokenizer, and its parity check."""
    from neuronscope.models.cards.card import describe
    from neuronscope.runtime.weights import measure

    loaded = load(model, **loading).loaded
    card = describe(loaded)
    report: dict[str, Any] | None = None
    if weights:
        with progress("Weights", "layers") as tell:
            report = measure(workspace(), loaded, progress=tell)
    if as_json:
        print_json({**asdict(card), "weights": report} if weights else asdict(card))
        return
    _facts(card)
    for block in card.diagram.blocks:
        shown = f"{block.title}, {_layers(block.layers)}: {block.order}"
        rows = (
            (n.title, n.module, n.shape, n.path, " ".join(p.point for p in n.points if not p.refused))
            for n in block.nodes
        )
        print_table((shown, "class", "shape", "module", "points"), rows)
    equations = (
        (e.title, _layers(e.layers) if e.layers is not None else "", e.words, e.latex or e.note) for e in card.equations
    )
    print_table(("formula", "layers", "in words", "LaTeX"), equations)
    points = ((p.point, " ".join(p.axes), p.refused or "all layers" * bool(p.layers) or "yes") for p in card.points)
    print_table(("point", "axes", "served"), points)
    if card.parity is not None:
        found = (
            (r.point, r.compared_with, r.largest_absolute, r.bound, "holds" if r.holds else "FAILS")
            for r in card.parity.rows
        )
        print_table(("parity", "compared with", "largest difference", "allowed", ""), found)
    if report is not None:
        _weights(report)


def _facts(card: Card) -> None:
    names = ("architecture", "family", "dtype", "quantization", "device", "parameters", "layers", "d_model", "d_mlp", "heads",
             "kv_heads", "vocabulary", "context_length", "activation", "norm", "position_scheme")  # fmt: skip
    tokenizer = card.tokenizer
    print_table((card.model_id, ""), ((name, getattr(card, name)) for name in names))
    print_table(("part", "parameters"), ((part.part, part.parameters) for part in card.parts))
    rows = (("class", tokenizer.name), ("tokens", tokenizer.vocabulary), ("unused rows", tokenizer.unused_rows),
            ("kind", tokenizer.model), ("normalizer", tokenizer.normalizer), ("pre-tokenizer", tokenizer.pre_tokenizer),
            ("adds BOS", tokenizer.adds_bos), ("adds EOS", tokenizer.adds_eos),
            ("sample", " | ".join(token.text for token in tokenizer.sample_tokens)))  # fmt: skip
    print_table(("tokenizer", ""), rows)


def _weights(report: dict[str, Any]) -> None:
    rows = (
        (layer["layer"], part["part"], part["norm"], part["std"], part["minimum"], part["maximum"])
        for layer in report["layers"]
        for part in layer["parts"]
    )
    print_table(("layer", "part", "norm", "std", "smallest", "largest"), rows)
    neurons = ((n["layer"], n["neurons"], n["dead_count"], n["duplicate_count"], n["note"]) for n in report["layers"])
    print_table(("layer", "neurons", "dead", "pairs of duplicates", "note"), neurons)


def _layers(layers: list[int]) -> str:
    """``layers 0-2, 5``."""
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return ("layers " if len(layers) > 1 else "layer ") + ", ".join(
        f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs
    )
