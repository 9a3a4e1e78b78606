"""Weight reports: measured layer by layer, kept in the workspace by model key, read back at once."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuronscope.core.errors import NotFound
from neuronscope.runtime.workspace import Workspace, write_private

if TYPE_CHECKING:
    from neuronscope.models.cards.weights import WeightReport
    from neuronscope.models.loaded import LoadedModel

log = logging.getLogger("neuronscope.weights")
Run = Callable[[Callable[[], Any]], Any]


def _path(workspace: Workspace, model_key: str) -> Path:
    folder = workspace.root / "weights"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{model_key}.json"


def kept(workspace: Workspace, model_key: str) -> dict[str, Any] | None:
    """The report of these very weights if it was measured before; one that can't be read counts as none."""
    from neuronscope.models.cards.weights import FORMAT

    path = _path(workspace, model_key)
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return found if found["format"] == FORMAT and found["model_key"] == model_key else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        log.warning("%s is damaged; it will be measured anew", path.name)
        return None


def find(workspace: Workspace, loaded: LoadedModel) -> dict[str, Any]:
    """The kept report; :class:`NotFound` where nobody has asked for one yet."""
    found = kept(workspace, loaded.key)
    if found is None:
        raise NotFound(
            f"The weights of {loaded.model_id} have not been measured yet.", "POST /api/models/weights does it."
        )
    return found


def measure(
    workspace: Workspace,
    loaded: LoadedModel,
    *,
    run: Run = lambda work: work(),
    progress: Callable[[int, int], None] | None = None,
    check: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Measure every layer, or give back what was kept; plain data as :class:`neuronscope.models.cards.weights.WeightReport`.

    ``run`` takes the work of one layer at a time, so that others get the model between two.
    """
    from neuronscope.models.cards.weights import layer_weights, report

    found = kept(workspace, loaded.key)
    if found is not None:
        return found
    count = loaded.anatomy.layer_count
    layers = []
    for layer in range(count):
        if progress is not None:
            progress(layer, count)
        if check is not None:
            check()
        layers.append(run(lambda layer=layer: layer_weights(loaded, layer, check)))  # type: ignore[misc]
    if progress is not None:
        progress(count, count)
    made: WeightReport = report(loaded, layers)
    plain = asdict(made)
    write_private(_path(workspace, loaded.key), json.dumps(plain))
    return plain
