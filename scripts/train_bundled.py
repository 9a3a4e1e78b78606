"""Make the bundled model: tokenizer, training, fine-tuning series, scores and card.

    python scripts/train_bundled.py all
    python scripts/train_bundled.py install

Each step can be run alone; `train` and `finetune` go on where they were stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "backend"
sys.path.insert(0, str(SOURCE))

from bundled_training import steps  # noqa: E402

ALL = ("tokenizer", "train", "finetune", "evaluate")


def main() -> None:
    """Read the command line and run the steps asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=(*ALL, "all", "install"))
    parser.add_argument("--out", type=Path, default=Path("build/bundled"), help="work folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=steps.STEPS, help="training steps")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--note", default="", help="a remark for the card about this run")
    options = parser.parse_args()
    work = steps.Work(options.out, options.seed, options.steps, options.device, options.note)
    work.prepare(options.threads)
    if options.step == "install":
        work.install(SOURCE / "neuronscope" / "models" / "bundled")
        return
    for step in ALL if options.step == "all" else (options.step,):
        getattr(work, step)()


if __name__ == "__main__":
    main()
