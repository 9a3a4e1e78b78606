"""A group: a saved set of units of one model, over any layers. Checked here as far as no model is needed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest
from neuronscope.core.ids import is_id

MadeBy = Literal["hand", "lasso", "clustering"]
MOST_UNITS = 10_000
MOST_NAME = 200


@dataclass(frozen=True, slots=True)
class Group:
    """CONTRACTS' group: ``units`` are ``address:index``, each once; ``model_key`` says of which weights.

    Raises :class:`BadRequest` for what can't be one.
    """

    group_id: str
    name: str
    model_id: str
    model_key: str
    units: tuple[str, ...]
    made_by: MadeBy
    created_at: str
    """ISO 8601, UTC."""
    index_id: str | None = None
    """The index over which its units were found, if they were found over one. It may be gone meanwhile."""

    def __post_init__(self) -> None:
        if not is_id(self.group_id, "g"):
            raise BadRequest("A group's id is g_ and 26 characters.")
        if self.index_id is not None and not is_id(self.index_id, "x"):
            raise BadRequest("An index's id is x_ and 26 characters.", "Leave it out for a group of no index.")
        if not isinstance(self.name, str) or not 0 < len(self.name) <= MOST_NAME:
            raise BadRequest(f"A group's name is a text of 1 to {MOST_NAME} characters.")
        if self.made_by not in get_args(MadeBy):
            raise BadRequest(
                "That is no way to make a group.", "Groups are made by " + ", ".join(get_args(MadeBy)) + "."
            )
        if not 0 < len(self.units) <= MOST_UNITS:
            raise BadRequest(
                f"A group holds 1 to {MOST_UNITS:,} units, not {len(self.units):,}.",
                "Choose some, or make several groups.",
            )
        for unit in self.units:
            Unit.parse(unit)
        twice = next((unit for unit, count in Counter(self.units).items() if count > 1), None)
        if twice is not None:
            raise BadRequest(f"The group names {twice} twice.", "Name each unit once.")
