"""A real server with a handful of models, and a real browser: Debian's chromium, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from support.large import save_huge, save_slow
from support.process import Program, program
from support.tokenizers import save_tiny

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "src" / "backend" / "neuronscope" / "web" / "index.html"
# A first prompt waits for torch, which a busy machine takes its time to import.
expect.set_options(timeout=20_000)
# A closed network refuses what the browser would ask in the background, many at a time.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    assert PAGE.is_file(), "the page is not built; run `make page`"
    folder = tmp_path_factory.mktemp("e2e")
    save_tiny(folder / "models" / "tiny")
    save_slow(folder / "models" / "slow")
    save_huge(folder / "models" / "huge")
    with program(folder / "home", ["--model-dir", str(folder / "models")]) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    binary = next((b for name in ("chromium", "chromium-browser", "google-chrome") if (b := shutil.which(name))), None)
    if binary is None:
        pytest.skip("no chromium on this machine; `apt install chromium` brings it")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=binary, args=list(QUIET))
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, running: Program) -> Iterator[Page]:
    """A fresh window that came in by the printed address. Any error on the page's console fails its test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    errors: list[str] = []
    found = context.new_page()
    found.set_default_timeout(60_000)
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.on("console", lambda message: errors.append(message.text) if _is_fault(message) else None)
    found.goto(running.url)
    yield found
    context.close()
    assert not errors


def _is_fault(message: ConsoleMessage) -> bool:
    # The browser itself reports each refused request; what the page makes of one is what the tests look at.
    own = ("Failed to load resource", "WebSocket connection to")
    return message.type == "error" and not message.text.startswith(own)
