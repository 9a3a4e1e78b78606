"""The first requests of a fresh start come while torch is still being imported."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.process import Program, program


def _ask(running: Program, number: int) -> int:
    match number % 4:
        case 0:
            return running.client.post("/api/captures", json={"prompt": f"{number} + 4 ="}).status_code
        case 1:
            return running.client.get("/api/models/card").status_code
        case 2:
            return running.client.get("/api/indexes").status_code
        case _:
            body = {"layer": 0, "unit": 1, "text": "a cat"}
            return running.client.post("/api/neurons/activations", json=body).status_code


def test_whoever_comes_early_is_served_all_the_same(tmp_path: Path) -> None:
    with program(tmp_path / "home") as running, ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: _ask(running, number), range(12)))
    assert answers == [201, 200, 200, 200] * 3
