"""The table of analyses: what each one takes and gives. Endpoints, commands and forms are made from these rows.

A new analysis is its own file, with ``run(values, **parameters)`` that returns a frozen dataclass, and a row here. No
implementation is imported before it runs: scikit-learn takes seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.errors import BadRequest, NotFound

Value = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an analysis; ``minimum`` and ``maximum`` are allowed values themselves."""

    name: str
    kind: Literal["int", "float", "choice", "bool"]
    default: Value
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] | None = None

    def read(self, value: object) -> Value:
        """The value if it is one, else :class:`BadRequest` with a sentence that names the parameter and its range."""
        if self.kind == "choice":
            if isinstance(value, str) and value in (self.choices or ()):
                return value
        elif self.kind == "bool":
            if isinstance(value, bool):
                return value
        elif self._in_range(value):
            return float(value) if self.kind == "float" else int(value)
        shown = repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "…"
        raise BadRequest(f"'{self.name}' is {shown}; it is {self.range}.", self.help)

    def _in_range(self, value: object) -> TypeGuard[int | float]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        # Bounds first: an int can be too large to be looked at as a float, and NaN fails them.
        return low <= value <= high and abs(value) != math.inf and (self.kind == "float" or value == int(value))

    @property
    def range(self) -> str:
        """The allowed values in words."""
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices or ())
        if self.kind == "bool":
            return "true or false"
        noun = "a whole number" if self.kind == "int" else "a number"
        if self.minimum is not None and self.maximum is not None:
            return f"{noun} from {self.minimum:.12g} to {self.maximum:.12g}"
        if self.minimum is not None:
            return f"{noun} of at least {self.minimum:.12g}"
        return noun if self.maximum is None else f"{noun} of at most {self.maximum:.12g}"


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis. ``source`` is the paper or definition, ``result`` says what each field of the answer holds."""

    name: str
    title: str
    summary: str
    source: str
    parameters: tuple[Parameter, ...]
    result: dict[str, str]
    module: str

    def to_dict(self) -> dict[str, Any]:
        """The declaration as JSON can hold it: all but where the implementation lies."""
        plain = asdict(self)
        del plain["module"]
        return plain


_MAX_UNITS = Parameter(
    "max_units", "int", 1000, "Take at most so many neurons, those whose values vary most.", minimum=4, maximum=5000
)
_NORMALISE = Parameter(
    "normalise",
    "choice",
    "zscore",
    "Of each neuron's values over the tokens: none; zscore: mean 0 and deviation 1; unit: length 1.",
    choices=("none", "zscore", "unit"),
)
_SEED = Parameter("seed", "int", 0, "Seed of the random start.", minimum=0, maximum=2**32 - 1)
_CHOSEN = {
    "units": "the neurons that took part, in the order of the lists below",
    "dropped": "neurons left out because their value never changes",
}

_ROWS = (
    Analysis(
        "kmeans",
        "k-means",
        "Groups neurons that are active on the same tokens.",
        "Lloyd 1982, started by k-means++ (Arthur and Vassilvitskii 2007)",
        (
            Parameter("k", "int", 8, "Number of clusters.", minimum=2, maximum=100),
            _SEED,
            Parameter("n_init", "int", 10, "Starts, of which the best is kept.", minimum=1, maximum=50),
            _MAX_UNITS,
            _NORMALISE,
        ),
        {
            **_CHOSEN,
            "clusters": "each neuron's cluster; 0 is the largest",
            "sizes": "neurons in each cluster",
            "inertia": "sum of squared distances to the cluster centres",
            "silhouette": "mean silhouette, -1 to 1 (Rousseeuw 1987)",
        },
        "neuronscope.analysis.kmeans",
    ),
    Analysis(
        "pca",
        "PCA",
        "Lays neurons out along the directions in which their activity differs most.",
        "Pearson 1901",
        (
            Parameter("components", "int", 2, "Number of directions.", minimum=2, maximum=10),
            _MAX_UNITS,
            _NORMALISE,
        ),
        {
            **_CHOSEN,
            "coordinates": "each neuron's place, one number a component",
            "explained": "share of the variance along each component",
        },
        "neuronscope.analysis.pca",
    ),
    Analysis(
        "tsne",
        "t-SNE",
        "Lays neurons out in a plane so that those with similar activity are neighbours. Distances between groups mean "
        "little.",
        "van der Maaten and Hinton 2008",
        (
            Parameter(
                "perplexity",
                "float",
                30.0,
                "About how many neighbours count; below the neurons.",
                minimum=2,
                maximum=200,
            ),
            _SEED,
            Parameter("max_iter", "int", 1000, "Steps of the optimisation.", minimum=250, maximum=5000),
            _MAX_UNITS,
            _NORMALISE,
        ),
        {
            **_CHOSEN,
            "coordinates": "each neuron's place, two numbers",
            "divergence": "Kullback-Leibler divergence that remains",
        },
        "neuronscope.analysis.tsne",
    ),
)
ANALYSES: dict[str, Analysis] = {row.name: row for row in _ROWS}


def find(name: str) -> Analysis:
    """The analysis of that name, else :class:`NotFound`."""
    if name not in ANALYSES:
        raise NotFound(f"There is no analysis '{name[:60]}'.", "There are: " + ", ".join(ANALYSES) + ".")
    return ANALYSES[name]


def validate(name: str, raw: Mapping[str, object]) -> dict[str, Value]:
    """All parameters of an analysis: those given, checked, and the defaults of the others.

    Raises :class:`NotFound` for the analysis, :class:`BadRequest` for an unknown parameter or a value out of range.
    """
    known = {parameter.name: parameter for parameter in find(name).parameters}
    for given in raw:
        if given not in known:
            raise BadRequest(f"'{name}' has no parameter '{str(given)[:40]}'.", "It has: " + ", ".join(known) + ".")
    return {key: row.read(raw[key]) if key in raw else row.default for key, row in known.items()}


def run(
    name: str, matrix: NDArray[np.floating[Any]], units: Sequence[str], parameters: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """Run an analysis on values ``[unit, token]`` of the units so named; the answer as JSON can hold it.

    Raises as :func:`validate`, and :class:`BadRequest` where the values do not allow it: too few neurons or tokens.
    """
    from neuronscope.analysis.matrix import prepare

    if len(units) != len(matrix):
        raise ValueError(f"{len(units)} names for {len(matrix)} units")
    checked = validate(name, parameters or {})
    max_units, normalise = int(checked.pop("max_units")), str(checked.pop("normalise"))
    prepared = prepare(matrix, max_units=max_units, normalise=normalise)
    result = import_module(find(name).module).run(prepared.values, **checked)
    return {
        "units": [units[row] for row in prepared.rows.tolist()],
        "dropped": [units[row] for row in prepared.constant.tolist()],
        **asdict(result),
    }
