"""By which columns rows are ordered, as `sort` and `deduplicate` share it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from lumos_dagster.errors import ConfigError
from lumos_dagster.interface import StrictModel
from lumos_dagster.transforms.columns import Columns

_SHORT = re.compile(r"(?P<field>.+?)(?:\s+(?P<way>asc|desc))?(?:\s+nulls\s+(?P<nulls>first|last))?", re.IGNORECASE)


class Term(StrictModel):
    """One column that rows are ordered by."""

    field: str
    """The field."""
    descending: bool = False
    """Whether the greatest comes first."""
    nulls: Literal["first", "last"] = "last"
    """Where rows without a value come."""


def _term(value: Any) -> Any:
    """`amount desc nulls first` for the mapping of the same meaning."""
    if not isinstance(value, str):
        return value
    found = _SHORT.fullmatch(value.strip())
    if found is None:
        raise ValueError("must name a field")
    descending = (found["way"] or "asc").lower() == "desc"
    return {"field": found["field"], "descending": descending, "nulls": (found["nulls"] or "last").lower()}


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Terms = Annotated[
    tuple[Annotated[Term, BeforeValidator(_term, json_schema_input_type=str | Term)], ...],
    BeforeValidator(_listed, json_schema_input_type=str | Term | list[str | Term]),
]
"""Fields, each as `amount`, `amount desc`, `amount desc nulls first`, or as a mapping {field, descending, nulls}."""


def ordering(terms: Sequence[Term], columns: Columns, option: str) -> str:
    """The terms of an ORDER BY over c0, c1, .., the place in the input last, so that equal rows keep their order."""
    found = []
    for number, term in enumerate(terms):
        try:
            place = columns.place_of(term.field)
        except ConfigError as error:
            raise ConfigError(
                replace(problem, path=f"{option}.{number}.{problem.path}") for problem in error.problems
            ) from None
        found.append(f"c{place} {'desc' if term.descending else 'asc'} nulls {term.nulls}")
    return ", ".join([*found, "rowid"])
