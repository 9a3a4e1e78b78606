"""Live's page on real runs: in windows of any height, with protected units, tiles, a pace, long talks and recorded runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from neuronscope.traces.payloads import decode
from support.browser import violations
from support.process import Program

pytestmark = pytest.mark.e2e
BUNDLED = "neuronscope/tiny"
SIZES = [(1440, 900), (1366, 768), (1280, 650), (1000, 600)]


def generated(running: Program, **asked: Any) -> str:
    """A run to its end; its trace."""
    trace: str = running.client.post("/api/generations", json={"model_id": BUNDLED, **asked}).json()["trace_id"]
    while running.get(f"/api/generations/{trace}")["state"] != "ended":
        pass
    return trace


def step_of(running: Program, trace: str, number: int) -> dict[str, Any]:
    answer = running.client.get(f"/api/traces/{trace}/steps/{number}").raise_for_status()
    found: dict[str, Any] = msgpack.unpackb(answer.content)
    return found


def in_sight(page: Page, what: Locator) -> bool:
    box, size = what.bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    return box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


def test_the_view_fits_the_window_and_what_is_longer_scrolls_inside(page: Page, running: Program) -> None:
    trace = generated(running, messages=[{"role": "user", "content": "Tell me a story."}], max_new_tokens=64)
    page.goto(f"{running.base}/live?trace={trace}&unit=mlp_act.1:3")
    expect(page.get_by_text("It came to the most tokens that were asked for: 64.")).to_be_visible()
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollHeight") <= height
        for what in (page.get_by_role("slider", name="Step"), page.get_by_label("Message")):
            assert in_sight(page, what), (width, height)
        heads = page.get_by_role("region", name="Attention of layer 0").get_by_role("row").last
        heads.scroll_into_view_if_needed()
        assert in_sight(page, heads), (width, height)
        assert in_sight(page, page.get_by_role("slider", name="Step")), (width, height)


@pytest.fixture
def guarded(running: Program) -> Iterator[str]:
    """A unit of the bundled model that a calibration with a very low bound protects."""
    asked = {"text": "The capital of France is Paris.", "points": ["mlp_act.2"], "per_layer": 6, "bound": 1e-7}
    found = running.post("/api/calibrations", model_id=BUNDLED, **asked)["result"]["protected"]
    yield found[0]["unit"]
    running.client.delete("/api/calibrations", params={"model_id": BUNDLED}).raise_for_status()


def test_that_no_unit_is_protected_is_an_answer_and_no_error(page: Page, running: Program) -> None:
    running.post("/api/models/load", model_id=BUNDLED)
    failed: list[str] = []
    page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
    page.goto(f"{running.base}/live")
    expect(page.get_by_text(re.compile("^None is known"))).to_be_visible()
    assert failed == []


def test_a_protected_unit_is_marked_and_changed_only_knowingly(page: Page, running: Program, guarded: str) -> None:
    page.goto(f"{running.base}/live?layer=2&unit={guarded}")
    expect(page.get_by_text(re.compile("^Protected: ablating it alone raises the loss by"))).to_be_visible()
    page.get_by_role("button", name="Ablate").click()
    expect(page.get_by_text("None is asked for")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Ablate it anyway").click()
    expect(page.get_by_text(re.compile("protection\\s+overridden"))).to_be_visible()
    page.get_by_role("button", name="What is the capital of France?", exact=True).click()
    expect(page.get_by_role("region", name=re.compile("Receipts of step"))).to_contain_text("changed 1 unit")
    # Without the word, the server refuses it: what the page asks for is what it checks.
    refused = running.client.post(
        "/api/generations",
        json={"model_id": BUNDLED, "prompt": "Hi", "interventions": [{"units": [guarded], "op": "ablate_zero"}]},
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "protected_unit")


def test_a_group_with_a_protected_unit_is_changed_only_knowingly(page: Page, running: Program, guarded: str) -> None:
    units = ["mlp_act.0:1", guarded]
    group = running.post("/api/groups", model_id=BUNDLED, name="leant on", units=units)["group_id"]
    page.goto(f"{running.base}/live?group={group}&steer=ablate")
    ask = page.get_by_role("alert", name="Protected units of a group")
    expect(ask.get_by_role("listitem")).to_have_text(re.compile(rf"^{re.escape(guarded)}\+"))
    assert violations(page) == []
    ask.get_by_role("button", name="Ablate anyway").click()
    expect(page.get_by_text(re.compile("protection\\s+overridden"))).to_be_visible()
    page.get_by_role("button", name="What is the capital of France?", exact=True).click()
    expect(page.get_by_role("region", name=re.compile("Receipts of step"))).to_contain_text("changed 2 units")
    running.client.delete(f"/api/groups/{group}").raise_for_status()


def test_tiles_are_the_values_that_the_trace_holds(page: Page, running: Program) -> None:
    page.goto(f"{running.base}/live?keep=tile&tokens=3&layer=1")
    page.get_by_role("button", name="What is 23 + 45?", exact=True).click()
    expect(page.get_by_text(re.compile("It came to the most tokens"))).to_be_visible()
    picture = page.get_by_role("button", name=re.compile(r"^Tile of mlp_act\.1"))
    trace = re.search("trace=(t_[0-9a-z]+)", page.url)
    assert trace is not None
    entry = next(e for e in step_of(running, trace[1], 2)["entries"] if e["address"] == "mlp_act.1")
    image = decode(entry["payload"], tuple(entry["shape"]))["values"]
    rows = int(np.isfinite(image).any(axis=1).sum())
    box = picture.bounding_box()
    assert box is not None
    for row, column in ((0, 0), (5, 17), (rows - 1, 3)):
        place = {"x": box["width"] * (column + 0.5) / image.shape[1], "y": box["height"] * (row + 0.5) / rows}
        picture.hover(position=place)  # type: ignore[arg-type]
        said = page.get_by_text(re.compile(rf"^mlp_act\.1 · unit {row * image.shape[1] + column} · "))
        expect(said).to_be_visible()
        value = (said.text_content() or "").split(" · ")[-1].replace("−", "-")
        assert float(value) == pytest.approx(float(f"{image[row, column]:.4g}"))
    expect(page.get_by_text(re.compile("^In order: each cell is one unit"))).to_be_visible()


def test_a_run_at_a_pace_leaves_time_to_steer_it(page: Page, running: Program) -> None:
    page.goto(f"{running.base}/live?pace=4&tokens=24&unit=mlp_act.1:3")
    page.get_by_role("button", name="Tell me a story.", exact=True).click()
    expect(page.get_by_text("· live")).to_be_visible()
    page.get_by_role("button", name="Ablate").click()
    page.get_by_label("Message").fill("And then?")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("^Not sent: the model is still at work"))).to_be_visible()
    expect(page.get_by_text("It came to the most tokens that were asked for: 24.")).to_be_visible()
    expect(page.get_by_role("region", name="Selection")).to_contain_text("0, by a change")
    expect(page.get_by_role("region", name="Selection")).to_contain_text("A gap is no zero.")


def test_a_talk_beyond_the_context_goes_on_without_its_earliest_messages(page: Page, running: Program) -> None:
    talk = [
        {"role": role, "content": "What is the capital of France?" if role == "user" else "The capital is Paris."}
        for _ in range(12)
        for role in ("user", "assistant")
    ]
    last = {"role": "user", "content": "What is 23 + 45?"}
    trace = generated(running, messages=[*talk, last], max_new_tokens=8)
    page.goto(f"{running.base}/live?trace={trace}")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    long = "Long ago, a little boy named Tom had a red ball. " * 8
    page.get_by_label("Message").fill(f"{long}What is 1 + 2?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("reads at most 256")
    page.get_by_role("button", name="Leave out as many as it takes").click()
    left = page.get_by_text(re.compile("earlier messages were left out"))
    expect(left).to_be_visible()
    # While it is shortened, the count still grows.
    expect(page).not_to_have_url(re.compile(trace))
    count = int((left.text_content() or "").split()[0])
    now = re.search("trace=(t_[0-9a-z]+)", page.url)
    assert now is not None
    with running.client.stream("GET", f"/api/traces/{now[1]}/events") as answer:
        unpacker = msgpack.Unpacker()
        unpacker.feed(answer.read())
    messages = next(iter(unpacker))["settings"]["messages"]
    assert messages[:-1] == [*talk, last, {"role": "assistant", "content": messages[-2]["content"]}][count:]


def test_recorded_runs_are_pinned_and_deleted_in_live_and_told_of_in_explore(page: Page, running: Program) -> None:
    trace = generated(running, prompt="Once upon a bridge", max_new_tokens=3)
    page.goto(f"{running.base}/?trace={trace}")
    expect(page.get_by_text("A run of 3 steps")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert violations(page) == []
    page.get_by_role("link", name="Open it in Live").click()
    expect(page.get_by_role("slider", name="Step")).to_have_attribute("aria-valuemax", "2")
    page.get_by_role("button", name="Recorded runs").click()
    runs = page.get_by_role("dialog", name="Recorded runs")
    runs.get_by_role("button", name="Pin the run Once upon a bridge").first.click()
    expect(runs.get_by_role("button", name="Pin the run Once upon a bridge").first).to_have_attribute(
        "aria-pressed", "true"
    )
    assert running.get(f"/api/traces/{trace}")["pinned"]
    runs.get_by_role("button", name="Delete the run Once upon a bridge").first.click()
    page.wait_for_timeout(400)
    assert violations(page) == []
    runs.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("Watch a model think")).to_be_attached()
    assert running.client.get(f"/api/traces/{trace}").status_code == 404
    page.keyboard.press("Escape")

    kept = generated(running, prompt="Once upon a time", max_new_tokens=3)
    page.goto(f"{running.base}/?trace={kept}")
    page.get_by_role("button", name="Capture its prompt").click()
    expect(page.get_by_test_id("heatmap")).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("Once upon a time")
