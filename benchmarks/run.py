"""Run the benchmarks and print one table. Names of files as arguments choose among them."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent


def main(names: list[str]) -> int:
    # The tests' helpers start the program as a user does.
    sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]
    files = sorted(p.stem for p in HERE.glob("[rs][0-9]*.py"))
    unknown = set(names) - set(files)
    if unknown:
        print(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(files)}.", file=sys.stderr)
        return 2
    results = []
    table = Table("target", "ours", "reference", "ratio", "goal", "met", "note")
    for name in names or files:
        print(f"{name} …", flush=True)
        for row in importlib.import_module(name).measure():
            results.append(row.to_dict())
            reference = "" if row.reference is None else f"{row.reference:.4g} {row.unit}"
            ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
            met = "yes" if row.met else "NO"
            table.add_row(row.target, f"{row.ours:.4g} {row.unit}", reference, ratio, row.goal, met, row.note)
    Console(width=160).print(table)
    file = HERE / "results.json"
    kept = json.loads(file.read_text("utf-8")) if file.is_file() and names else []
    fresh = {row["target"] for row in results}
    rows = [row for row in kept if row["target"] not in fresh] + results
    file.write_text(json.dumps(sorted(rows, key=lambda row: row["target"]), indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
