"""Groups: saved sets of units of one model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from neuronscope.api.schemas.common import Answer, ModelId, Request
from neuronscope.core.group import MOST_NAME, MOST_UNITS, MadeBy

UnitName = Annotated[str, Field(min_length=1, max_length=40, description="``address:index``, such as mlp_act.7:42.")]


class GroupRequest(Request):
    model_id: ModelId | None = None
    name: str = Field(min_length=1, max_length=MOST_NAME)
    units: list[UnitName] = Field(min_length=1, max_length=MOST_UNITS)
    """Each once, over any layers and points."""
    made_by: MadeBy = "hand"
    index_id: str | None = Field(None, max_length=28)
    """The index over which they were found, if they were; the group's page opens on it."""


class GroupChange(Request):
    """What is left out stays; a group's model and how it was made always do."""

    name: str | None = Field(None, min_length=1, max_length=MOST_NAME)
    add: list[UnitName] = Field([], max_length=MOST_UNITS)
    """Those that are in the group already stay where they are. The model must be as it was when the group was made."""
    remove: list[UnitName] = Field([], max_length=MOST_UNITS)
    """Each as the group lists it; at least one unit is left."""


class GroupQuery(Request):
    model_id: ModelId | None = None
    """Only groups of this model; default: all."""


class GroupPath(Request):
    group_id: str


class GroupOut(Answer):
    group_id: str
    name: str
    model_id: str
    model_key: str
    """Of the weights, tokenizer, dtype and quantization that it belongs to."""
    units: list[str]
    made_by: MadeBy
    created_at: str
    index_id: str | None
    """The index over which its units were found; it may be gone meanwhile."""


class GroupList(Answer):
    groups: list[GroupOut]
