"""Write ``docs/parts.md``: whether a neuron's top contexts find the part of the bundled corpus that drives it."""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "parts.md"
COUNTS = (100, 150, 200, 300, 500)
EACH = 10

HEAD = """# Do top contexts find what drives a neuron?

Written by `python scripts/write_parts.py`; don't edit it by hand.

Every token of the bundled corpus is labelled with its part, so the answer can be checked. Two ways to a neuron's part are
compared on `neuronscope/tiny` over {documents} documents, {tokens} tokens:

- **A full scan** reads every neuron on every token with bare hooks. A value counts as strong above the neuron's own 99th
  percentile; the part whose tokens are strong most often, for its size, is the neuron's. *Selectivity* is that part's share
  of the rates of all parts: 1 where no other part drives the neuron strongly at all.
- **The index** knows its {k} strongest contexts of each neuron and nothing else: the part on which their peaks stand most
  often, for its size.

`tests/backend/corpus/test_parts.py` holds the agreement on a smaller corpus.
"""

FIRST = "| neurons | agree | share | least selectivity |\n| --- | --- | --- | --- |"
SECOND = "| part | tokens | agree | least selectivity |\n| --- | --- | --- | --- |"
DIFFERENCE = """Where they differ, the 32 strongest tokens stand mostly in
another part than the strongest hundredth does: an index answers what drives a neuron hardest, not what drives it most often.
"""


def main() -> None:
    # The scan lives with the tests, which hold the agreement; the page only prints it.
    sys.path.insert(0, str(ROOT / "tests"))
    warnings.filterwarnings("ignore")
    import neuronscope as ns
    from neuronscope.corpus.builder import build_index
    from neuronscope.corpus.readers import bundled
    from support.parts import agreement, by_part, most_selective, parts_of_contexts, scan

    loaded, corpus = ns.load().loaded, bundled()
    found = scan(loaded, corpus)
    with tempfile.TemporaryDirectory() as folder:
        index = build_index(loaded, corpus, Path(folder) / "index")
        mine = parts_of_contexts(index, found)
        m = index.manifest
        lines = [HEAD.format(documents=m.documents, tokens=m.tokens, k=m.k)]
    lines += [
        "## The most selective neurons of all\n",
        FIRST,
    ]
    for count in COUNTS:
        row = agreement(found, mine, most_selective(found, count), "all")
        lines.append(f"| {row.neurons} | {row.agree} | {row.agree / row.neurons:.0%} | {row.least:.2f} |")
    rows = by_part(found, mine, EACH)
    lines += [
        f"\n## The {EACH} most selective of every part\n",
        SECOND,
    ]
    lines += [
        f"| {row.part} | {tokens} | {row.agree} of {row.neurons} | {row.least:.2f} |"
        for row, tokens in zip(rows, found.tokens.tolist(), strict=True)
    ]
    agree, neurons = sum(row.agree for row in rows), sum(row.neurons for row in rows)
    lines.append(f"\n{agree} of {neurons} together, {agree / neurons:.0%}. {DIFFERENCE}")
    PAGE.write_text("\n".join(lines), "utf-8")


if __name__ == "__main__":
    main()
