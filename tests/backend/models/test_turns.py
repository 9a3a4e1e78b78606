from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from neuronscope.capture.forward import run_prompt
from neuronscope.core.address import Address
from neuronscope.core.errors import Cancelled
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import BUNDLED_ID, Sources, folder_source
from neuronscope.models.turns import Turns, never, one_load
from support.tokenizers import save_tiny


def test_captures_during_loads_are_bit_for_bit_those_without_and_see_no_other_default_dtype(tmp_path: Path) -> None:
    model = load(Sources().find(BUNDLED_ID), device="cpu")
    other = folder_source(save_tiny(tmp_path / "other"))
    addresses = [Address("mlp_act", layer) for layer in range(4)]
    encoded = model.encode("the capital of france is paris.")
    alone, logits = run_prompt(model, encoded, addresses)
    seen: set[torch.dtype] = set()
    handle = model.model.register_forward_pre_hook(lambda *_: seen.add(torch.get_default_dtype()))
    over = threading.Event()

    def loads() -> None:
        for _ in range(8):
            load(other, dtype="bfloat16", device="cpu")
        over.set()

    thread = threading.Thread(target=loads)
    thread.start()
    runs = 0
    while not over.is_set() or runs == 0:
        found, again = run_prompt(model, encoded, addresses)
        assert torch.equal(again, logits)
        assert all(np.array_equal(found[address], alone[address]) for address in addresses)
        runs += 1
    thread.join()
    handle.remove()
    assert runs > 5
    assert seen == {torch.float32}


def test_making_waits_for_passes_and_passes_for_making() -> None:
    turns = Turns()
    order: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def forward() -> None:
        with turns.running(), turns.running():
            inside.set()
            go_on.wait(5)
            order.append("forward")

    first = threading.Thread(target=forward)
    first.start()
    assert inside.wait(5)
    making = threading.Thread(target=lambda: (turns.take(never), order.append("made")))
    making.start()
    time.sleep(0.1)
    assert order == []
    go_on.set()
    making.join(5)
    second = threading.Thread(target=forward)
    second.start()
    time.sleep(0.1)
    assert order == ["forward", "made"]
    turns.give()
    second.join(5)
    assert order == ["forward", "made", "forward"]


def test_a_load_that_waits_for_another_can_be_cancelled() -> None:
    def cancelled() -> None:
        raise Cancelled("enough")

    with one_load(never):
        started = time.perf_counter()
        failed: list[BaseException] = []

        def wait() -> None:
            try:
                with one_load(cancelled):
                    pass
            except Cancelled as error:
                failed.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(5)
        assert failed
        assert time.perf_counter() - started < 2


def test_a_load_stops_at_the_next_tensor_and_leaves_the_turn_free(tmp_path: Path) -> None:
    source = folder_source(save_tiny(tmp_path / "one"))
    told: list[int] = []

    def check() -> None:
        if len(told) > 4:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        load(source, device="cpu", progress=lambda done, _t, _p: told.append(done), check=check)
    assert len(told) == 5
    assert load(source, device="cpu").dtype == "float32"
