"""Options of a load, compared with what is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that say something; the others are left to the program."""
    return {name: value for name, value in options.items() if value is not None}


def differences(loaded: LoadedModel, asked: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Names of the options in which a model, loaded as ``asked``, is not what is wanted.

    ``cuda`` is whichever card it is on, ``auto`` is only what was asked for as that, and a revision may be named as it
    was named, or by its commit.
    """
    return [name for name, value in wanted.items() if not _is_as(loaded, asked, name, value)]


def _is_as(loaded: LoadedModel, asked: Mapping[str, Any], name: str, value: Any) -> bool:
    if name == "modules" or (name == "device" and value == "auto"):
        return bool(asked.get(name) == value)
    found = str(getattr(loaded, name))
    if name == "device":
        return bool(value in (found, found.partition(":")[0]))
    return bool(found == value or asked.get(name) == value)


def check_names(modules: Mapping[str, str] | None) -> None:
    """Raise :class:`BadRequest` for modules named by hand that there is no such thing as."""
    if modules is not None:
        from neuronscope.models.inspection.naming import ModuleNames

        ModuleNames.parse(modules)
