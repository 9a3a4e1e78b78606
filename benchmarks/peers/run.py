"""Measure TransformerLens and NeuronScope, each against transformers in its own environment, and print one table.

Names of targets as arguments choose among them. ``--short`` only shows that it works: a few tokens, once, nothing written.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from asking import HERE, ROOT, Side, Way, interleaved
from live import NEW_TOKENS, PROMPT_TOKENS, REPEATS, ratio
from rich.console import Console
from rich.table import Table
from s1_index import ROWS, WINDOW, K

TARGETS = ["s1", "s2"]
BATCHES = 24
SHORT_TOKENS = 8
FILE = HERE.parent / "peers.json"


@dataclass(frozen=True)
class Compared:
    """One row: what a program reached, and what transformers alone did in the same process just before."""

    target: str
    program: str
    reached: float
    reference: float
    ratio: float
    unit: str
    note: str
    machine: str
    when: str


class Comparison:
    """Both sides, ready, over the same model on the same versions; refuses sides that differ."""

    def __init__(self, ours: Side, lens: Side, new_tokens: int, repeats: int, batches: int) -> None:
        self._ours, self._lens = ours, lens
        self._new_tokens, self._repeats, self._batches = new_tokens, repeats, batches
        for fact in ("machine", "dtype"):
            mine, theirs = ours.about[fact], lens.about[fact]
            assert mine == theirs, f"the environments differ in {fact}: {mine}, {theirs}"
        mine, theirs = (side.about["versions"]["transformers"] for side in (ours, lens))
        assert mine == theirs, f"the environments differ in transformers: {mine}, {theirs}"
        self._programs = {
            ours: f"NeuronScope {ours.about['versions']['neuronscope']}",
            lens: f"TransformerLens {lens.about['versions']['transformer-lens']}",
        }

    def live(self) -> Iterator[Compared]:
        """S2."""
        ours, lens = self._ours, self._lens
        ways = [(lens, "plain"), (lens, "bridged"), (lens, "captured")]
        ways += [(ours, "plain"), (ours, "recorded"), (ours, "streamed")]
        # The first time of each is no measurement, but it shows that all generate the same.
        found = {(side, name): side.ask(name)[1] for side, name in ways}
        assert len(found[ours, "plain"]) == self._new_tokens
        for way in ways:
            assert way == (ours, "streamed") or found[way] == found[ours, "plain"], f"{way[1]} gave other tokens"
        times = interleaved(ways, self._repeats)
        setting = f"{PROMPT_TOKENS} + {self._new_tokens} tokens, {ours.about['dtype'].removeprefix('torch.')}"
        kept = f"{lens.about['points']} points of each pass held as they are, none reduced or written"
        for way, what in (
            ((lens, "bridged"), "no hook set"),
            ((lens, "captured"), kept),
            ((ours, "recorded"), "default configuration, reduced and recorded"),
            ((ours, "streamed"), "default configuration, reduced, recorded, and streamed to a client"),
        ):
            yield self._row("S2 live decode", way, (way[0], "plain"), times, self._new_tokens, f"{what}; {setting}")

    def index(self) -> Iterator[Compared]:
        """S1, against the full forward pass."""
        ours, lens = self._ours, self._lens
        ways = [(side, name) for side in (lens, ours) for name in ("forward", "index")]
        for side, name in ways:
            side.ask(name)
        times = interleaved(ways, self._batches)
        _same_strongest(lens.ask("strongest")[1], ours.ask("strongest")[1])
        setting = f"{self._batches} batches of {ROWS} × {WINDOW} tokens"
        for side, what in (
            (lens, f"run_with_cache of mlp.hook_post and the {K} strongest tokens of each neuron, no more"),
            (ours, f"the {K} strongest of each neuron with excerpts, moments, rates, histograms"),
        ):
            note = f"{what}; {setting}; against the forward pass with logits"
            yield self._row("S1 index build", (side, "index"), (side, "forward"), times, ROWS * WINDOW, note)

    def _row(
        self, target: str, way: Way, plain: Way, times: dict[Way, list[float]], tokens: int, note: str
    ) -> Compared:
        reached, reference = (tokens / statistics.median(times[w]) for w in (way, plain))
        return Compared(
            target=target,
            program=self._programs[way[0]],
            reached=reached,
            reference=reference,
            ratio=ratio(times[plain], times[way]),
            unit="tokens/s",
            note=f"{note}; transformers {self._ours.about['versions']['transformers']}",
            machine=self._ours.about["machine"],
            when=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def _same_strongest(lens: list[float], ours: list[float]) -> None:
    """Both kept the same values of each neuron, as far as two ways of computing attention agree."""
    assert len(lens) == len(ours)
    apart = max(abs(a - b) for a, b in zip(lens, ours, strict=True))
    assert math.isfinite(apart), "a neuron has fewer tokens than are kept of it"
    assert apart < 1e-3, f"the strongest values of a neuron differ by {apart:.2g}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help="s1 or s2; both if none is named")
    parser.add_argument("--short", action="store_true", help="a few tokens, once; nothing is written")
    given = parser.parse_args(arguments)
    targets = given.targets or TARGETS
    if unknown := set(targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    new_tokens, repeats, batches = (SHORT_TOKENS, 1, 1) if given.short else (NEW_TOKENS, REPEATS, BATCHES)
    job: dict[str, Any] = {"new_tokens": new_tokens, "batches": batches + 1}
    with (
        Side(ROOT / ".venv" / "bin" / "python", "ours.py", job) as ours,
        Side(ROOT / ".venv-peers" / "bin" / "python", "lens.py", {**job, "prompt": ours.about["prompt"]}) as lens,
    ):
        comparison = Comparison(ours, lens, new_tokens, repeats, batches)
        parts = {"s1": comparison.index, "s2": comparison.live}
        rows = [row for name in targets for row in parts[name]()]
    table = Table("target", "program", "reached", "transformers alone", "ratio", "note")
    for row in rows:
        reached, reference = (f"{value:.4g} {row.unit}" for value in (row.reached, row.reference))
        table.add_row(row.target, row.program, reached, reference, f"{row.ratio:.3f}", row.note)
    Console(width=160).print(table)
    if not given.short:
        _keep([asdict(row) for row in rows])
    return 0


def _keep(rows: list[dict[str, Any]]) -> None:
    """Write the rows over those of the same targets; rows of others stay."""
    kept = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else []
    fresh = {row["target"] for row in rows}
    every = [row for row in kept if row["target"] not in fresh] + rows
    FILE.write_text(json.dumps(sorted(every, key=lambda row: row["target"]), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
