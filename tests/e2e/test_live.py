"""The Live view on real runs: a chat, its steps as the trace has them, changes in mid-run, a reload, a link, two windows."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgpack
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from neuronscope.traces.payloads import decode
from support.browser import violations
from support.process import Program

pytestmark = pytest.mark.e2e
BUNDLED, SLOW = "neuronscope/tiny", "local/slow"


def trace_of(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query)["trace"][0]


def steps_of(running: Program, trace: str) -> list[dict[str, Any]]:
    count = running.get(f"/api/traces/{trace}")["steps"]
    answers = (running.client.get(f"/api/traces/{trace}/steps/{n}").raise_for_status() for n in range(count))
    return [msgpack.unpackb(answer.content) for answer in answers]


def entry_of(step: dict[str, Any], address: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in step["entries"] if entry["address"] == address)
    return found


def tokens(page: Page) -> Locator:
    return page.get_by_role("toolbar", name="Tokens of the model").get_by_role("button")


def timeline(page: Page) -> Locator:
    return page.get_by_role("slider", name="Step")


def say(page: Page, text: str) -> None:
    page.get_by_label("Message").fill(text)
    page.keyboard.press("Enter")


def shown(value: float, digits: int = 4) -> float:
    """A value as the page writes it: so many significant digits."""
    return float(f"{value:.{digits}g}")


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def generate(running: Program, **asked: Any) -> str:
    """Begin a run that goes on without a watcher; its trace."""
    answer = running.client.post("/api/generations", json=asked).raise_for_status()
    trace: str = answer.json()["trace_id"]
    return trace


def slow_run(page: Page, running: Program, query: str = "") -> None:
    """A run that takes half a minute, so that something can be done in its middle; opened by its link."""
    running.post("/api/models/load", model_id=SLOW)
    trace = generate(running, model_id=SLOW, prompt="Some words", max_new_tokens=400, ignore_eos=True)
    page.goto(f"{running.base}/live?model={SLOW}&mode=text&trace={trace}&{query}")
    expect(tokens(page).nth(3)).to_be_visible()


def test_a_chat_streams_in_and_is_the_trace_that_was_recorded(page: Page, running: Program) -> None:
    page.goto(f"{running.base}/live")
    page.get_by_role("button", name="What is 23 + 45?", exact=True).click()
    expect(page.get_by_text("The model ended its answer.")).to_be_visible()
    steps = steps_of(running, trace_of(page))
    assert "".join(step["token"] for step in steps[:-1]) == "23 + 45 = 68."
    expect(tokens(page)).to_have_count(len(steps))
    chances = [
        re.search(r": (.+) %$", tokens(page).nth(n).get_attribute("aria-label") or "") for n in range(len(steps))
    ]
    for step, said in zip(steps, chances, strict=True):
        assert said is not None
        assert float(said[1]) == pytest.approx(100 * np.exp(step["logprob"]), abs=0.06)

    say(page, "What is the capital of France?")
    expect(page.get_by_text("What is the capital of France?")).to_be_visible()
    expect(page.get_by_text("The model ended its answer.")).to_be_visible()
    second = steps_of(running, trace_of(page))
    assert "".join(step["token"] for step in second[:-1]) == "The capital of France is Paris."
    # The question before it, and its answer, went along.
    assert "68" in "".join(token["text"] for token in second[0]["inputs"])


def test_every_step_shows_what_the_trace_holds_of_it(page: Page, running: Program) -> None:
    trace = generate(running, model_id=BUNDLED, prompt="Long ago, a little boy", max_new_tokens=12)
    page.goto(f"{running.base}/live?trace={trace}&step=5&layer=2&point=mlp_act")
    expect(tokens(page)).to_have_count(12)
    steps = steps_of(running, trace)
    for place in (5, 6):
        entry = entry_of(steps[place], "mlp_act.2")
        expect(page.get_by_title(re.compile(r"^mlp_act\.2 · L2 norm"))).to_be_visible()
        title = page.get_by_title(re.compile(r"^mlp_act\.2 · L2 norm")).get_attribute("title") or ""
        assert number(title.split()[-1]) == pytest.approx(shown(entry["stats"]["l2"]))
        held = decode(entry["payload"], tuple(entry["shape"]))
        bars = page.get_by_role("region", name="Strongest units of mlp_act.2").get_by_role("button")
        for rank in range(3):
            unit, value = bars.nth(rank).inner_text().split()
            assert unit == f"#{held['indices'][0][rank]}"
            assert number(value) == pytest.approx(shown(held["values"][0][rank]))
        attention = entry_of(steps[place], "attn_weights.2")
        heads = decode(attention["payload"], tuple(attention["shape"]))
        rows = page.get_by_role("region", name="Attention of layer 2").get_by_role("row")
        for head in range(attention["shape"][0]):
            cells = rows.nth(head + 1).get_by_role("cell")
            assert (cells.nth(0).text_content() or "").endswith(f" {heads['argmax'][head]}")
            assert number(cells.nth(2).text_content() or "") == pytest.approx(shown(heads["entropy"][head]))
        page.keyboard.press("ArrowRight")
        page.wait_for_url("**step=6**")


def test_the_timeline_is_scrubbed_by_mouse_and_keyboard_and_kept_in_the_address(page: Page, running: Program) -> None:
    page.goto(f"{running.base}/live")
    say(page, "What is the capital of France?")
    expect(page.get_by_text("The model ended its answer.")).to_be_visible()
    last = int(timeline(page).get_attribute("aria-valuemax") or "0")
    expect(timeline(page)).to_have_attribute("aria-valuenow", str(last))
    box = timeline(page).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 2.5 / (last + 1), box["y"] + 10, steps=4)
    page.mouse.up()
    expect(timeline(page)).to_have_attribute("aria-valuenow", "2")
    page.wait_for_url("**step=2**")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**step=3**")
    page.reload()
    expect(timeline(page)).to_have_attribute("aria-valuenow", "3")
    expect(page.get_by_text("What is the capital of France?")).to_be_visible()
    page.keyboard.press("Home")
    page.get_by_role("button", name="Play").click()
    expect(timeline(page)).to_have_attribute("aria-valuenow", str(last))
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_boost_and_ablate_in_mid_run_answer_with_receipts(page: Page, running: Program) -> None:
    slow_run(page, running, "unit=mlp_act.3:7")
    page.get_by_role("button", name="Boost").click()
    changes = page.get_by_role("list", name="Changes asked for")
    expect(changes).to_contain_text("mlp_act.3:7 × 2")
    expect(changes).to_contain_text("in force")
    expect(page.get_by_role("region", name=re.compile("Receipts of step"))).to_contain_text(
        "changed 1 unit at 1 position"
    )
    page.get_by_role("button", name="Ablate").click()
    expect(page.get_by_role("region", name=re.compile("Receipts of step"))).to_contain_text("mlp_act.3:7 = 0")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text(re.compile("nothing was changed"))).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped before its end.")).to_be_visible()

    events = msgpack.Unpacker()
    events.feed(running.client.get(f"/api/traces/{trace_of(page)}/events").raise_for_status().content)
    receipts = [event for event in events if event["type"] == "receipt"]
    defined = [[one["op"] for one in event["defined"]] for event in receipts if event["defined"] is not None]
    assert defined == [["scale"], ["ablate_zero"], []]
    assert all(line["fired"] and line["units"] == 1 for event in receipts for line in event["interventions"])


def test_a_refused_change_is_told_and_loses_nothing(page: Page, running: Program) -> None:
    slow_run(page, running, "unit=mlp_act.3:99999")
    page.get_by_role("button", name="Ablate").click()
    expect(page.get_by_role("alert")).to_contain_text("99999")
    expect(page.get_by_text(re.compile("None is asked for"))).to_be_visible()
    before = tokens(page).count()
    expect(tokens(page).nth(before + 2)).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped before its end.")).to_be_visible()

    page.get_by_role("button", name="Ablate").click()
    page.get_by_label("Text to go on with").fill("Once more")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("99999")
    expect(page.get_by_label("Text to go on with")).to_have_value("Once more")
    expect(tokens(page).nth(before)).to_be_visible()


def test_a_reload_in_mid_run_joins_it_and_ends_with_every_step(page: Page, running: Program) -> None:
    slow_run(page, running)
    trace = trace_of(page)
    page.reload()
    expect(page.get_by_text("· live")).to_be_visible()
    before = tokens(page).count()
    expect(tokens(page).nth(before + 3)).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped before its end.")).to_be_visible()
    steps = steps_of(running, trace)
    expect(tokens(page)).to_have_count(len(steps))
    expect(page.get_by_text(f"step {len(steps) - 1} · {len(steps)} steps")).to_be_visible()


def test_a_second_window_is_told_that_it_waits_and_a_third_watches(
    page: Page, running: Program, browser: Browser
) -> None:
    slow_run(page, running)
    context = browser.new_context()
    waiting, watching = context.new_page(), context.new_page()
    waiting.goto(running.url)
    waiting.goto(f"{running.base}/live?model={BUNDLED}")
    say(waiting, "What is 23 + 45?")
    expect(waiting.get_by_text("Waiting in the queue: one run goes first.").first).to_be_visible()
    watching.goto(page.url)
    expect(watching.get_by_text("· live")).to_be_visible()
    watching.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped before its end.")).to_be_visible()
    expect(watching.get_by_text("Stopped before its end.")).to_be_visible()
    assert tokens(watching).count() == tokens(page).count()
    expect(waiting.get_by_text("The model ended its answer.")).to_be_visible()
    context.close()


def test_a_lost_connection_is_told_and_made_again(page: Page, running: Program) -> None:
    slow_run(page, running)
    page.get_by_role("button", name="New chat").click()
    # A socket that is open stays so in an offline browser; a run that is opened anew has to ask for one.
    page.context.set_offline(True)
    page.go_back()
    expect(page.get_by_text(re.compile("The connection to the run is lost|The server does not answer"))).to_be_visible()
    page.context.set_offline(False)
    expect(tokens(page).nth(3)).to_be_visible(timeout=40_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped before its end.")).to_be_visible()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing(page: Page, running: Program, theme: str) -> None:
    page.goto(f"{running.base}/live")
    if theme == "light":
        page.get_by_label("Switch to the light theme").click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", theme)
    assert violations(page) == []
    say(page, "Tell me a story.")
    expect(page.get_by_text(re.compile("It came to the most tokens"))).to_be_visible()
    page.get_by_role("region", name=re.compile("Strongest units")).get_by_role("button").first.click()
    page.get_by_role("button", name="Boost").click()
    expect(page.get_by_text("goes with the next message")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Settings of the run").click()
    expect(page.get_by_label("Temperature")).to_be_visible()
    page.wait_for_timeout(400)
    assert violations(page) == []
