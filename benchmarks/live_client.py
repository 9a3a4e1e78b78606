"""A client of the live socket in a process of its own: for each line on its input one run, read to its end as a page would.

With ``stalled`` in the line, that many other connections ask for the run's frames and read none of them.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from typing import Any

import msgpack
from websockets.sync.client import ClientConnection, connect

CREDITS = 16


def main(address: str, token: str) -> None:
    options: dict[str, Any] = {
        "additional_headers": {"Authorization": f"Bearer {token}"},
        "max_size": None,
        "compression": None,
    }
    with connect(address, **options) as socket:
        for line in sys.stdin:
            asked = json.loads(line)
            with ExitStack() as stack:
                count = asked.pop("stalled", 0)
                stalled = [stack.enter_context(connect(address, max_queue=1, **options)) for _ in range(count)]
                found = run(socket, asked, stalled)
                for other in stalled:
                    other.close_socket()
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


def run(socket: ClientConnection, asked: dict[str, Any], stalled: list[ClientConnection]) -> dict[str, Any]:
    """One run to its end: its last event, with the steps that came and how many of them held payloads."""
    socket.send(msgpack.packb({"type": "generate", **asked}))
    steps = payloads = 0
    while True:
        event: dict[str, Any] = msgpack.unpackb(socket.recv())
        if event["type"] == "start":
            for other in stalled:
                other.send(msgpack.packb({"type": "credit", "frames": 1000}))
                other.send(msgpack.packb({"type": "watch", "trace_id": event["trace_id"], "from_step": 0}))
        elif event["type"] == "step":
            steps += 1
            payloads += any(entry["payload"] is not None for entry in event["entries"])
            if steps % CREDITS == 0:
                socket.send(msgpack.packb({"type": "credit", "frames": CREDITS}))
        elif event["type"] in ("done", "error"):
            return {**event, "steps": steps, "payloads": payloads}


if __name__ == "__main__":
    main(*sys.argv[1:])
