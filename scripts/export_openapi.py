"""Write the description of the REST interface to its committed file, from which the page's types are generated."""

from __future__ import annotations

import json
from pathlib import Path

import neuronscope.api
from neuronscope.api.app import description

TARGET = Path(neuronscope.api.__file__).with_name("openapi.json")


def main() -> None:
    """Write the file."""
    TARGET.write_text(json.dumps(description(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{TARGET.name} written")


if __name__ == "__main__":
    main()
