"""A neuron's page in full: what REST tells of it is what a person sees, through a reload, a group and another index."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy
import pytest
from playwright.sync_api import Page, expect

from support.process import Program

pytestmark = pytest.mark.e2e
BUNDLED = "neuronscope/tiny"
UNIT = "mlp_act.2:42"


@pytest.fixture(scope="module")
def indexes(running: Program) -> Iterator[list[str]]:
    """Two indexes of the bundled model: one of all that the page can show, and one of fewer documents to compare with."""
    asked = ({"documents": 60, "k": 8, "points": ["mlp_act", "head_norm"]}, {"documents": 40, "k": 8})
    found = [
        str(running.post("/api/indexes", model_id=BUNDLED, corpus="bundled", **body)["result"]["index_id"])
        for body in asked
    ]
    yield found
    for index_id in found:
        running.client.delete(f"/api/indexes/{index_id}")


def shown(text: str) -> str:
    """A token as the page draws it."""
    return text.replace(" ", "·").replace("\n", "↵")


def test_a_neuron_shows_what_rest_tells_of_it(page: Page, running: Program, indexes: list[str]) -> None:
    one, other = indexes
    of = {"model_id": BUNDLED, "unit": UNIT}
    page.goto(f"{running.base}/neuron?model={BUNDLED}&unit={UNIT}&index={one}")
    spread = running.get("/api/neurons/examples", **of, index_id=one)["spread"]
    expect(page.get_by_test_id("histogram")).to_have_attribute(
        "aria-label", re.compile(rf"Histogram of {spread['tokens']} tokens")
    )
    wrote = running.get("/api/neurons/writes", **of, k=8)
    rows = page.get_by_test_id("writes").get_by_role("listitem")
    expect(rows).to_have_count(16)
    for row, token in zip(rows.all(), [*wrote["top"], *wrote["bottom"]], strict=True):
        expect(row).to_contain_text(shown(token["token"]))

    page.get_by_label("Shorten context 1", exact=True).click()
    found = page.get_by_test_id("shortest-tokens")
    expect(found).to_be_visible(timeout=120_000)
    text = found.text_content() or ""
    job = next(job for job in running.get("/api/jobs")["jobs"] if job["kind"] == "shortest")
    result = running.get(f"/api/jobs/{job['job_id']}")["result"]
    assert text == "".join(map(shown, result["tokens"]))
    assert result["after"] >= 0.8 * result["before"]
    page.reload()
    expect(found).to_have_text(text)

    page.get_by_label("Compare with").select_option(other)
    compared = running.get("/api/neurons/compare", unit=UNIT, index_id=one, other_index_id=other, k=8)
    places = f"{compared['shared_places']} of {compared['kept']}" if compared["same_corpus"] else "%"
    expect(page.get_by_test_id("comparison")).to_contain_text(places)

    page.get_by_text("Near zero").click()
    near = running.get("/api/neurons/examples", **of, index_id=one, band="near_zero", k=20)["examples"]
    expect(page.get_by_label("Shorten context 1", exact=True)).to_have_count(0)
    values = page.get_by_test_id("context-activation")
    expect(values).to_have_count(len(near))
    told = [numpy.float32(value.get_attribute("data-value") or "nan") for value in values.all()]
    assert told == [numpy.float32(place["activation"]) for place in near]


def test_a_group_is_saved_from_neighbours_and_opened(page: Page, running: Program, indexes: list[str]) -> None:
    page.goto(f"{running.base}/neuron?model={BUNDLED}&unit={UNIT}&index={indexes[0]}")
    page.get_by_role("button", name="Find its neighbours").click()
    near = running.get(
        "/api/neurons/neighbours", model_id=BUNDLED, unit=UNIT, index_id=indexes[0], k=10, point="mlp_act"
    )["neighbours"]
    mates = [f"{one['point']}.{one['layer']}:{one['unit']}" for one in near[:2]]
    for mate in mates:
        page.get_by_label(f"Choose {mate}", exact=True).check()
    page.get_by_role("button", name="Save with 2 neighbours").click()
    page.get_by_label("Name").fill("digits of sums")
    page.get_by_role("button", name="Save 3 units").click()
    page.get_by_role("link", name="Open the group").click()
    page.wait_for_url("**group=g_**")
    expect(page.get_by_test_id("members").get_by_role("link")).to_have_text([UNIT, *mates])

    page.get_by_role("button", name="Find what drives them together").click()
    expect(page.get_by_test_id("certainty")).to_be_visible(timeout=120_000)
    page.reload()
    expect(page.get_by_test_id("certainty")).to_be_visible()
    job = next(job for job in running.get("/api/jobs")["jobs"] if job["kind"] == "together")
    result = running.get(f"/api/jobs/{job['job_id']}")["result"]
    expect(page.get_by_test_id("context")).to_have_count(len(result["contexts"]))
    page.get_by_label("Jobs").click()
    expect(page.get_by_role("link", name=re.compile("Open: Index of")).first).to_have_attribute(
        "href", re.compile(r"/indexes\?.*index=x_")
    )
    page.keyboard.press("Escape")
    page.get_by_label("Rename the group digits of sums").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("sums")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="sums", exact=True)).to_be_visible()
    page.get_by_label("Delete the group sums").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Which neuron?")).to_be_visible()
    assert running.get("/api/groups", model_id=BUNDLED)["groups"] == []


def test_the_table_leads_to_a_head(page: Page, running: Program, indexes: list[str]) -> None:
    page.goto(f"{running.base}/indexes?model={BUNDLED}&index={indexes[0]}&point=head_norm")
    link = page.get_by_role("link", name=re.compile(r"head_norm\.\d:\d")).first
    unit = link.inner_text()
    link.click()
    expect(page.get_by_role("heading", name=unit)).to_be_visible()
    expect(page.get_by_test_id("context").first).to_be_visible()
    expect(page.get_by_text(re.compile("head_norm is not added to the residual stream"))).to_be_visible()


def test_a_neuron_is_steered_in_live_from_its_page(page: Page, running: Program, indexes: list[str]) -> None:
    older = indexes[0]
    page.goto(f"{running.base}/neuron?model={BUNDLED}&unit={UNIT}&index={older}&band=lowest")
    lowest = running.get(
        "/api/neurons/examples", model_id=BUNDLED, unit=UNIT, index_id=older, band="quantile", low=0, high=0.05, k=20
    )["examples"]
    first = page.get_by_test_id("context-activation").first
    expect(first).to_be_visible()
    assert float(first.get_attribute("data-value") or "nan") == pytest.approx(lowest[-1]["activation"], rel=1e-8)
    page.get_by_role("button", name="Steer it in Live").click()
    page.get_by_role("menuitem", name="Ablate").click()
    expect(page.get_by_text(f"{UNIT} = 0")).to_be_visible()
    expect(page.get_by_text("goes with the next message")).to_be_visible()
    assert "steer=" not in page.url
    page.get_by_role("button", name="What is the capital of France?", exact=True).click()
    expect(page.get_by_text(re.compile(r"changed 1 unit at \d+ position"))).to_be_visible()
