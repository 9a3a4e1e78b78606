"""Write ``docs/architectures.md``: what is served of each architecture, what is refused and why, as the sweep finds it.

A test compares the page with what the sweep finds, so that it can't fall behind.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architectures.md"


def main() -> None:
    # The sweep lives with the tests, which hold what it finds to be true; the page only prints it.
    sys.path.insert(0, str(ROOT / "tests"))
    warnings.filterwarnings("ignore")
    import torch
    import transformers

    from support.architectures import ARCHITECTURES, NOT_BUILT
    from support.sweep import finding, page

    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)  # these models are too small to be worth dividing
    findings = [finding(model_type) for model_type in ARCHITECTURES if model_type not in NOT_BUILT]
    wrong = {f.model_type: f.truth.wrong for f in findings if f.truth.wrong}
    if wrong:
        sys.exit("\n".join(f"{model_type}: {'; '.join(what)}" for model_type, what in wrong.items()))
    PAGE.write_text(page(findings, transformers.__version__), "utf-8")


if __name__ == "__main__":
    main()
