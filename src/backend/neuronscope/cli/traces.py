"""``neuronscope traces``: what is kept, what stays, what goes, and files in and out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuronscope.cli.common import find_trace, json_option, print_json, print_table, show, size, workspace
from neuronscope.core.errors import BadRequest

if TYPE_CHECKING:
    from neuronscope.runtime.keeping import Keeping

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kKMGT]?)(?P<binary>i?)B?")
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


@click.group()
def command() -> None:
    """List, pin, delete, export and import traces, or limit what they may take together."""


@command.command("list")
@json_option
def list_all(as_json: bool) -> None:
    """The traces of the workspace, newest first, and what they take."""
    keeping = _keeping()
    found = list(keeping)
    about = {"total_bytes": keeping.total_bytes, "limit_bytes": keeping.limit_bytes}
    if as_json:
        print_json(
            {**about, "traces": [asdict(kept) for kept in found], "removed": [asdict(r) for r in keeping.removed]}
        )
        return
    columns = ("trace_id", "model_id", "created_at", "steps", "size", "pinned", "text")
    print_table(
        columns,
        (
            (
                k.trace_id,
                k.model_id,
                k.created_at,
                k.steps,
                size(k.bytes),
                "pinned" if k.pinned else "",
                show(k.text[:60]),
            )
            for k in found
        ),
    )
    limit = "no limit" if keeping.limit_bytes is None else f"limit {size(keeping.limit_bytes)}"
    click.echo(f"{len(found)} traces, {size(keeping.total_bytes)}, {limit}", err=True)


@command.command("show")
@click.argument("trace")
@json_option
def show_one(trace: str, as_json: bool) -> None:
    """What a trace (an id or a file) is of, and what it holds."""
    from neuronscope.runtime.keeping import described

    with find_trace(trace) as opened:
        pinned = opened.path.parent == workspace().traces and opened.trace_id in _keeping().pinned
        found: dict[str, Any] = {
            **asdict(described(opened, pinned)),
            "path": opened.path,
            "model_key": opened.model_key,
            "points": opened.points,
            "unavailable": opened.unavailable,
            "settings": opened.start.get("settings", {}),
            "end": opened.end,
        }
    if as_json:
        print_json(found)
        return
    for name in ("trace_id", "model_id", "created_at", "steps", "token_count", "closed", "pinned", "path", "text"):
        click.echo(f"{name}\t{show(str(found[name]))}")
    click.echo(f"size\t{size(found['bytes'])}")
    click.echo(f"points\t{', '.join(dict.fromkeys(point.partition('.')[0] for point in found['points']))}")
    click.echo(f"ended by\t{found['end'].get('reason', found['end'].get('message'))}")


@command.command()
@click.argument("traces", nargs=-1, required=True)
def delete(traces: tuple[str, ...]) -> None:
    """Delete TRACES by their ids, pinned or not."""
    keeping = _keeping()
    for trace_id in traces:
        keeping.delete(trace_id)
        click.echo(f"{trace_id} is deleted")


@command.command()
@click.argument("traces", nargs=-1, required=True)
def pin(traces: tuple[str, ...]) -> None:
    """Keep TRACES whatever the limit."""
    _pin(traces, True)


@command.command()
@click.argument("traces", nargs=-1, required=True)
def unpin(traces: tuple[str, ...]) -> None:
    """Let TRACES go with the others again when they are the oldest beyond the limit."""
    _pin(traces, False)


def _pin(traces: tuple[str, ...], pinned: bool) -> None:
    keeping = _keeping()
    for trace_id in traces:
        keeping.pin(trace_id, pinned)
        click.echo(f"{trace_id} is {'pinned' if pinned else 'not pinned any more'}")


@command.command()
@click.argument("most", required=False, metavar="[SIZE|off]")
@json_option
def limit(most: str | None, as_json: bool) -> None:
    """Set what all traces may take together, such as 2GB, or take the limit away with off; alone, tell it.

    When a run ends beyond it, the oldest traces go that are not pinned, not open, and not the newest.
    """
    keeping = _keeping()
    if most is not None:
        keeping.set_limit(None if most.lower() == "off" else read_size(most))
    would_go = keeping.over_limit()
    if as_json:
        print_json({"limit_bytes": keeping.limit_bytes, "total_bytes": keeping.total_bytes, "would_go": would_go})
        return
    if keeping.limit_bytes is None:
        click.echo(f"no limit; the traces take {size(keeping.total_bytes)}")
        return
    click.echo(f"limit {size(keeping.limit_bytes)}; the traces take {size(keeping.total_bytes)}")
    if would_go:
        click.echo("when the next run ends, these go; pin what is to stay:\n" + "\n".join(would_go))


@command.command()
@click.argument("trace")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "kind", type=click.Choice(["trace", "npz", "json"]), help="[default: by the name of OUT]")
def export(trace: str, out: Path, kind: str | None) -> None:
    """Write TRACE (an id or a file) to OUT: a .trace file, NumPy arrays (.npz), or JSON."""
    from neuronscope.traces.transfer import FORMATS, export_trace

    chosen = kind or out.suffix.removeprefix(".")
    if chosen not in FORMATS:
        raise BadRequest(f"'{out.name}' does not end in .trace, .npz or .json.", "Say the format with --format.")
    with find_trace(trace) as opened:
        export_trace(opened, out, chosen)
    click.echo(f"{out}: {size(out.stat().st_size)}", err=True)


@command.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_files(files: tuple[Path, ...]) -> None:
    """Take .trace FILES into the workspace, once each has been read and found sound; their ids.

    JSON and NumPy exports can't be taken in: export with --format trace to move a trace.
    """
    keeping = _keeping()
    for file in files:
        with _named(file):
            click.echo(keeping.take_in(file).trace_id)


def read_size(text: str) -> int:
    """Bytes of ``2GB``, ``1.5 GiB`` or ``800000``; :class:`BadRequest` for anything else."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match["binary"] and not match["unit"]):
        raise BadRequest(f"'{text[:40]}' is no size.", "For example 2GB, 500MB, 1.5GiB, or off for no limit.")
    return int(float(match["number"]) * (1024 if match["binary"] else 1000) ** _POWERS[match["unit"]])


def _keeping() -> Keeping:
    from neuronscope.runtime.keeping import Keeping

    return Keeping(workspace().traces)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Say which of several files was refused."""
    try:
        yield
    except Exception:
        click.echo(f"{file}:", err=True)
        raise
