"""Write what can be read off the code into the papers: ``docs/reference.md``, and the tree in ``ARCHITECTURE.md``.

A test compares both with what this script would write, so that neither can fall behind.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import click

from neuronscope.cli.main import COMMANDS, cli
from neuronscope.core import errors
from neuronscope.core.points import AXES, POINTS

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ROOT / "src" / "backend"
PAGE = ROOT / "src" / "frontend" / "src"
REFERENCE = ROOT / "docs" / "reference.md"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- tree: written by scripts/write_reference.py -->", "<!-- end of tree -->"
PAGE_FOLDERS = {
    "api": "types generated from openapi.json, the client, one file of queries per resource",
    "app": "shell, routes, theme, models and jobs in the top bar",
    "components": "what views share: panels, tokens, plots, forms made from declarations",
    "lib": "pure functions: scales, formats, addresses, files to save",
    "state": "what lives in the URL, and the little that does not",
    "views": "one folder per view; registry.ts has a row for each",
}


def reference() -> str:
    """The text of ``docs/reference.md``."""
    parts = [
        "# Reference",
        "Written by `make docs` from the code; don't edit it by hand.",
        "## Hook points",
        "An address is `point` or `point.layer`; a unit is `address:index`. "
        + "Axes: " + ", ".join(f"`{letter}` {meaning}" for letter, meaning in AXES.items()) + ".",
        _table(("point", "axes", "in every layer", "what it is"), (
            (f"`{p.name}`", " ".join(p.axes), "yes" if p.layered else "", p.doc) for p in POINTS.values()
        )),
        "## REST",
        "Everything is JSON unless said otherwise. The schemas are at `/api/openapi.json`, browsable at `/api/docs`.",
        _table(("call", "what it does"), _operations()),
        "## Errors",
        'Always `{"error": {"code", "message", "hint"}}`. In Python the same are exceptions of `neuronscope.core.errors`.',
        _table(("code", "status", "exception", "meaning"), _errors()),
        "## Command line",
        *(_command(name) for name in COMMANDS),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: object) -> str:
    lines = [head, tuple("---" for _ in head), *rows]  # type: ignore[misc]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _operations() -> list[tuple[str, str]]:
    spec = json.loads((BACKEND / "neuronscope" / "api" / "openapi.json").read_text("utf-8"))
    rows = []
    for path, methods in sorted(spec["paths"].items()):
        for method, operation in methods.items():
            rows.append((f"`{method.upper()} {path}`", operation.get("summary", "")))
    return rows


def _errors() -> list[tuple[str, ...]]:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.NeuronScopeError) and kind is not errors.NeuronScopeError
    ]
    rows = [(f"`{k.code}`", str(k.status), f"`{k.__name__}`", (k.__doc__ or "").strip()) for k in kinds]
    return sorted(rows)


def _command(name: str) -> str:
    with click.Context(cli) as context:
        command = cli.get_command(context, name)
        assert command is not None
    texts = [_help(command, f"neuronscope {name}")]
    if isinstance(command, click.Group):
        subcommands = sorted(command.list_commands(click.Context(command)))
        found = {sub: command.get_command(click.Context(command), sub) for sub in subcommands}
        texts += [_help(sub, f"neuronscope {name} {title}") for title, sub in found.items() if sub is not None]
    return "\n\n".join(f"```\n{text}\n```" for text in texts)


def _help(command: click.Command, title: str) -> str:
    names = cli.context_settings["help_option_names"]
    context = click.Context(
        command, info_name=title, max_content_width=100, terminal_width=100, help_option_names=names
    )
    return command.get_help(context).strip()


def tree() -> str:
    """The tree of the source, a line per file with the first sentence of its docstring."""
    lines = ["```text", "src/backend/", "  api_server.py  " + _first_sentence(BACKEND / "api_server.py")]
    package = BACKEND / "neuronscope"
    for file in sorted(package.glob("*.py")):
        lines.append(f"  neuronscope/{file.name}  {_first_sentence(file)}")
    for room in sorted(p for p in package.iterdir() if (p / "__init__.py").is_file()):
        lines.append(f"  neuronscope/{room.name}/  {_first_sentence(room / '__init__.py')}")
        for file in sorted(room.rglob("*.py")):
            if file.name != "__init__.py":
                lines.append(f"    {file.relative_to(room).as_posix()}  {_first_sentence(file)}")
    lines.append("src/frontend/src/")
    for folder, text in PAGE_FOLDERS.items():
        lines.append(f"  {folder}/  {text}")
    for view in sorted(p for p in (PAGE / "views").iterdir() if p.is_dir()):
        lines.append(f"    views/{view.name}/")
    lines.append("scripts/")
    lines += [f"  {file.name}  {_first_sentence(file)}" for file in sorted((ROOT / "scripts").glob("*.py"))]
    lines.append("benchmarks/")
    lines += [f"  {file.name}  {_first_sentence(file)}" for file in sorted((ROOT / "benchmarks").glob("*.py"))]
    return "\n".join([*lines, "```"])


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return re.split(r"(?<=[.!])\s|\n\n", text.replace("\n", " "), maxsplit=1)[0].rstrip(".")


def architecture(text: str) -> str:
    """``ARCHITECTURE.md`` with its tree as the code has it now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tree()}\n{END}{after}"


def main() -> None:
    REFERENCE.parent.mkdir(exist_ok=True)
    REFERENCE.write_text(reference(), "utf-8")
    ARCHITECTURE.write_text(architecture(ARCHITECTURE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
