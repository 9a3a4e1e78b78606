"""What the commands share: options, models by id or path, tables, progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from neuronscope.core.errors import BadRequest

if TYPE_CHECKING:
    from neuronscope.core.address import Address
    from neuronscope.corpus.index import Index
    from neuronscope.models.loading.sources import Sources
    from neuronscope.runtime.engine import Engine
    from neuronscope.runtime.scope import Scope
    from neuronscope.runtime.workspace import Workspace
    from neuronscope.traces.store import Trace

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
model_option = click.option(
    "-m", "--model", "model", default=None, help="Model id, folder or GGUF file [default: the bundled model]."
)
dtype_option = click.option(
    "--dtype", type=click.Choice(["float32", "float16", "bfloat16"]), help="Precision [default: float32 on a CPU]."
)
device_option = click.option(
    "--device", help="cpu, mps, cuda, cuda:1, or auto for all cards together [default: the best there is]."
)


class Numbers(click.ParamType[tuple[int, ...]]):
    """``0,2,5-7`` as whole numbers."""

    name = "numbers"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Read the list; anything else is the caller's mistake."""
        if isinstance(value, tuple):
            return value
        found: list[int] = []
        for part in str(value).split(","):
            first, _, last = part.strip().partition("-")
            if not first.isdecimal() or (last and not last.isdecimal()) or len(part) > 12:
                self.fail(f"'{value}' is no list of numbers such as 0,2,5-7.", param, ctx)
            found += range(int(first), int(last or first) + 1) if int(last or first) - int(first) < 10_000 else []
        return tuple(found)


layers_option = click.option("--layers", type=Numbers(), help="Layers such as 0,2,5-7 [default: all].")


def workspace() -> Workspace:
    """The person's own workspace."""
    from neuronscope.runtime.workspace import Workspace

    return Workspace.default()


def engine() -> Engine:
    """Models by id, and on the command line by path as well."""
    from neuronscope.runtime.engine import Engine

    return Engine(sources())


def sources(model_dirs: tuple[Path, ...] = (), trusted: Mapping[str, str] | None = None) -> Sources:
    """The models of this machine, those of a path among them."""
    from neuronscope.models.loading.sources import SourcesAndPaths

    return SourcesAndPaths(model_dirs, trusted)


def load(
    model: str | None,
    dtype: str | None = None,
    device: str | None = None,
    *,
    trusted: Mapping[str, str] | None = None,
    **options: Any,
) -> Scope:
    """Load a model by id or path, with a bar of bytes on a terminal. Options as in :func:`neuronscope.load`.

    ``trusted`` are repositories and commits whose own code may run.
    """
    name = model or "the bundled model"
    with spinner(f"Opening {name}"):
        from neuronscope.models.loading.recipe import Recipe
        from neuronscope.models.loading.sources import BUNDLED_ID
        from neuronscope.runtime.opening import open_model
        from neuronscope.runtime.scope import Scope

        source = sources(trusted=trusted).find(model or BUNDLED_ID)
    with byte_progress() as tell:
        loaded = open_model(source, dtype=dtype, device=device, progress=tell, **options)
    recipe = Recipe(model or BUNDLED_ID, dtype=dtype, device=device, trusted=dict(trusted or {}), **options)
    return Scope(loaded, recipe=recipe)


def choose_index(model: str | None, index_id: str | None, holding: Iterable[Address | str] = ()) -> Index:
    """The index of an id, or the newest that fits the model and holds these. Errors as :meth:`Shelf.choose`."""
    from neuronscope.runtime.shelf import Shelf

    return Shelf(workspace(), engine()).choose(model, index_id, holding)


def name_index(index: Index) -> None:
    """Say which index answers; not among the rows, which programs read."""
    manifest = index.manifest
    click.echo(f"{manifest.model_id} over {manifest.corpus}, {manifest.tokens} tokens ({index.id})", err=True)


def find_trace(ref: str) -> Trace:
    """A trace by the path of its file or by its id."""
    from neuronscope.traces.store import Trace

    path = Path(ref)
    if path.suffix == ".trace" or path.is_file():
        return Trace.open(path)
    return Trace.open(workspace().trace_path(ref))


def read_prompt(prompt: str) -> str:
    """The prompt itself, or for ``-`` what standard input holds."""
    text = sys.stdin.read() if prompt == "-" else prompt
    if not text:
        raise BadRequest("The prompt is empty.", "Type some text, or pipe it in with '-'.")
    return text


def print_json(data: object) -> None:
    """Data as JSON, for programs."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=None, default=_plain))


def _plain(value: object) -> object:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; elsewhere a line per row with tabs, which ``cut`` and ``awk`` can read."""
    if not sys.stdout.isatty():
        for row in (headers, *rows):
            click.echo("\t".join(_cell(value) for value in row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headers, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(_cell(value), justify="right" if _number(value) else "left") for value in row))
    Console().print(table)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return show(str(value))


def show(text: str) -> str:
    """Text on one line: tabs, newlines and control characters made visible."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def size(count: int | None) -> str:
    """Bytes for a person."""
    if count is None:
        return "-"
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """Something that moves on a terminal while one waits; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{text} …"):
        yield


@contextmanager
def byte_progress() -> Iterator[Callable[[int, int | None, str], None]]:
    """A bar of bytes on a terminal, first for what is fetched and then for what is read; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total, _phase: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    says = {"fetch": "Fetching", "load": "Reading weights"}
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Opening", total=None)
        yield lambda done, total, phase: bar.update(task, description=says[phase], completed=done, total=total)


@contextmanager
def progress(text: str, unit: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on a terminal, a line for each tenth elsewhere. Gives a function that takes what is done and the total."""
    if not sys.stderr.isatty():
        said = -1

        def plain(done: int, total: int | None) -> None:
            nonlocal said
            tenth = 10 * done // total if total else -1
            if tenth > said:
                said = tenth
                click.echo(f"{text}: {done} of {total} {unit}", err=True)

        yield plain
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
