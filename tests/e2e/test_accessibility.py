"""axe finds nothing, in either theme, on any view, empty and full."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from support.browser import choose_model, run, violations
from support.process import Program

pytestmark = pytest.mark.e2e


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
    page.goto(f"{running.base}/indexes?model=local/tiny")
    expect(page.get_by_role("heading", name="New index")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Model card").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_timeout(400)
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Model", exact=True).click()
    expect(page.get_by_label("Search models")).to_be_visible()
    assert violations(page) == []
