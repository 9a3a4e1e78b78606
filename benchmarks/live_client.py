"""A client of the live socket in a process of its own: for each line on its input one run, read to its end as a page would."""

from __future__ import annotations

import json
import sys
import time

import msgpack
from websockets.sync.client import connect

CREDITS = 16


def main(address: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    with connect(address, additional_headers=headers, max_size=None, compression=None) as socket:
        for line in sys.stdin:
            begun = time.perf_counter()
            socket.send(msgpack.packb({"type": "generate", **json.loads(line)}))
            steps = payloads = 0
            while True:
                event = msgpack.unpackb(socket.recv())
                if event["type"] == "step":
                    steps += 1
                    payloads += any(entry["payload"] is not None for entry in event["entries"])
                    if steps % CREDITS == 0:
                        socket.send(msgpack.packb({"type": "credit", "frames": CREDITS}))
                elif event["type"] in ("done", "error"):
                    break
            seconds = time.perf_counter() - begun
            found = {
                "seconds": seconds,
                "steps": steps,
                "payloads": payloads,
                "trace_id": event.get("trace_id"),
                **event,
            }
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
