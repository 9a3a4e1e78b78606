"""``neuronscope serve``."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import click

from neuronscope.cli.options import model_dir_option, remote_code_option


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port [default: 5000, or the next free one].")
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@click.option("--no-token", is_flag=True, help="Ask clients for no token; on this machine only.")
@model_dir_option
@remote_code_option
@click.option("--dev-origin", hidden=True, help="One more origin that may call: for work on the page.")
def command(
    host: str,
    port: int | None,
    no_browser: bool,
    no_token: bool,
    model_dirs: tuple[Path, ...],
    trusted: tuple[tuple[str, str], ...],
    dev_origin: str | None,
) -> None:
    """Start the server and open the page."""
    from neuronscope.api.server import serve
    from neuronscope.api.settings import Settings
    from neuronscope.runtime.workspace import Workspace

    settings = Settings(
        host=host,
        model_dirs=tuple(folder.resolve() for folder in model_dirs),
        trusted=trusted,
        dev_origin=dev_origin,
    )
    if no_token:
        settings = replace(settings, token=None)
    serve(settings, Workspace.default(), port=port, open_browser=not no_browser, say=click.echo)
    # Everything is tidied up. A thread still inside torch would abort the process as the interpreter takes itself down.
    sys.stdout.flush()
    os._exit(0)
