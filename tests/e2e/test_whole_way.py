"""The whole way of a newcomer: a model, a prompt, a cell, a neuron, its contexts, another model, and back by the address."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import numpy
import pytest
from playwright.sync_api import Page, expect

from support.browser import choose_model, run
from support.process import Program

pytestmark = pytest.mark.e2e
BUNDLED, TINY = "neuronscope/tiny", "local/tiny"
PROMPT = "The capital of France is Paris."


def hover_middle(page: Page) -> tuple[str, int, float]:
    """Point at a cell; the unit, the token's position and the value that the page then shows."""
    page.wait_for_selector("[data-testid=heatmap] .nsewdrag")
    box = page.locator("[data-testid=heatmap] .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5, steps=4)
    page.wait_for_timeout(500)  # the picture follows the pointer a few times a second
    readout = page.get_by_test_id("heatmap-readout")
    expect(readout).to_contain_text("mlp_act.")
    found = re.search(r"(mlp_act\.\d+:\d+) · token (\d+)", readout.inner_text())
    assert found is not None
    return found[1], int(found[2]), float(page.get_by_test_id("heatmap-value").inner_text())


def test_a_newcomer_goes_the_whole_way(page: Page, running: Program) -> None:
    assert "token" not in parse_qs(urlsplit(page.url).query)
    choose_model(page, BUNDLED)
    trace = run(page, PROMPT)

    unit, position, shown = hover_middle(page)
    address, index = unit.split(":")
    answer = running.client.get(f"/api/traces/{trace}/heatmap", params={"address": address, "top": 50}).json()
    assert numpy.float32(answer["values"][answer["units"].index(int(index))][position]) == numpy.float32(shown)

    page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**/neuron?**")
    expect(page.get_by_role("heading", name=unit)).to_be_visible()

    page.get_by_label("Documents").fill("150")
    page.get_by_role("button", name="Build", exact=True).click()
    expect(page.get_by_test_id("context").first).to_be_visible(timeout=120_000)
    layer = address.removeprefix("mlp_act.")
    top = running.client.get("/api/neurons/top", params={"model_id": BUNDLED, "layer": layer, "unit": index}).json()
    first = page.get_by_test_id("context-activation").first
    assert numpy.float32(first.get_attribute("data-value") or "nan") == numpy.float32(top["contexts"][0]["activation"])
    expect(page.get_by_test_id("contexts")).to_contain_text(
        top["contexts"][0]["tokens"][top["contexts"][0]["peak"]].strip()
    )
    here = page.url

    choose_model(page, TINY)
    page.goto(here)
    expect(page.get_by_label("Model", exact=True)).to_contain_text(BUNDLED)
    expect(page.get_by_role("heading", name=unit)).to_be_visible()
    expect(page.get_by_test_id("context").first).to_be_visible()


def test_a_reload_and_back_keep_the_picture(page: Page) -> None:
    choose_model(page, TINY)
    trace = run(page, "Hello, cat")
    page.reload()
    expect(page.get_by_test_id("heatmap")).to_be_visible()
    assert trace in page.url
    page.get_by_test_id("heatmap").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/neuron?**")
    page.go_back()
    expect(page.get_by_test_id("heatmap")).to_be_visible()
    assert trace in page.url


def test_a_text_of_ones_own_shows_the_values_that_rest_gives(page: Page, running: Program) -> None:
    page.goto(f"{running.base}/neuron?model={TINY}&unit=mlp_act.1:7")
    page.get_by_label("Text to try").fill("One cat")
    answer = running.client.post(
        "/api/neurons/activations", json={"model_id": TINY, "layer": 1, "unit": 7, "text": "One cat"}
    ).json()
    expect(page.get_by_test_id("probe")).to_contain_text(re.compile(r"highest on “.*”: -?\d"))
    shown = re.search(r"highest on “.*”: (\S+)", page.get_by_test_id("probe").inner_text())
    assert shown is not None
    assert numpy.float32(shown[1]) == numpy.float32(max(answer["activations"][1:]))


def test_neurons_as_points_coloured_by_cluster(page: Page) -> None:
    choose_model(page, TINY)
    run(page, "Some words to look at")
    page.get_by_role("tab", name="Scatter").click()
    page.get_by_role("button", name="Draw the scatter").click()
    expect(page.get_by_test_id("scatter")).to_be_visible(timeout=60_000)


def test_a_prompt_beyond_the_context_says_so_and_loses_nothing(page: Page) -> None:
    choose_model(page, TINY)
    page.get_by_label("Prompt", exact=True).fill("word " * 40)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(re.compile("reads at most 64"))).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("word " * 40)


def test_without_the_token_the_page_asks_for_it(page: Page, running: Program) -> None:
    page.context.clear_cookies()
    with page.expect_response(lambda answer: answer.status == 401):
        page.goto(running.base)
    expect(page.get_by_text(re.compile("needs its key", re.IGNORECASE))).to_be_visible()
