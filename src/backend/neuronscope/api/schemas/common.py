"""What every resource shares."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Request(BaseModel):
    """A body or query from a client: unknown fields are refused, so that a misspelt one is never ignored."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), use_attribute_docstrings=True)

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """As pydantic's. flask-openapi asks for the plain one at every request, so that is made once."""
        return super().model_json_schema(*args, **options) if args or options else _plain_schema(cls)


@cache
def _plain_schema(model: type[Request]) -> dict[str, Any]:
    return super(Request, model).model_json_schema()


class Answer(BaseModel):
    """What the server sends."""

    model_config = ConfigDict(protected_namespaces=(), use_attribute_docstrings=True)


class ErrorBody(Answer):
    code: str
    message: str
    hint: str


class ErrorAnswer(Answer):
    error: ErrorBody


class TokenOut(Answer):
    id: int
    text: str
    special: bool


def _split_commas(value: object) -> object:
    """Flatten the values of a repeated query parameter; what is no text is left for the validator to judge."""
    if not isinstance(value, list):
        return value
    return [part for item in value for part in (item.split(",") if isinstance(item, str) else [item])]


IntList = Annotated[list[int], BeforeValidator(_split_commas)]
"""Integers of a query, as ``1,2,3`` or as a repeated parameter."""

ModelId = Annotated[str, Field(min_length=1, max_length=200, description="Id of a listed model or of the hub.")]

CorpusId = Annotated[
    str,
    Field(
        max_length=300,
        pattern=r"^(bundled|local/[a-z0-9][a-z0-9_.-]{0,79}|hf:[A-Za-z0-9][A-Za-z0-9_./:%\[\]-]{0,296})$",
        description="``bundled``, ``local/<name>``, or ``hf:NAME``, ``hf:NAME:CONFIGURATION:SPLIT`` for a data set of the hub.",
    ),
]

PointName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}(\.[0-9]{1,5})?$")]
"""A hook point, or an address: a point and a layer."""

PointOnly = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
"""A hook point without a layer."""
UnitName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}\.[0-9]{1,5}:[0-9]{1,8}$")]
"""A unit of any point: ``resid_post.3:17``."""
UnitNumber = Annotated[int, Field(ge=0, le=100_000_000)]
LayerNumber = Annotated[int, Field(ge=0, le=100_000)]
UnitList = Annotated[list[UnitNumber | UnitName], BeforeValidator(_split_commas), Field(min_length=1, max_length=1000)]
"""Units of a query, numbers or names, as ``1,2,3`` or as a repeated parameter."""


class UnitRequest(Request):
    """What names one unit: by layer and number, which means a neuron, or by the whole name of any point's unit."""

    layer: LayerNumber | None = None
    """Left out where ``unit`` is a whole name."""
    unit: UnitNumber | UnitName
    """A neuron's number, or a unit's name such as ``resid_post.3:17``."""


class UnitsRequest(Request):
    """What names one unit or several: a number or a name, a list of them, or a saved group."""

    layer: LayerNumber | None = None
    """The layer of units that are given by number."""
    unit: UnitNumber | UnitName | None = None
    """A neuron's number, or a unit's name such as ``resid_post.3:17``."""
    units: UnitList | None = None
    """Several units instead of one, numbers or names."""
    group_id: str | None = Field(None, max_length=40)
    """The units of a saved group instead."""
