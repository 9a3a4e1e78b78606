"""Interventions as they are written on the command line: ``UNITS OP [VALUE] [from TRACE STEP POSITION] [at POSITIONS]``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

from neuronscope.core.errors import BadRequest
from neuronscope.core.ids import is_id
from neuronscope.core.intervention import Op

_CHANGE = re.compile(
    r"\s*(?P<units>\S+)\s+(?P<op>[a-z_]+)(?:\s+(?!(?:from|at)\s)(?P<value>\S+))?"
    r"(?:\s+from\s+(?P<trace>\S+)\s+(?P<step>\d{1,9})\s+(?P<position>\d{1,9}))?"
    r"(?:\s+at\s+(?P<positions>\S+))?\s*"
)
HINT = (
    'For example "mlp_act.3:42 scale 0", "mlp_act.3:42,mlp_act.3:7 add 2.5 at last", "mlp_act.3:42 ablate_zero at 0,4", '
    '"mlp_act.3:42 set q0.9" or "mlp_act.3:42 patch from TRACE 0 5"; the id of a group may stand for the units.'
)


def read_changes(
    texts: Sequence[str], reference: str | None = None, override_protection: bool = False
) -> list[dict[str, Any]]:
    """Interventions ``i1``, ``i2`` … from texts. Means and quantiles (``q0.9``) come from ``reference``, an index.

    Raises :class:`BadRequest` where one is none, where one needs a reference and none is given, and where one is given
    that none needs.
    """
    found = [read_change(text, f"i{number}", reference) for number, text in enumerate(texts, start=1)]
    if reference is not None and not any("reference" in change for change in found):
        raise BadRequest(
            "--reference is given, but no change takes a mean or a quantile from it.",
            "ablate_mean takes the mean; set and add take a quantile as q0.9.",
        )
    if override_protection:
        if not found:
            raise BadRequest("--override-protection is given, but nothing is changed.", "Say what with --intervene.")
        found = [{**change, "override_protection": True} for change in found]
    return found


def read_change(text: str, identity: str, reference: str | None = None) -> dict[str, Any]:
    """One intervention from a text; :class:`BadRequest` where it is none."""
    match = _CHANGE.fullmatch(text)
    if match is None:
        raise BadRequest(f"'{text[:80]}' is no intervention.", HINT)
    if match["op"] not in get_args(Op):
        raise BadRequest(f"'{match['op']}' is no operation.", f"It is one of {', '.join(get_args(Op))}. {HINT}")
    change: dict[str, Any] = {"id": identity, "op": match["op"], **_units(match["units"]), **_value(match["value"])}
    if match["op"] == "ablate_mean" or "dose_quantile" in change:
        if reference is None:
            raise BadRequest(
                f"'{text[:80]}' needs an index to take its values from.",
                "Name one with --reference; `neuronscope index list` has them.",
            )
        change["reference"] = reference
    if match["trace"] is not None:
        source = {"trace_id": match["trace"], "step": int(match["step"]), "position": int(match["position"])}
        change["source"] = source
    if match["positions"] is not None:
        change["positions"] = _positions(match["positions"])
    return change


def _units(text: str) -> dict[str, Any]:
    return {"group_id": text} if is_id(text, "g") else {"units": text.split(",")}


def _value(text: str | None) -> dict[str, float]:
    if text is None:
        return {}
    name, number = ("dose_quantile", text[1:]) if text.startswith("q") else ("value", text)
    try:
        return {name: float(number)}
    except ValueError:
        raise BadRequest(f"'{text[:40]}' is no number.", HINT) from None


def _positions(text: str) -> str | list[int]:
    if text in ("last", "all"):
        return text
    if not all(place.isdecimal() and len(place) < 10 for place in text.split(",")):
        raise BadRequest(f"'{text[:40]}' are no positions.", f"They are last, all, or numbers such as 0,4. {HINT}")
    return [int(place) for place in text.split(",")]
