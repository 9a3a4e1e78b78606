"""Take the pictures in ``images/`` from the running program, so that they can't lie: bundled model, dark theme, 1440 × 900.

Needs the built page and chromium; `make screenshots` brings both.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.browser import run  # noqa: E402  # the tests' helpers do what a person does
from support.process import Program, program  # noqa: E402

IMAGES = ROOT / "images"
PROMPT = "What is 23 + 45? 23 + 45 = 68. The capital of France is Paris. The cow says moo."


def take(page: Page, program_: Program) -> None:
    """Walk the way of the README and take a picture at each stop."""
    run(page, PROMPT)
    settle(page)
    picture(page, "neuronscope_1")
    page.get_by_label("Layer 3").click()
    page.evaluate("window.scrollTo(0, 0)")
    settle(page)
    picture(page.locator("section", has=page.get_by_test_id("heatmap")).first, "heatmap-example")
    picture(page.locator("section", has=page.get_by_role("heading", name="All layers")).first, "multi-layer-example")
    page.get_by_role("tab", name="Layers").click()
    settle(page)
    picture(page, "summary-example")
    program_.post("/api/indexes", corpus="bundled")
    page.reload()
    page.get_by_role("tab", name="Scatter").click()
    source = page.get_by_label("Activations of")
    expect(source.locator("option")).to_have_count(2)  # this prompt, and the sample of the one index
    source.select_option(index=1)
    page.get_by_role("button", name="Draw the scatter").click()
    expect(page.get_by_test_id("scatter")).to_be_visible(timeout=120_000)
    settle(page)
    picture(page, "scatter-example")
    page.goto(f"{program_.base}/indexes")
    expect(page.get_by_role("gridcell").first).to_be_visible(timeout=20_000)
    settle(page)
    picture(page, "indexes-example")
    page.goto(f"{program_.base}/live")
    page.get_by_role("button", name="What is the capital of France?", exact=True).click()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=60_000)
    settle(page)
    picture(page, "live-example")
    page.goto(f"{program_.base}/neuron?unit=mlp_act.2:42")
    expect(page.get_by_test_id("context").first).to_be_visible()
    settle(page)
    picture(page, "neuron-example")
    page.get_by_label("Model card").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    settle(page)
    picture(page, "model-stats1")


def settle(page: Page) -> None:
    """Let what moves come to rest, with the pointer off every control."""
    page.mouse.move(720, 899)
    page.wait_for_timeout(1200)


def picture(place: Page | Locator, name: str) -> None:
    """Write one picture; a part of the page is taken from below the bar at its top, which stays in view."""
    if isinstance(place, Locator):
        place.page.set_viewport_size({"width": 1440, "height": 1500})
    place.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
    if isinstance(place, Locator):
        place.page.set_viewport_size({"width": 1440, "height": 900})
    print(f"images/{name}.png")


def main() -> None:
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        raise SystemExit("No chromium was found; install it, then try again.")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, program(Path(home)) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
        page.goto(running.url)
        take(page, running)
        browser.close()


if __name__ == "__main__":
    main()
