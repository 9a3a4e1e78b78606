"""A chat server that answers what a test wrote, and remembers what it was asked. The shapes are those of the APIs' papers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """What is sent for one request: the parts one after another, and then the end, or a connection that breaks."""

    parts: Sequence[bytes | Callable[[], bytes]]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    breaks_off: bool = False
    """Ends without the last chunk, as a server that dies does."""


@dataclass
class Scripted:
    """A running server. Each POST takes the next of ``answers``; the last stays."""

    url: str
    answers: list[Answer]
    asked: list[dict[str, Any]] = field(default_factory=list)
    pages: dict[str, object] = field(default_factory=dict)
    """What a GET of a path answers."""
    gets: list[str] = field(default_factory=list)


@contextmanager
def scripted(*answers: Answer) -> Iterator[Scripted]:
    """Serve on a free port."""
    holder: list[Scripted] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            server = holder[0]
            server.gets.append(self.path)
            found = self.path in server.pages
            self._send(Answer([json.dumps(server.pages.get(self.path)).encode()], status=200 if found else 404))

        def do_POST(self) -> None:
            server = holder[0]
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append({"path": self.path, **body})
            self._send(server.answers.pop(0) if len(server.answers) > 1 else server.answers[0])

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Transfer-Encoding", "chunked")
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for part in answer.parts:
                data = part() if callable(part) else part
                if data:
                    self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                    self.wfile.flush()
            if answer.breaks_off:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that left; what the test looks at is elsewhere

    with Server(("127.0.0.1", 0), Handler) as server:
        holder.append(Scripted(f"http://127.0.0.1:{server.server_port}", list(answers)))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield holder[0]
        finally:
            server.shutdown()
            thread.join()


def event(data: object) -> bytes:
    """A server-sent event."""
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()) + b"\n\n"


def delta(text: str | None = None, finish: str | None = None, logprobs: object = None, **more: object) -> bytes:
    """A ``chat.completion.chunk`` as an event."""
    message = {**({} if text is None else {"content": text}), **more}
    choice = {"index": 0, "delta": message, "finish_reason": finish, "logprobs": logprobs}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})


def line(text: str = "", logprobs: object = None, done: str | None = None, **message: object) -> bytes:
    """A line of Ollama's ``/api/chat``."""
    said: dict[str, Any] = {"model": "m", "created_at": "2025-11-12T09:00:00Z", "done": done is not None}
    said["message"] = {"role": "assistant", "content": text, **message}
    if logprobs is not None:
        said["logprobs"] = logprobs
    if done is not None:
        said |= {"done_reason": done, "eval_count": 3, "prompt_eval_count": 12}
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def listed(token: str, logprob: float, *others: tuple[str, float]) -> dict[str, Any]:
    """A token of a list of log-probabilities, with the likeliest ones."""
    top = [{"token": text, "logprob": value, "bytes": list(text.encode())} for text, value in others]
    return {"token": token, "logprob": logprob, "bytes": list(token.encode()), "top_logprobs": top}
