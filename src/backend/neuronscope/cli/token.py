"""``neuronscope token``: how a script gets in."""

from __future__ import annotations

import json

import click

from neuronscope.cli.common import json_option, print_json, workspace
from neuronscope.core.errors import Conflict


@click.command()
@click.option("--url", "as_url", is_flag=True, help="Print the page's address, with the token in it.")
@json_option
def command(as_url: bool, as_json: bool) -> None:
    """Print the running server's access token, for: curl -H "Authorization: Bearer $(neuronscope token)" …"""
    import psutil

    try:
        found = json.loads(workspace().token_file.read_text(encoding="utf-8"))
        running = psutil.pid_exists(int(found["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        running = False
    if not running:
        raise Conflict("No server is running in this workspace.", "Start one with: neuronscope serve")
    if as_json:
        print_json({name: found[name] for name in ("url", "port", "token")})
    elif as_url:
        click.echo(found["url"])
    else:
        click.echo(found["token"] or "")
