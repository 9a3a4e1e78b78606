"""``neuronscope token``: how a script gets in."""

from __future__ import annotations

import click

from neuronscope.cli.common import json_option, print_json, workspace
from neuronscope.core.errors import Conflict


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Of the server on this port [default: the newest].")
@click.option("--url", "as_url", is_flag=True, help="Print the page's address, with the token in it.")
@json_option
def command(port: int | None, as_url: bool, as_json: bool) -> None:
    """Print the running server's access token, for: curl -H "Authorization: Bearer $(neuronscope token)" …"""
    from neuronscope.runtime.servers import running

    servers = running(workspace().token_file)
    if not servers:
        raise Conflict("No server is running in this workspace.", "Start one with: neuronscope serve")
    found = next((said for said in servers if port in (None, said["port"])), None)
    if found is None:
        ports = ", ".join(str(said["port"]) for said in servers)
        raise Conflict(f"No server of this workspace is running on port {port}.", f"One runs on: {ports}.")
    if as_json:
        print_json({name: found[name] for name in ("url", "port", "token")})
    elif as_url:
        click.echo(found["url"])
    else:
        click.echo(found["token"] or "")
