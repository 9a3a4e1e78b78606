"""Choosing and loading models: whatever a person does meanwhile, the page and the server agree in the end."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from support.browser import choose_model, open_options, run, violations
from support.process import Program

pytestmark = pytest.mark.e2e
BUNDLED, SLOW, HUGE = "neuronscope/tiny", "local/slow", "local/huge"


def entry(running: Program, model_id: str) -> dict[str, Any]:
    return next(one for one in running.get("/api/models")["models"] if one["model_id"] == model_id)


def loads(running: Program, model_id: str) -> list[dict[str, Any]]:
    jobs = running.get("/api/jobs")["jobs"]
    return [job for job in jobs if job["kind"] == "load" and job["model_id"] == model_id]


@pytest.fixture(autouse=True)
def plain(running: Program) -> Iterator[None]:
    """The bundled model in float32 and no other, before each test and after the last."""
    yield
    for one in running.get("/api/models")["models"]:
        if one["loaded"]:
            running.post("/api/models/unload", model_id=one["model_id"])
    running.post("/api/models/load", model_id=BUNDLED)


def loading(page: Page) -> Any:
    return page.get_by_role("region", name="Loading the model")


def test_a_load_cancelled_half_way_leaves_the_page_and_the_server_as_they_say(page: Page, running: Program) -> None:
    # Tests of other pages may have loaded it in this server.
    running.client.post("/api/models/unload", json={"model_id": SLOW})
    choose_model(page, BUNDLED)
    open_options(page, SLOW)
    page.get_by_role("radio", name="NF4").click()  # to quantize takes its time, so there is a half way
    page.get_by_role("dialog").get_by_role("button", name="Load", exact=True).click()
    expect(loading(page)).to_contain_text(re.compile(r"reading weights, \d.* of \d+ MB"))
    assert violations(page) == []
    page.reload()  # the job is found again
    loading(page).get_by_role("button", name=re.compile("^Cancel")).click()
    notice = page.get_by_role("status").filter(has_text=f"Loading {SLOW} was cancelled")
    expect(notice).to_be_visible()
    assert violations(page) == []
    assert loads(running, SLOW)[0]["state"] == "cancelled"
    assert not entry(running, SLOW)["loaded"]
    notice.get_by_role("button", name=f"Use {BUNDLED}").click()
    expect(page.get_by_label("Model", exact=True)).to_contain_text(BUNDLED)
    expect(notice).to_be_hidden()
    trace = run(page, "The capital of France is")
    assert running.get(f"/api/traces/{trace}")["model_id"] == BUNDLED


def test_a_double_click_loads_once_and_a_switch_leaves_a_running_capture_behind(page: Page, running: Program) -> None:
    before = len(loads(running, SLOW))
    page.goto(f"{running.base}/?model={SLOW}")
    notice = page.get_by_role("status").filter(has_text=f"{SLOW} is not loaded yet")
    notice.get_by_role("button", name="Load", exact=True).dblclick()
    expect(page.get_by_role("button", name="the same as Hugging Face")).to_be_visible(timeout=60_000)
    assert len(loads(running, SLOW)) == before + 1
    assert entry(running, SLOW)["loaded_as"]["parity"] == "holds"

    known = {trace["trace_id"] for trace in running.get("/api/traces")["traces"]}
    page.get_by_label("Prompt", exact=True).fill("One cat sat on a mat. " * 20)
    with page.expect_request(lambda request: request.url.endswith("/api/captures")):
        page.get_by_role("button", name="Run", exact=True).click()
    choose_model(page, BUNDLED)
    # The prompt runs again on the model that is chosen, and that run alone is shown.
    page.wait_for_url(re.compile("trace="))
    expect(page.get_by_test_id("heatmap")).to_be_visible()
    shown = parse_qs(urlsplit(page.url).query)
    assert shown["model"] == [BUNDLED]
    assert running.get(f"/api/traces/{shown['trace'][0]}")["model_id"] == BUNDLED
    _settled(running)
    assert parse_qs(urlsplit(page.url).query)["trace"] == shown["trace"]
    expect(page.get_by_label("Model", exact=True)).to_contain_text(BUNDLED)
    made = [t for t in running.get("/api/traces")["traces"] if t["trace_id"] not in known]
    assert {trace["model_id"] for trace in made} <= {BUNDLED, SLOW}


def _settled(running: Program) -> None:
    """Wait until the slow model has nothing left to do: unloading it waits for what still runs there."""
    running.post("/api/models/unload", model_id=SLOW)
    time.sleep(0.3)


def test_a_load_in_nf4_is_chosen_weighed_and_shown(page: Page, running: Program) -> None:
    choose_model(page, BUNDLED)
    before = run(page, "23+45=")
    open_options(page, BUNDLED)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Load anew")).to_be_disabled()
    dialog.get_by_role("radio", name="NF4").click()
    expect(dialog.get_by_text(re.compile("in NF4 of .* free on"))).to_be_visible()
    page.wait_for_timeout(300)
    assert violations(page) == []
    dialog.get_by_role("button", name="Load anew").click()
    expect(page.get_by_label("Model", exact=True)).to_contain_text("NF4")
    found = entry(running, BUNDLED)["loaded_as"]
    assert found["quantization"] == "nf4"
    assert found["parity"] == "holds"
    expect(page.get_by_role("button", name="the same as Hugging Face")).to_be_visible()
    # What float32 gave does not stay under NF4's name: the prompt ran again.
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("trace") not in (None, [before]))
    after = parse_qs(urlsplit(page.url).query)["trace"][0]
    assert running.get(f"/api/traces/{after}")["model_key"] != running.get(f"/api/traces/{before}")["model_key"]
    page.get_by_role("button", name=re.compile("in memory$")).click()
    panel = page.get_by_role("dialog", name="Models in memory")
    expect(panel).to_contain_text("NF4")
    assert violations(page) == []
    panel.get_by_role("button", name=f"Unload {BUNDLED}").click()
    expect(panel.get_by_role("button", name=f"Unload {BUNDLED}")).to_be_hidden()
    assert not entry(running, BUNDLED)["loaded"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_load_that_cannot_fit_is_refused_with_numbers(page: Page, running: Program, theme: str) -> None:
    if theme == "light":
        page.get_by_label("Switch to the light theme").click()
    choose_model(page, BUNDLED)
    choose_model(page, HUGE)
    alert = page.get_by_role("alert").filter(has_text=f"{HUGE} could not be loaded")
    expect(alert).to_contain_text(re.compile(r"needs about [\d.]+ GB .* [\d.]+ GB are free"))
    assert not entry(running, HUGE)["loaded"]
    assert violations(page) == []
    alert.get_by_role("button", name="Load options").click()
    dialog = page.get_by_role("dialog", name=f"Load options · {HUGE}")
    expect(dialog.get_by_role("alert")).to_contain_text("are free")
    expect(dialog.get_by_role("button", name="Load", exact=True)).to_be_disabled()
    dialog.get_by_role("button", name="Name its modules by hand").click()
    expect(dialog.get_by_label("mlp_out")).to_be_visible()
    page.wait_for_timeout(400)
    assert violations(page) == []
    page.keyboard.press("Escape")
    alert.get_by_role("button", name=f"Back to {BUNDLED}").click()
    expect(page.get_by_label("Model", exact=True)).to_contain_text(BUNDLED)
    expect(alert).to_be_hidden()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_precision_is_compared_neuron_by_neuron(page: Page, running: Program, theme: str) -> None:
    if theme == "light":
        page.get_by_label("Switch to the light theme").click()
    choose_model(page, BUNDLED)
    page.get_by_label("Model card").click()
    page.get_by_role("tab", name="Precision").click()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(re.compile("precision=p_"), timeout=90_000)
    expect(page.get_by_test_id("precision-result")).to_be_visible()
    shown = parse_qs(urlsplit(page.url).query)["precision"][0]
    worst = running.get(f"/api/precisions/{shown}/neurons", limit=1)["neurons"][0]
    row = page.get_by_test_id("precision-neurons").get_by_role("row").nth(1)
    expect(row).to_contain_text(f"mlp_act.{worst['layer']}:{worst['unit']}")
    expect(row).to_contain_text(f"{worst['correlation']:.3f}")
    expect(page.get_by_test_id("precision-scatter").locator(".nsewdrag")).to_be_visible()
    assert violations(page) == []
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV").click()
    lines = saved.value.path().read_text("utf-8").splitlines()
    assert len(lines) == 1 + running.get(f"/api/precisions/{shown}")["neurons"]
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name=f"mlp_act.{worst['layer']}:{worst['unit']}")).to_be_visible()
