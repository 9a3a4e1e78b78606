"""A client of the LLMRI socket that says what is malformed, says it slowly, or does not read."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from neuronscope.bridges import mri_client, mri_socket
from neuronscope.bridges.mri_socket import MriSocket
from support.mri_viewer import Viewer

MALFORMED = {
    "too long": lambda v: v.say_bytes(b"", (1 << 20) + 1),
    "a request of HTTP": lambda v: v.socket.sendall(b"POST / HTTP/1.1\r\n\r\n"),
    "no JSON": lambda v: v.say_bytes(b"{"),
    "no text": lambda v: v.say_bytes(b"\xff\xfe"),
    "nothing": lambda v: v.say_bytes(b""),
    "a list": lambda v: v.say_bytes(b"[]"),
    "too deep": lambda v: v.say_bytes(b"[" * 100_000),
    "no type": lambda v: v.say(layer=1),
    "an unknown type": lambda v: v.say(type="boost"),
    "no interventions": lambda v: v.say(type="intervention", layer=1),
    "a list of interventions": lambda v: v.say(type="intervention", layer=1, interventions=[1]),
    "a layer of what": lambda v: v.say(type="intervention", layer="1", interventions={"1": 0}),
    "a layer below 0": lambda v: v.say(type="intervention", layer=-1, interventions={"1": 0}),
    "true as a layer": lambda v: v.say(type="intervention", layer=True, interventions={"1": 0}),
    "a unit of what": lambda v: v.say(type="intervention", layer=1, interventions={"x": 0}),
    "a unit below 0": lambda v: v.say(type="intervention", layer=1, interventions={"-1": 0}),
    "a value of what": lambda v: v.say(type="intervention", layer=1, interventions={"1": "0"}),
    "null as a value": lambda v: v.say(type="intervention", layer=1, interventions={"1": None}),
    "no number": lambda v: v.say(type="intervention", layer=1, interventions={"1": float("nan")}),
    "an endless number": lambda v: v.say_bytes(b'{"type": "intervention", "interventions": {"1": 1e999}}'),
    "a huge number": lambda v: v.say_bytes(b'{"type": "intervention", "interventions": {"1": 1' + b"0" * 400 + b"}}"),
    "another field": lambda v: v.say(type="intervention", layer=1, interventions={"1": 0}, dose=2),
    "a field too many": lambda v: v.say(type="ping", echo=1),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_message_closes_that_client_and_nobody_else_notices(
    server: MriSocket, viewer: Viewer, case: str
) -> None:
    with Viewer(server.port) as other:
        MALFORMED[case](other)
        assert other.ended()
    viewer.say(type="ping")
    assert viewer.read()["type"] == "pong"


def test_a_message_may_come_in_pieces(viewer: Viewer) -> None:
    body = json.dumps({"type": "ping"}).encode()
    for byte in len(body).to_bytes(4, "big") + body:
        viewer.socket.sendall(bytes([byte]))
        time.sleep(0.002)
    assert viewer.read()["type"] == "pong"


def test_a_viewer_that_reads_nothing_loses_its_own_scans_only(
    server: MriSocket, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mri_client, "MOST_QUEUED", 2_000_000)
    wide = np.ones(50_000, dtype="<f4")
    with Viewer(server.port) as mute:
        mute.say(type="ping")
        assert mute.read()["type"] == "pong"
        for number in range(80):
            server.scanned(1, number, {0: wide})
            assert viewer.scans(1)[0]["token"] == number
        server.new_turn()
        late = mute.until("turn_start")[1]
    tokens = [scan["token"] for scan in late]
    assert tokens[-1] == 79
    assert tokens == sorted(set(tokens))
    # Beside its queue, the operating system holds some megabytes for it.
    assert len(tokens) < 70
    assert len(server._scans) <= mri_socket.REMEMBERED
