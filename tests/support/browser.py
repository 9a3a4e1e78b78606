"""What a person does in the page, for tests and for pictures."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

AXE = Path(__file__).resolve().parents[2] / "src" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
FIND = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .map(v => `${v.id}: ${v.help} (${v.nodes.length}) ${v.nodes[0].html.slice(0, 200)}`)"""


def choose_model(page: Page, model_id: str) -> None:
    page.get_by_label("Model", exact=True).click()
    page.get_by_label("Search models").fill(model_id)
    page.get_by_role("option", name=model_id).first.click()
    expect(page.get_by_label("Model", exact=True)).to_contain_text(model_id)


def open_options(page: Page, model_id: str) -> None:
    """The load options of a model, by its row's own keys."""
    page.get_by_label("Model", exact=True).click()
    page.get_by_label("Search models").fill(model_id)
    expect(page.get_by_role("option", name=model_id).first).to_be_visible()
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_role("dialog", name=f"Load options · {model_id}")).to_be_visible()


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it stands."""
    page.mouse.move(720, 895)  # off every control, so that no tooltip is half open
    page.wait_for_timeout(300)
    # Injected through the protocol, since the page's own policy lets no foreign script in.
    page.evaluate(AXE.read_text("utf-8"))
    found: list[str] = page.evaluate(FIND)
    return found


def run(page: Page, prompt: str) -> str:
    """Run a prompt; the trace that the address then names."""
    before = parse_qs(urlsplit(page.url).query).get("trace")
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("trace") not in (None, before))
    expect(page.get_by_test_id("heatmap")).to_be_visible()
    return parse_qs(urlsplit(page.url).query)["trace"][0]
