"""``neuronscope query``, where other units, another index or the model itself answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from neuronscope.cli.common import (
    choose_index,
    engine,
    json_option,
    load,
    model_option,
    name_index,
    print_json,
    print_table,
    progress,
    show,
    workspace,
)
from neuronscope.cli.options import index_option, k_option, loading_options, point_option, window_option
from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest

if TYPE_CHECKING:
    from neuronscope.corpus.answers import Place
    from neuronscope.corpus.index import Index
    from neuronscope.runtime.scope import Scope
    from neuronscope.runtime.scoped_index import ScopedIndex

group_option = click.option("--group", "group_id", help="Id of a saved group, in place of UNITS.")


@click.command()
@click.argument("units", nargs=-1)
@group_option
@model_option
@index_option
@k_option
@point_option
@json_option
def neighbours(
    units: tuple[str, ...],
    group_id: str | None,
    model: str | None,
    index_id: str | None,
    k: int,
    point: str | None,
    as_json: bool,
) -> None:
    """The units that rise and fall with UNITS, such as mlp_act.3:42, over an index's sample of its corpus.

    Several units, or a group, count as one: the mean of their z-scores.
    """
    index, chosen = asked(units, group_id, model, index_id)
    found = index.neighbours(chosen, k, point)
    if as_json:
        about = {"index_id": index.id, "model_id": index.manifest.model_id, "units": [str(unit) for unit in chosen]}
        print_json({**about, "sample": index.manifest.sample, "neighbours": [asdict(one) for one in found]})
        return
    name_index(index)
    rows = ((f"{n.point}.{n.layer}:{n.unit}", n.correlation, n.without_peak) for n in found)
    print_table(("unit", "correlation", "without its strongest token"), rows)


@click.command()
@click.argument("unit")
@click.argument("index_id")
@click.argument("other_index_id")
@click.option("--other-unit", help="The unit in the other index [default: the same one].")
@k_option
@json_option
def compare(unit: str, index_id: str, other_index_id: str, other_unit: str | None, k: int, as_json: bool) -> None:
    """UNIT over two corpora or in two models: the indexes INDEX_ID and OTHER_INDEX_ID side by side."""
    one, other = choose_index(None, index_id), choose_index(None, other_index_id)
    found = one.compare(other, unit, other_unit, k)
    if as_json:
        print_json(asdict(found))
        return
    name_index(one)
    name_index(other)
    for name in ("token_overlap", "ngram_overlap", "shared_places", "correlation"):
        value = getattr(found, name)
        click.echo(f"{name}: {'-' if value is None else f'{value:.4g}'}")
    sides = (found.first.stats, found.second.stats)
    print_table(
        ("statistic", "first", "second"), ((name, *(getattr(s, name) for s in sides)) for name in asdict(sides[0]))
    )
    counts = ((show(p.tokens[0]), *(None if s is None else s.count for s in (p.first, p.second))) for p in found.tokens)
    print_table(("token", "first", "second"), counts)
    pairs = zip(found.first.contexts, found.second.contexts, strict=False)
    print_table(
        ("first", "context", "second", "context"),
        ((a.activation, _text(a), b.activation, _text(b)) for a, b in pairs),
    )


@click.command()
@click.argument("units", nargs=-1)
@group_option
@model_option
@index_option
@k_option
@window_option
@click.option("--windows", type=click.IntRange(1), default=256, show_default=True, help="Windows to run at most.")
@loading_options
@json_option
def together(
    units: tuple[str, ...],
    group_id: str | None,
    model: str | None,
    index_id: str | None,
    k: int,
    window: int,
    windows: int,
    loading: dict[str, Any],
    as_json: bool,
) -> None:
    """The strongest contexts of UNITS together, by the mean of their z-scores. Runs the model.

    Windows that hold a strong context of any of the units are run again; it is said up to which context it is certain
    that the corpus holds nothing stronger.
    """
    chosen, named = asked(units, group_id, model, index_id)
    index = _scoped(chosen, model, loading)
    with progress("Running", "windows") as report:
        found = index.together(named, k, window=window, windows=windows, progress=report)
    if as_json:
        print_json({"index_id": index.id, "model_id": index.manifest.model_id, **asdict(found)})
        return
    name_index(index)
    elsewhere = "" if found.bound is None else f"; nothing else scores above {found.bound:.4g}"
    click.echo(
        f"{found.searched} of {found.candidates} windows run; certain up to context {found.certain}{elsewhere}",
        err=True,
    )
    print_table(
        ("score", "document", "position", "context"), ((c.score, c.doc, c.position, _text(c)) for c in found.contexts)
    )


@click.command()
@click.argument("unit")
@model_option
@index_option
@click.option("--rank", type=click.IntRange(0), default=0, show_default=True, help="Which context, from the strongest.")
@click.option("--text", help="A text to shorten instead of a context.")
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), default=0.8, show_default=True, help="What has to stay."
)
@click.option("--budget", type=click.IntRange(1), default=500_000, show_default=True, help="Tokens to run at most.")
@loading_options
@json_option
def shortest(
    unit: str,
    model: str | None,
    index_id: str | None,
    rank: int,
    text: str | None,
    share: float,
    budget: int,
    loading: dict[str, Any],
    as_json: bool,
) -> None:
    """The shortest text that still drives UNIT: a context cut from the left, then token by token. Runs the model."""
    from neuronscope.corpus import shortest as search

    named = Unit.parse(unit)
    if text is None:
        index = _scoped(choose_index(model, index_id, [named.address]), model, loading)
        loaded = index.loaded
        start = search.start_of_context(loaded, index, named, rank)
    else:
        if rank:
            raise BadRequest("A text has no rank.", "Give one or the other.")
        loaded = load(model, **loading).loaded
        start = search.start_of_text(loaded, named, text)
    with progress("Running", "tokens") as report:
        found = search.shortest(loaded, named, start, share=share, budget=budget, progress=report)
    if as_json:
        print_json(asdict(found))
        return
    print_table(("text", "activation", "tokens"), [
        (show("".join(found.context)), found.before, len(found.context)),
        (show("".join(found.tokens)), found.after, len(found.tokens)),
    ])  # fmt: skip
    if not found.same_tokens and found.as_typed is not None:
        click.echo(f"Typed as a text it is cut into other tokens, and the unit is at {found.as_typed:.4g}.", err=True)
    if not found.complete:
        click.echo("The budget ran out: a shorter text may be left to find. Raise --budget.", err=True)


@click.command()
@click.argument("unit")
@model_option
@k_option
@loading_options
@json_option
def writes(unit: str, model: str | None, k: int, loading: dict[str, Any], as_json: bool) -> None:
    """The tokens that UNIT directly raises and lowers: its direction through the final norm and the head. No index needed."""
    found = load(model, **loading).writes(unit, k)
    if as_json:
        print_json(asdict(found))
        return
    pairs = zip(found.top, found.bottom, strict=True)
    print_table(
        ("raises", "logit", "lowers", "logit"),
        ((show(up.token), up.logit, show(down.token), down.logit) for up, down in pairs),
    )
    click.echo(f"mean {found.mean:.4g}, std {found.std:.4g}; left out: {'; '.join(found.left_out)}", err=True)


def asked(
    units: tuple[str, ...], group_id: str | None, model: str | None, index_id: str | None
) -> tuple[Index, list[Unit]]:
    if bool(units) == (group_id is not None):
        raise BadRequest("Name units, or a group with --group.", "For example mlp_act.3:42.")
    if group_id is not None:
        from neuronscope.runtime.shelf import Shelf

        return Shelf(workspace(), engine()).choose_for_group(group_id, model, index_id)
    named = [Unit.parse(unit) for unit in units]
    return choose_index(model, index_id, {unit.address for unit in named}), named


def _scoped(index: Index, model: str | None, loading: dict[str, Any]) -> ScopedIndex:
    """The index with its model, which is loaded."""
    from neuronscope.runtime.scoped_index import ScopedIndex

    given = {"dtype": index.manifest.dtype, **{name: value for name, value in loading.items() if value is not None}}
    scope: Scope = load(model or index.manifest.model_id, **given)
    return ScopedIndex(index.folder, index.manifest, scope.loaded)


def _text(place: Place) -> str:
    marked = [f"[{text}]" if at == place.peak else text for at, text in enumerate(place.tokens)]
    return show("".join(marked))
