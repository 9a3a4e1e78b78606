"""Options that several commands share: of a load, and of questions to an index."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from neuronscope.cli.common import device_option, dtype_option

F = TypeVar("F", bound=Callable[..., Any])

quantization_option = click.option(
    "--quantization",
    type=click.Choice(["none", "nf4", "int8"]),
    help="Keep weights in 4 bits, or on CUDA in 8 [default: nf4 where nothing larger would fit].",
)
revision_option = click.option("--revision", help="Branch, tag or commit of the hub [default: the newest].")


class NamedModule(click.ParamType[tuple[str, str]]):
    """``mlp_out=mlp.down_proj``."""

    name = "name=path"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split it; anything else is the caller's mistake."""
        if isinstance(value, tuple):
            return value
        name, equals, path = str(value).partition("=")
        if not equals or not name or not path:
            self.fail(f"'{value}' is not of the form mlp_out=mlp.down_proj.", param, ctx)
        return name.strip(), path.strip()


class Size(click.ParamType[tuple[int, int]]):
    """``16x24``: height and width."""

    name = "height x width"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Split it; anything else is the caller's mistake."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"([0-9]{1,9})[x×]([0-9]{1,9})", str(value))
        if found is None:
            self.fail(f"'{value}' is not of the form 16x16.", param, ctx)
        return int(found[1]), int(found[2])


module_option = click.option(
    "--module",
    "modules",
    type=NamedModule(),
    multiple=True,
    help="Name a module by hand where inspection does not find it, such as mlp_out=mlp.down_proj. May be repeated.",
)


def loading_options(command: F) -> F:
    """The options of a load; the command gets them as ``loading``, for :func:`load`."""

    @wraps(command)
    def wrapped(*args: Any, modules: tuple[tuple[str, str], ...], **named: Any) -> Any:
        loading = {name: named.pop(name) for name in ("dtype", "quantization", "device", "revision")}
        return command(*args, loading={**loading, "modules": dict(modules) or None}, **named)

    for option in (module_option, revision_option, device_option, quantization_option, dtype_option):
        wrapped = option(wrapped)
    return cast("F", wrapped)


class Repository(click.ParamType[tuple[str, str]]):
    """``owner/name@commit``, the commit in full: a branch could hold other code tomorrow."""

    name = "repository@commit"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split it; anything but a full commit is the caller's mistake."""
        if isinstance(value, tuple):
            return value
        name, _, commit = str(value).partition("@")
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name) or ".." in name:
            self.fail(f"'{value}' names no repository of the hub, such as Qwen/Qwen-1_8B.", param, ctx)
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            self.fail(
                f"'{value}' names no commit. Write all 40 digits, as in {name}@0123…, of the code you read.", param, ctx
            )
        return name, commit


remote_code_option = click.option(
    "--remote-code",
    "trusted",
    type=Repository(),
    multiple=True,
    help="Let this repository's own Python code, of just this commit, run on this machine. May be repeated.",
)
model_dir_option = click.option(
    "--model-dir",
    "model_dirs",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="List the models of this folder, and its GGUF files, as local/<name>. May be repeated.",
)
index_option = click.option("--index", "index_id", help="Id of an index [default: the newest that fits the model].")
window_option = click.option(
    "--window", type=click.IntRange(0, 16), default=8, show_default=True, help="Tokens to either side."
)
point_option = click.option("--point", help="Whose units are told [default: neurons, or what the index holds].")
k_option = click.option("-k", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
