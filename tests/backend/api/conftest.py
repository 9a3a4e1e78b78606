"""A real server over two tiny random models, shared by the tests of the REST interface."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from neuronscope.api.server import listen, make_server
from neuronscope.api.services import Services
from neuronscope.api.settings import Settings
from neuronscope.runtime.workspace import Workspace

TOKEN = "correct-horse"


@dataclass(frozen=True)
class Running:
    """A server that answers, and a client that shows its token."""

    settings: Settings
    services: Services
    client: httpx.Client

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def wait(self, job: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        """The job once it has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer: dict[str, Any] = self.client.get(f"/api/jobs/{job['job_id']}").json()
            if answer["state"] not in ("queued", "running"):
                return answer
            time.sleep(0.02)
        raise AssertionError(f"the job did not end: {answer}")


@contextmanager
def serving(settings: Settings, workspace: Workspace) -> Iterator[Running]:
    """Run a server in a thread."""
    listener = listen(settings.host, 0)
    settings = replace(settings, port=listener.getsockname()[1])
    services = Services(settings, workspace)
    ready = threading.Event()
    server = make_server(services, ready.set)
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    assert ready.wait(10)
    headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{settings.port}", headers=headers, timeout=60, trust_env=False
        ) as client:
            yield Running(settings, services, client)
    finally:
        server.should_exit = True
        thread.join(10)
        services.close()
        listener.close()


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built page: an index and one hashed asset."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!doctype html><title>page</title>", encoding="utf-8")
    (folder / "assets" / "index-abc123.js").write_text("export {}\n" * 200_000, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def server(tiny_models: Path, page_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server that most tests talk to."""
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    with serving(Settings(token=TOKEN, model_dirs=(tiny_models,), web=page_folder), workspace) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Running) -> httpx.Client:
    """A client with the token."""
    return server.client


@pytest.fixture(scope="session")
def trace(client: httpx.Client) -> dict[str, Any]:
    """A capture of ``Hi there, you`` on ``local/one``."""
    answer = client.post("/api/captures", json={"model_id": "local/one", "prompt": "Hi there, you"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.fixture
def serve_with(tmp_path: Path, page_folder: Path) -> Callable[..., Any]:
    """Start a server of one's own with other settings."""

    def start(**fields: Any) -> Any:
        return serving(Settings(**{"web": page_folder, "token": TOKEN, **fields}), Workspace(tmp_path / "own"))

    return start


@pytest.fixture(scope="session")
def long_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``long`` and ``other``: models whose runs last until they are stopped."""
    from support.live import save_long

    folder = tmp_path_factory.mktemp("long")
    save_long(folder / "long", seed=1)
    save_long(folder / "other", seed=2)
    return folder


@pytest.fixture(scope="session")
def live(long_models: Path, page_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server over them."""
    workspace = Workspace(tmp_path_factory.mktemp("live"))
    with serving(Settings(token=TOKEN, model_dirs=(long_models,), web=page_folder), workspace) as running:
        yield running
