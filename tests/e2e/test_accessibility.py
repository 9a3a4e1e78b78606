"""axe finds nothing, in either theme, on any view, empty and full."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.browser import choose_model, run
from support.process import Program

pytestmark = pytest.mark.e2e
AXE = Path(__file__).resolve().parents[2] / "src" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
FIND = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .map(v => `${v.id}: ${v.help} (${v.nodes.length}) ${v.nodes[0].html.slice(0, 200)}`)"""


def violations(page: Page) -> list[str]:
    page.mouse.move(720, 895)  # off every control, so that no tooltip is half open
    page.wait_for_timeout(300)
    # Injected through the protocol, since the page's own policy lets no foreign script in.
    page.evaluate(AXE.read_text("utf-8"))
    found: list[str] = page.evaluate(FIND)
    return found


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing(page: Page, running: Program, theme: str) -> None:
    choose_model(page, "local/tiny")
    if theme == "light":
        page.get_by_label("Switch to the light theme").click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", theme)
    assert violations(page) == []
    run(page, "Hello, cat")
    assert violations(page) == []
    page.get_by_role("tab", name="Scatter").click()
    page.get_by_role("button", name="Draw the scatter").click()
    expect(page.get_by_test_id("scatter")).to_be_visible(timeout=60_000)
    assert violations(page) == []
    page.get_by_role("tab", name="Layers").click()
    assert violations(page) == []
    page.goto(f"{running.base}/neuron?model=local/tiny&unit=mlp_act.1:3")
    expect(page.get_by_role("heading", name="mlp_act.1:3")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Model statistics").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_timeout(400)
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Model", exact=True).click()
    expect(page.get_by_label("Search models")).to_be_visible()
    assert violations(page) == []
