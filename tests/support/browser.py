"""What a person does in the page, for tests and for pictures."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect


def choose_model(page: Page, model_id: str) -> None:
    page.get_by_label("Model", exact=True).click()
    page.get_by_label("Search models").fill(model_id)
    page.get_by_role("option", name=model_id).first.click()
    expect(page.get_by_label("Model", exact=True)).to_contain_text(model_id)


def run(page: Page, prompt: str) -> str:
    """Run a prompt; the trace that the address then names."""
    before = parse_qs(urlsplit(page.url).query).get("trace")
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("trace") not in (None, before))
    expect(page.get_by_test_id("heatmap")).to_be_visible()
    return parse_qs(urlsplit(page.url).query)["trace"][0]
