"""Write the bundled model's corpus as JSON Lines, with the part of every character.

    python scripts/make_corpus.py corpus.jsonl --documents 20000

Each line is `{"text": …, "spans": [{"start": …, "end": …, "part": …}, …]}`.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src" / "backend"))

from neuronscope.models.bundled.corpus import PARTS, generate


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="file to write")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=("train", "heldout"), default="train")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="these parts alone")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8") as out:
        for document in generate(options.seed, options.documents, options.split, options.parts):
            out.write(json.dumps(asdict(document), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
