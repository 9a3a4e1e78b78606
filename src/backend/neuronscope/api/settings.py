"""What the server can be told. One row each; ``neuronscope serve --help`` says the same."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import neuronscope
from neuronscope.core.errors import BadRequest

MAX_BODY = 10 * 1024 * 1024
MAX_UPLOAD = 4 * 1024 * 1024 * 1024
FIRST_PORT = 5000


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without a port, means this machine only."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one server. Raises :class:`BadRequest` for a combination that would not be safe."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = FIRST_PORT
    """Port that is listened on; part of the cookie's name, so that two servers don't share one."""
    token: str | None = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """What a client must show; None switches the check off, on loopback only."""
    model_dirs: tuple[Path, ...] = ()
    """Folders whose models, and whose GGUF files, are listed as ``local/<name>``."""
    trusted: tuple[tuple[str, str], ...] = ()
    """Repositories of the hub, each with its full commit, whose own Python code may run."""
    dev_origin: str | None = None
    """One more origin that may call, for work on the page: ``http://localhost:3000``."""
    web: Path = field(default_factory=lambda: Path(neuronscope.__file__).parent / "web")
    """Folder of the built page."""
    max_body: int = MAX_BODY
    """Largest body of a request, in bytes."""
    max_upload: int = MAX_UPLOAD
    """Largest file that is taken in, in bytes."""

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise BadRequest(
                f"Without a token the server listens on this machine only, not on {self.host}.",
                "Leave out --no-token, or leave out --host.",
            )

    @property
    def cookie(self) -> str:
        """Name of the cookie that carries the token."""
        return f"neuronscope_{self.port}"

    @property
    def url(self) -> str:
        """Address of the page, with the token where there is one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if host in ("0.0.0.0", "[::]"):  # noqa: S104 — compared, not bound
            host = "127.0.0.1"
        plain = f"http://{host}:{self.port}/"
        return plain if self.token is None else f"{plain}?token={self.token}"
