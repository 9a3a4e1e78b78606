"""A viewer of the LLMRI socket, written from the contract alone: four bytes of length, and JSON."""

from __future__ import annotations

import json
import socket
import struct
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class Viewer:
    """A connection that reads and says messages."""

    def __init__(self, port: int, seconds: float = 20) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)

    def say(self, **message: Any) -> None:
        """One message as JSON."""
        self.say_bytes(json.dumps(message).encode())

    def say_bytes(self, body: bytes, length: int | None = None) -> None:
        """Any bytes as a message, with a length that need not be theirs."""
        self.socket.sendall(struct.pack(">I", len(body) if length is None else length) + body)

    def read(self) -> dict[str, Any]:
        """The next message. Raises ``ConnectionError`` where the other side has closed."""
        (length,) = struct.unpack(">I", self._exactly(4))
        found: dict[str, Any] = json.loads(self._exactly(length))
        return found

    def until(self, kind: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The next message of a kind, and those before it."""
        before = []
        while (message := self.read())["type"] != kind:
            before.append(message)
        return message, before

    def scans(self, count: int) -> list[dict[str, Any]]:
        """The next so many scans, whatever is said in between."""
        return [self.until("scan")[0] for _ in range(count)]

    def ended(self) -> bool:
        """Whether the other side closes now, without a further word."""
        try:
            self.read()
        except (ConnectionError, TimeoutError) as error:
            return isinstance(error, ConnectionError)
        return False

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the other side closed")
            data += part
        return data


def values(scan: dict[str, Any]) -> NDArray[np.float32]:
    """The activations of a scan."""
    return np.frombuffer(bytes.fromhex(scan["activations"]), dtype="<f4")
