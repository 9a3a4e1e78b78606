"""``neuronscope chat``: ask a chat server such as Ollama or LM Studio, and keep its tokens as a trace."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuronscope.cli.common import json_option, print_json, read_prompt, workspace
from neuronscope.core.errors import BadRequest, Conflict, NeuronScopeError
from neuronscope.core.events import Done, Failed, Step
from neuronscope.core.generation import GenerateRequest

if TYPE_CHECKING:
    from neuronscope.bridges.chat_servers import ChatServer
    from neuronscope.bridges.openai_chat import ChatGeneration
    from neuronscope.traces.recorder import Recorder


@click.command()
@click.argument("text")
@click.option(
    "--server",
    default="ollama",
    show_default=True,
    help="ollama, lmstudio, NAME=URL, or the URL of a server that speaks OpenAI's API, such as http://127.0.0.1:8000/v1.",
)
@click.option("-m", "--model", help="Its model [default: the one that it has, if it has one].")
@click.option("--system", help="What the system message says.")
@click.option("--max-new-tokens", type=int, default=256, show_default=True, help="Tokens at most.")
@click.option(
    "--temperature", type=float, default=0.0, show_default=True, help="0 takes the likeliest token each time."
)
@click.option("--top-k", type=int, help="Draw from the likeliest this many; Ollama's own API only.")
@click.option("--top-p", type=float, help="Draw from the smallest set that holds this share.")
@click.option("--seed", type=int, help="Draw the same tokens again, where the server can.")
@click.option("--stop", multiple=True, help="A text that ends the answer. May be repeated.")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Trace file to write [default: the workspace]."
)
@click.option("--no-trace", is_flag=True, help="Record nothing.")
@json_option
def command(text: str, server: str, model: str | None, out: Path | None, as_json: bool, **options: Any) -> None:
    """Send TEXT (- reads standard input) to a chat server and print its answer as it comes.

    A chat server gives tokens, and log-probabilities if it can; no activations.
    """
    from neuronscope.bridges.chat_servers import read_server
    from neuronscope.bridges.openai_chat import ChatGeneration

    if out is not None and out.exists():
        raise Conflict(f"{out} exists already.", "Choose another name with --out.")
    if out is not None and options["no_trace"]:
        raise BadRequest("--out names a trace to write, and --no-trace writes none.", "Leave one of them out.")
    chosen = read_server(server)
    request = _request(read_prompt(text), options)
    generation = ChatGeneration(chosen, model or _only_model(chosen), request)
    found = _run(generation, record=not options["no_trace"], quiet=as_json)
    if out is not None and found["path"] is not None:
        found["path"] = Path(shutil.move(found["path"], out))
    if as_json:
        print_json(found)
    else:
        click.echo(f"{len(found['tokens'])} tokens, ended by {found['reason']}", err=True)
        if found["path"] is not None:
            click.echo(f"trace {found['path']}", err=True)


def _request(text: str, options: dict[str, Any]) -> GenerateRequest:
    system = [{"role": "system", "content": options["system"]}] if options["system"] else []
    chosen = {name: options[name] for name in ("max_new_tokens", "temperature", "top_k", "top_p", "seed", "stop")}
    return GenerateRequest(messages=(*system, {"role": "user", "content": text}), **chosen)


def _only_model(server: ChatServer) -> str:
    models = server.models()
    if len(models) == 1:
        return models[0]
    listed = ", ".join(models[:10]) + (" …" if len(models) > 10 else "")
    raise BadRequest(
        f"The server {server.name} has {len(models)} models."
        if models
        else f"The server {server.name} lists no model.",
        f"Choose one with --model: {listed}." if models else "Name one with --model.",
    )


def _run(generation: ChatGeneration, record: bool, quiet: bool) -> dict[str, Any]:
    """Go through the events, writing the text as it comes. Ctrl+C stops the run and keeps its trace."""
    recorder: Recorder | None = None
    if record:
        from neuronscope.traces.recorder import Recorder

        path = workspace().trace_path(generation.trace_id)
        recorder = Recorder(path, generation.start, generation.prompt.text)
    tokens: list[dict[str, Any]] = []
    reason, failed = "stopped", None
    events = generation.events()
    try:
        for event in events:
            if recorder is not None:
                recorder.put(event)
            if isinstance(event, Step):
                tokens.append({"text": event.token, "logprob": event.logprob, "top": event.top})
                if not quiet:
                    sys.stdout.write(event.token or "")
                    sys.stdout.flush()
            elif isinstance(event, Done):
                reason = event.reason
            elif isinstance(event, Failed):
                failed = event
    except KeyboardInterrupt:
        generation.stop()
    finally:
        events.close()
        if recorder is not None:
            recorder.close()
    if not quiet and tokens:
        click.echo()
    if failed is not None:
        raise _error(failed, recorder, bool(tokens))
    if recorder is not None and recorder.error is not None:
        click.echo(f"recording ended early: {recorder.error}", err=True)
    said = "".join(token["text"] for token in tokens)
    kept = None if recorder is None else recorder.path
    return {
        "trace_id": generation.trace_id,
        "path": kept,
        "model_id": generation.model_id,
        "reason": reason,
        "text": said,
        "tokens": tokens,
    }


def _error(failed: Failed, recorder: Recorder | None, begun: bool) -> NeuronScopeError:
    """What made the run fail. A trace without a single token is of no use to anybody, and is removed."""
    error = NeuronScopeError(failed.message, failed.hint)
    error.code, error.status = failed.code, 500
    if recorder is not None and begun:
        click.echo(f"trace {recorder.path}", err=True)
    elif recorder is not None:
        from neuronscope.runtime.workspace import remove

        remove(recorder.path)
    return error
