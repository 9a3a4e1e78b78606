from __future__ import annotations

from collections.abc import Iterator

import httpx
import msgpack
import pytest

from neuronscope.capture.generate import Generation
from neuronscope.runtime.run import Run
from neuronscope.traces.wire import Frame
from support.process import Program, program
from support.runs import request, tiny


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, str, list[Frame]]]:
    home = tmp_path_factory.mktemp("steps")
    frames: list[Frame] = []
    run = Run(Generation(tiny("llama"), request(4)), home / "traces", frames.append)
    list(run)
    with program(home) as running:
        yield running, run.trace_id, frames


def test_a_step_over_http_is_the_frame_of_the_stream(served: tuple[Program, str, list[Frame]]) -> None:
    running, trace_id, frames = served
    for frame in (frame for frame in frames if frame.step is not None):
        answer = running.client.get(f"/api/traces/{trace_id}/steps/{frame.step}")
        assert answer.content == frame.data
        assert answer.headers["content-type"] == "application/msgpack"
        assert answer.headers["cache-control"] == "no-store"
        assert "content-security-policy" in answer.headers
        assert msgpack.unpackb(answer.content)["step"] == frame.step


@pytest.mark.parametrize(
    ("path", "status"),
    [("{}/steps/99", 404), ("t_" + "0" * 26 + "/steps/0", 404), ("{}/steps/-1", 422), ("t_0/steps/0", 404)],
)
def test_what_is_not_there_is_refused_in_words(
    served: tuple[Program, str, list[Frame]], path: str, status: int
) -> None:
    running, trace_id, _ = served
    answer = running.client.get("/api/traces/" + path.format(trace_id))
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_the_gate_stands_before_it(served: tuple[Program, str, list[Frame]]) -> None:
    running, trace_id, _ = served
    address = f"{running.base}/api/traces/{trace_id}/steps/0"
    assert httpx.get(address, trust_env=False).status_code == 401
    token = running.client.headers["authorization"]
    foreign = {"authorization": token, "origin": "http://elsewhere.example"}
    assert httpx.get(address, headers=foreign, trust_env=False).status_code == 403
    assert running.client.post(f"/api/traces/{trace_id}/steps/0", json={}).status_code == 405
