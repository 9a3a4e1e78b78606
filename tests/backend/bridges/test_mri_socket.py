"""The LLMRI socket with real runs: a viewer that knows the contract only, joining in the middle, changing, leaving."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neuronscope.api.services import Services
from neuronscope.bridges.mri_socket import MriSocket
from neuronscope.core.errors import Conflict
from neuronscope.core.generation import GenerateRequest
from neuronscope.runtime import references
from neuronscope.runtime.live_run import LiveRun
from neuronscope.traces.store import Trace
from support.mri_viewer import Viewer, values

LAYERS, WIDTH = 2, 16
WHOLE = {"capture_mode": "full", "quantization": "f32", "points": ["resid_post"]}


class Gate:
    """Stands between a run and its listener, and holds the run after chosen steps, so that a test can act in between."""

    def __init__(self, rows: Any) -> None:
        self.rows, self.wanted = rows, True
        self.stops: set[int] = set()
        self.reached, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def take(self, step: int, token: Any, found: Any) -> None:
        self.rows.take(step, token, found)
        if step in self.stops:
            self.reached.release()
            assert self.go.acquire(timeout=20)


def begin(services: Services, tokens: int, **options: Any) -> LiveRun:
    return services.live.begin("local/one", GenerateRequest(prompt="Hi, you", max_new_tokens=tokens), **options)


def finished(run: LiveRun) -> LiveRun:
    assert run.finished.wait(30)
    assert getattr(run.end, "type", None) == "done", run.end
    return run


@pytest.fixture
def gated(services: Services, server: MriSocket) -> Iterator[Callable[..., tuple[LiveRun, Gate]]]:
    """Begin a run that waits after each of the steps named."""

    def start(*stops: int, tokens: int = 70, **options: Any) -> tuple[LiveRun, Gate]:
        gates: list[Gate] = []

        def joined(run: LiveRun) -> None:
            gates.append(Gate(run.rows))
            gates[0].stops = set(stops)
            run.rows = gates[0]

        services.live.on_begin.append(joined)
        run = begin(services, tokens, **options)
        services.live.on_begin.remove(joined)
        return run, gates[0]

    yield start
    for run in services.live.active():
        services.live.stop(run.trace_id)


def test_a_viewer_joins_in_the_middle_ablates_a_neuron_and_clears_it(
    services: Services, server: MriSocket, gated: Callable[..., tuple[LiveRun, Gate]]
) -> None:
    run, gate = gated(60, 63, config=WHOLE)
    assert gate.reached.acquire(timeout=30)
    with Viewer(server.port) as viewer:
        buffered = viewer.scans(100)
        places = [(scan["token"], scan["layer"]) for scan in buffered]
        assert places == [(token, layer) for token in range(11, 61) for layer in range(LAYERS)]
        viewer.say(type="intervention", layer=1, interventions={"3": 0.0})
        told, before = viewer.until("intervention_active")
        assert before == []
        assert {key: told[key] for key in ("count", "layer", "skipped")} == {"count": 1, "layer": 1, "skipped": 0}
        gate.go.release()
        changed = viewer.scans(3 * LAYERS)
        assert gate.reached.acquire(timeout=20)
        viewer.say(type="clear_interventions")
        assert viewer.read()["type"] == "interventions_cleared"
        gate.go.release()
        after = viewer.scans(6 * LAYERS)
    finished(run)
    for scan in changed:
        row = values(scan)
        # Nothing but this unit is ever exactly zero in a random model.
        assert [index for index in range(WIDTH) if row[index] == 0] == ([3] if scan["layer"] == 1 else [])
    assert all((values(scan) != 0).all() for scan in after)
    with Trace.open(services.workspace.trace_path(run.trace_id)) as trace:
        for scan in (*buffered, *changed, *after):
            kept = trace.tensor(scan["token"], f"resid_post.{scan['layer']}")[-1]
            assert np.array_equal(values(scan), kept)
            assert (scan["dtype"], scan["shape"], scan["turn"]) == ("float32", [WIDTH], 1)
            wanted = {"min": kept.min(), "max": kept.max(), "mean": kept.mean(), "std": kept.std()}
            assert scan["stats"] == pytest.approx({name: float(value) for name, value in wanted.items()}, rel=1e-6)
            assert abs(scan["timestamp"] - time.time()) < 120
        receipts = [trace.receipt(number) for number in range(trace.step_count)]
    fired = [number for number, one in enumerate(receipts) if one is not None and one.interventions]
    assert fired == [61, 62, 63]


def test_a_multiplier_multiplies_and_acts_on_later_runs_until_it_is_cleared(services: Services, viewer: Viewer) -> None:
    finished(begin(services, 1))
    plain = {scan["layer"]: values(scan) for scan in viewer.scans(LAYERS)}
    viewer.say(type="intervention", layer=None, interventions={"5": 2.5, "7": -1})
    assert viewer.read()["count"] == 2 * LAYERS
    for _ in range(2):
        finished(begin(services, 1))
        told, _ = viewer.until("intervention_active")
        assert (told["count"], told["layer"], told["skipped"]) == (2 * LAYERS, None, 0)
        assert viewer.read()["type"] == "turn_start"
        first = values(viewer.read())
        wanted = plain[0].copy()
        wanted[[5, 7]] *= np.float32([2.5, -1])
        assert np.array_equal(first, wanted)
        viewer.read()
    viewer.say(type="intervention", layer=0, interventions={})
    assert viewer.read()["type"] == "interventions_cleared"
    finished(begin(services, 1))
    assert [(message["type"], message.get("turn")) for message in (viewer.read(),)] == [("turn_start", 4)]
    assert all(np.array_equal(values(scan), plain[scan["layer"]]) for scan in viewer.scans(LAYERS))


def test_a_setting_outlives_the_viewer_that_made_it_and_is_replaced_by_the_next(
    services: Services, viewer: Viewer, server: MriSocket
) -> None:
    with Viewer(server.port) as other:
        other.say(type="intervention", layer=0, interventions={"1": 0, "2": 0})
        assert other.until("intervention_active")[0]["count"] == 2
    assert viewer.until("intervention_active")[0]["count"] == 2
    viewer.say(type="intervention", layer=0, interventions={"4": 0})
    assert viewer.until("intervention_active")[0]["count"] == 1
    finished(begin(services, 1))
    assert np.flatnonzero(values(viewer.scans(1)[0]) == 0).tolist() == [4]


def test_other_interventions_of_the_run_stay(
    services: Services, viewer: Viewer, gated: Callable[..., tuple[LiveRun, Gate]]
) -> None:
    mine = {"id": "mine", "units": ["mlp_act.0:1"], "op": "scale", "value": 0}
    run, gate = gated(1, 3, tokens=6, interventions=[mine])
    assert gate.reached.acquire(timeout=30)
    viewer.say(type="intervention", layer=1, interventions={"3": 0})
    viewer.until("intervention_active")
    gate.go.release()
    assert gate.reached.acquire(timeout=30)
    viewer.say(type="clear_interventions")
    viewer.until("interventions_cleared")
    gate.go.release()
    finished(run)
    with Trace.open(services.workspace.trace_path(run.trace_id)) as trace:
        receipts = [trace.receipt(number) for number in range(6)]
    acted = [[one["id"] for one in receipt.interventions] for receipt in receipts if receipt is not None]
    assert acted == [["mine"], ["mine"], ["mine", "llmri:1"], ["mine", "llmri:1"], ["mine"], ["mine"]]


def test_protected_units_and_those_that_are_not_there_are_skipped_and_counted(
    services: Services, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = references.lookup
    protected = frozenset({"resid_post.1:3"})
    monkeypatch.setattr(references, "lookup", lambda *given: replace(real(*given), protected=protected))
    viewer.say(type="intervention", layer=1, interventions={"3": 0, "4": 0, "16": 0})
    viewer.until("intervention_active")
    finished(begin(services, 1))
    told, _ = viewer.until("intervention_active")
    assert (told["count"], told["skipped"]) == (1, 2)
    last = viewer.scans(LAYERS)[1]
    assert np.flatnonzero(values(last) == 0).tolist() == [4]
    viewer.say(type="intervention", layer=9, interventions={"3": 0})
    told, _ = viewer.until("intervention_active")
    assert (told["count"], told["skipped"]) == (0, 1)


def test_more_steps_than_can_be_packed_are_lost_to_the_socket_and_not_held(server: MriSocket, viewer: Viewer) -> None:
    rows = {layer: np.ones(4_000, dtype="<f4") for layer in range(32)}
    begin = time.perf_counter()
    for number in range(1000):
        server.scanned(1, number, rows)
    # Handing over costs no packing: 32,000 scans of 4,000 values take seconds to pack.
    assert time.perf_counter() - begin < 2
    viewer.say(type="ping")
    _, before = viewer.until("pong")
    assert 32 <= len(before) < 32_000


def test_closing_frees_the_port_and_leaves_no_thread(services: Services) -> None:
    server = MriSocket(0).join(services.live)
    with Viewer(server.port) as viewer, Viewer(server.port) as other:
        viewer.say(type="ping")
        viewer.read()
        server.close()
        assert viewer.ended()
        assert other.ended()
    assert not [thread for thread in threading.enumerate() if thread.name == "llmri" and thread.is_alive()]
    assert server._joined not in services.live.on_begin
    with MriSocket(server.port):
        pass
    finished(begin(services, 1))


def test_a_port_that_is_taken_is_a_conflict() -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Conflict, match="is taken"):
            MriSocket(other.getsockname()[1])
