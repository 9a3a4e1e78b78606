"""A client of the live socket in a process of its own: for each line on its input one run, read to its end as a page would.

With ``stalled`` in the line, that many other connections ask for the run's frames and read none of them.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import msgpack
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

CREDITS = 16
MOST_READ = 1 << 20


class Connection:
    """The protocol on a socket of this thread: a library's own reader would be one thread more beside the model's."""

    def __init__(self, address: str, token: str) -> None:
        uri = parse_uri(address)
        self._socket = socket.create_connection((uri.host, uri.port))
        self._protocol = ClientProtocol(uri, max_size=None)
        request = self._protocol.connect()
        request.headers["Authorization"] = f"Bearer {token}"
        self._protocol.send_request(request)
        self._flush()
        self._incoming = self._events()
        next(self._incoming)
        assert self._protocol.handshake_exc is None, self._protocol.handshake_exc

    def send(self, message: dict[str, Any]) -> None:
        """One frame out."""
        self._protocol.send_binary(msgpack.packb(message))
        self._flush()

    def receive(self) -> dict[str, Any]:
        """The next message; one that was sent in several frames is put together."""
        parts: list[bytes] = []
        for event in self._incoming:
            if isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.CONT):
                parts.append(bytes(event.data))
                if event.fin:
                    found: dict[str, Any] = msgpack.unpackb(b"".join(parts))
                    return found
        raise ConnectionError("the server ended the connection")

    def _events(self) -> Iterator[object]:
        while data := self._socket.recv(MOST_READ):
            self._protocol.receive_data(data)
            self._flush()
            yield from self._protocol.events_received()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._socket.sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def main(address: str, token: str) -> None:
    with Connection(address, token) as connection:
        for line in sys.stdin:
            asked = json.loads(line)
            with ExitStack() as stack:
                count = asked.pop("stalled", 0)
                stalled = [stack.enter_context(Connection(address, token)) for _ in range(count)]
                found = run(connection, asked, stalled)
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


def run(connection: Connection, asked: dict[str, Any], stalled: list[Connection]) -> dict[str, Any]:
    """One run to its end: its last event, with the steps that came and how many of them held payloads."""
    connection.send({"type": "generate", **asked})
    steps = payloads = 0
    while True:
        event = connection.receive()
        if event["type"] == "start":
            for other in stalled:
                other.send({"type": "credit", "frames": 1000})
                other.send({"type": "watch", "trace_id": event["trace_id"], "from_step": 0})
        elif event["type"] == "step":
            steps += 1
            payloads += any(entry["payload"] is not None for entry in event["entries"])
            if steps % CREDITS == 0:
                connection.send({"type": "credit", "frames": CREDITS})
        elif event["type"] in ("done", "error"):
            return {**event, "steps": steps, "payloads": payloads}


if __name__ == "__main__":
    main(*sys.argv[1:])
