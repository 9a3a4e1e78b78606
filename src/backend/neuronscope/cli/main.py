"""``neuronscope``: the command line. Commands are imported when they are used, so that help is there at once."""

from __future__ import annotations

import errno
import os
from importlib import import_module

import click

from neuronscope.core.errors import CorruptModel, Damaged, NeuronScopeError
from neuronscope.version import VERSION

COMMANDS = {
    "serve": "Start the server and open the page.",
    "models": "List models, or check that one loads.",
    "card": "What a model is made of and what it computes.",
    "precision": "Compare every neuron in two precisions, such as float32 and 4 bits.",
    "capture": "Run a prompt and keep what the taps saw in a trace.",
    "generate": "Generate text and record what happens inside at every token.",
    "chat": "Ask a chat server such as Ollama or LM Studio, and keep its tokens as a trace.",
    "traces": "List, pin, delete, export and import traces, or limit what they take.",
    "view": "Replay a trace in the terminal.",
    "layers": "Statistics of a point, layer by layer.",
    "index": "Build and list indexes: what drives each neuron.",
    "query": "Ask an index about a neuron or a token.",
    "groups": "Keep sets of units under a name.",
    "calibrate": "Find the units that a model can't do without, and protect them.",
    "analyse": "Cluster or project neurons.",
    "token": "Print the running server's access token or address.",
}
"""Each command is ``command`` in the module of its name."""
MISTAKE, FAILURE = 2, 1


class Lazy(click.Group):
    """A group that imports a command when it is run or its own help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"neuronscope.cli.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; what goes wrong becomes one sentence, a hint and an exit code."""
        try:
            return super().invoke(ctx)
        except NeuronScopeError as failure:
            click.echo(f"Error: {failure.message}", err=True)
            if failure.hint:
                click.echo(failure.hint, err=True)
            raise click.exceptions.Exit(exit_code(failure)) from failure
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as failure:
            if os.environ.get("NEURONSCOPE_DEBUG") or (isinstance(failure, OSError) and failure.errno == errno.EPIPE):
                raise
            click.echo(f"Error: something went wrong ({type(failure).__name__}: {failure}).", err=True)
            click.echo("With NEURONSCOPE_DEBUG=1 the whole trace is shown.", err=True)
            raise click.exceptions.Exit(FAILURE) from failure


def exit_code(failure: NeuronScopeError) -> int:
    """2 where the caller asked for what can't be, 1 where something failed."""
    damaged = isinstance(failure, CorruptModel | Damaged)
    return MISTAKE if failure.status in (400, 404, 413, 422) and not damaged else FAILURE


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="neuronscope")
def cli() -> None:
    """Look inside a transformer language model: which neurons fire on which token, and which text drives them."""


if __name__ == "__main__":
    cli(prog_name="neuronscope")
