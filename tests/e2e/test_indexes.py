"""Indexes: one is built over the bundled corpus, its table of all neurons is sorted and narrowed, and a row opens its neuron."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.sync_api import Page, expect

from support.browser import violations
from support.process import Program

pytestmark = pytest.mark.e2e
BUNDLED = "neuronscope/tiny"


def shown(page: Page) -> list[str]:
    """The names of the units that are drawn, from the top."""
    names: list[str] = page.get_by_test_id("neuron").evaluate_all(
        "rows => rows.sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map(row => row.cells[0].innerText)"
    )
    return names


def expect_rows(page: Page, wanted: list[str]) -> None:
    """Wait until the table begins with these: the rows before stay until the new ones are there."""
    for _ in range(100):
        if shown(page)[: len(wanted)] == wanted:
            return
        page.wait_for_timeout(100)
    assert shown(page)[: len(wanted)] == wanted


def names(running: Program, **query: str | int) -> list[str]:
    """What REST answers to the same."""
    answer = running.client.get("/api/neurons", params={"model_id": BUNDLED, **query}).json()
    return [f"{row['point']}.{row['layer']}:{row['unit']}" for row in answer["neurons"]]


def test_an_index_is_built_sorted_narrowed_and_leads_to_its_neurons(page: Page, running: Program) -> None:
    page.goto(f"{running.base}/indexes?model={BUNDLED}")
    page.get_by_label("Documents").fill("60")
    page.get_by_label("Contexts (k)").fill("7")
    page.get_by_role("button", name="Build", exact=True).click()
    built = page.get_by_test_id("index").filter(has=page.get_by_role("cell", name="7", exact=True))
    expect(built).to_be_visible(timeout=120_000)
    expect(page.get_by_test_id("neuron").first).to_be_visible()
    page.wait_for_url("**index=x_**")
    index = re.search(r"index=(x_\w+)", page.url)
    assert index is not None
    of = {"index_id": index[1], "limit": 12}
    expect_rows(page, names(running, sort="max", **of))

    page.get_by_role("button", name="fires on").click()
    expect(page.get_by_role("columnheader", name="fires on")).to_have_attribute("aria-sort", "descending")
    expect_rows(page, names(running, sort="firing_rate", **of))

    page.get_by_label("Strongest on").fill("e")
    page.get_by_label("Layer", exact=True).select_option("1")
    page.wait_for_url("**layers=1**")
    page.wait_for_url("**q=e**")
    wanted = names(running, sort="firing_rate", search="e", layers=1, **of)
    expect_rows(page, wanted)
    link = page.get_by_role("link", name="CSV").get_attribute("href")
    assert link is not None
    rows = list(csv.reader(io.StringIO(running.client.get(link).text)))[1:]
    assert [f"{point}.{layer}:{unit}" for point, layer, unit, *_ in rows][:12] == wanted
    assert violations(page) == []

    page.reload()
    expect_rows(page, wanted)
    page.get_by_test_id("neurons").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/neuron?**")
    expect(page.get_by_role("heading", name=wanted[1])).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_label("Strongest on")).to_have_value("")

    total = running.client.get("/api/neurons", params={"model_id": BUNDLED, "index_id": index[1]}).json()["found"]
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", str(total + 1))
    page.get_by_test_id("neurons").focus()
    page.keyboard.press("End")
    expect(page.locator(f'tr[aria-rowindex="{total + 1}"]')).to_have_attribute("data-testid", "neuron")
    rates = running.client.get(
        "/api/neurons", params={"index_id": index[1], "sort": "firing_rate", "offset": total - 1}
    ).json()["neurons"]
    assert shown(page)[-1] == f"mlp_act.{rates[0]['layer']}:{rates[0]['unit']}"

    built.get_by_role("button", name=re.compile("Delete")).click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(built).to_have_count(0)
    assert running.client.get("/api/neurons", params={"index_id": index[1]}).status_code == 404
