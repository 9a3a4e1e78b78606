"""``neuronscope view``: a recorded run again, in the terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import click

from neuronscope.cli.common import find_trace, json_option, show

OTHERS = 3
"""Tokens that were likely too, of which a line tells."""
LIKELY = 0.005
"""Probability from which on they count as likely."""


@click.command()
@click.argument("trace")
@click.option("--from", "first", type=click.IntRange(0), default=0, show_default=True, help="The first step to show.")
@click.option("--speed", type=float, help="Steps a second [default: as fast as they are read].")
@json_option
def command(trace: str, first: int, speed: float | None, as_json: bool) -> None:
    """Replay TRACE (an id or a file): each token as it came, its probability, and what was likely too.

    With --json each event is a line, without the values that it kept.
    """
    from neuronscope.traces.replay import replay

    try:
        with find_trace(trace) as opened:
            for line in _lines(replay(opened, first, speed), as_json):
                click.echo(line)
                sys.stdout.flush()
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def _lines(events: Iterator[dict[str, Any]], as_json: bool) -> Iterator[str]:
    for event in events:
        yield from [_json(event)] if as_json else _TELLS.get(event["type"], _nothing)(event)


def _start(event: dict[str, Any]) -> Iterator[str]:
    yield f"{event['model_id']}, {len(event['tokens'])} tokens before the first step"
    yield show("".join(token["text"] for token in event["tokens"] if not token["special"]))


def _step(event: dict[str, Any]) -> Iterator[str]:
    chosen = event["token_id"]
    others = [one for one in event["top"] if one["id"] != chosen and (chosen is None or _is_likely(one))][:OTHERS]
    beside = "  ".join(f"{show(one['text'])} {_share(one['logprob'], 0)}" for one in others)
    if chosen is None:
        yield f"{event['step']:>5}  read {event['t_add']} tokens; likely next: {beside}"
        return
    yield f"{event['step']:>5}  {_share(event['logprob'], 1):>6}  {show(event['token']):<16}  {beside}".rstrip()


def _is_likely(one: dict[str, Any]) -> bool:
    return one["logprob"] is None or math.exp(one["logprob"]) >= LIKELY


def _share(logprob: float | None, digits: int) -> str:
    """A probability as a person reads it; chat servers don't always give one."""
    return "?" if logprob is None else f"{math.exp(logprob):.{digits}%}"


def _receipt(event: dict[str, Any]) -> Iterator[str]:
    for one in event["interventions"]:
        done = f"changed by {one['delta_l2']:.4g}" if one["fired"] else one.get("note", "did not fire")
        yield f"{'':>5}  {show(one['id'])}: {done}"


def _end(event: dict[str, Any]) -> Iterator[str]:
    yield f"ended by {event['reason']}" if event["type"] == "done" else f"failed: {event['message']}"


def _nothing(_event: dict[str, Any]) -> Iterator[str]:
    yield from ()


_TELLS = {"start": _start, "step": _step, "receipt": _receipt, "done": _end, "error": _end}


def _json(event: dict[str, Any]) -> str:
    import json

    kept = [{k: v for k, v in entry.items() if k != "payload"} for entry in event.get("entries", ())]
    return json.dumps({**event, "entries": kept} if "entries" in event else event, ensure_ascii=False)
