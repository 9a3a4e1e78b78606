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
@click.option(
    "--chat-server",
    "chat_servers",
    multiple=True,
    metavar="SERVER",
    help="List the models of a chat server: ollama, lmstudio, or NAME=http://127.0.0.1:1234/v1. May be repeated.",
)
@click.option(
    "--mri-server", "mri_port", type=click.IntRange(1, 65535), help="Port for LLMRI's viewer, on this machine only."
)
@click.option("--dev-origin", hidden=True, help="One more origin that may call: for work on the page.")
def command(
    host: str,
    port: int | None,
    no_browser: bool,
    no_token: bool,
    model_dirs: tuple[Path, ...],
    trusted: tuple[tuple[str, str], ...],
    chat_servers: tuple[str, ...],
    mri_port: int | None,
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
    elsewhere = None
    if chat_servers:
        from neuronscope.bridges.chat_servers import read_server
        from neuronscope.bridges.openai_chat import ChatModels

        elsewhere = ChatModels([read_server(text) for text in chat_servers])
    alongside = []
    if mri_port is not None:
        from neuronscope.bridges.mri_socket import MriSocket

        alongside.append(lambda services: MriSocket(mri_port).join(services.live))
        click.echo(f"LLMRI's viewer can connect to 127.0.0.1:{mri_port}; docs/live.md says what it is sent.")
    serve(
        settings,
        Workspace.default(),
        port=port,
        open_browser=not no_browser,
        say=click.echo,
        elsewhere=elsewhere,
        alongside=alongside,
    )
    # Everything is tidied up. A thread still inside torch would abort the process as the interpreter takes itself down.
    sys.stdout.flush()
    os._exit(0)
