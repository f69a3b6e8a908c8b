"""Which columns of a CSV text are given, and as which types."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.connectors.csv.stretch import Block
from lumos_dagster.conversion import as_text, convert
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.problems import near

_DECIMAL_DIGITS = 38
_MOMENT = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+"
_SPELLED: dict[str, pa.DataType] = {
    "-?[0-9]+": pa.int64(), "-?[0-9]+[.e].*|-?inf|NaN": pa.float64(), "true|false": pa.bool_(),
    "[0-9]{4}-[0-9]{2}-[0-9]{2}": pa.date32(), _MOMENT: pa.timestamp("us"), f"{_MOMENT}Z": pa.timestamp("us", "UTC"),
}  # fmt: skip
"""At least all texts that values of each type become; a text can be one of several, and the first one is the best."""


@dataclass(frozen=True)
class Columns:
    """The names in the file, those of them that are given, and their types."""

    found: tuple[str, ...]
    names: tuple[str, ...]
    types: tuple[pa.DataType, ...]
    filename: str | None

    @staticmethod
    def of(found: tuple[str, ...], wanted: tuple[str, ...] | None, filename: str | None) -> "Columns":
        """The wanted columns as text. ConfigError for one that the file lacks or a name that is given twice."""
        names = found if wanted is None else wanted
        if missing := [name for name in names if name not in found]:
            raise ConfigError([_unknown(name, found) for name in missing])
        if len(set(names)) < len(names) or filename in names:
            raise ConfigError(
                Problem("a column is named twice", found=", ".join([*names, *([filename] if filename else [])]))
            )
        return Columns(found, names, (pa.string(),) * len(names), filename)

    def typed(self, types: Mapping[str, pa.DataType]) -> "Columns":
        """The same columns, some with another type."""
        if missing := [name for name in types if name not in self.names]:
            raise ConfigError([_unknown(name, self.names) for name in missing])
        return replace(
            self, types=tuple(types.get(name, kind) for name, kind in zip(self.names, self.types, strict=True))
        )

    @property
    def positions(self) -> list[int]:
        """Where in the file the given columns stand."""
        places = {name: place for place, name in enumerate(self.found)}
        return [places[name] for name in self.names]

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of the batches."""
        fields = [pa.field(name, kind) for name, kind in zip(self.names, self.types, strict=True)]
        return pa.schema([*fields, pa.field(self.filename, pa.string())] if self.filename else fields)


def _unknown(name: str, known: tuple[str, ...]) -> Problem:
    return Problem(f"there is no column {name!r} in the file", allowed=known, hint=near(name, known))


def inferred(columns: Columns, blocks: Iterable[Block]) -> dict[str, pa.DataType]:
    """The type for each column that gives the exact text of each of its values back; text where there is none."""
    candidates = [_Candidates() for _ in columns.names]
    for block in blocks:
        for candidate, column in zip(candidates, block.columns, strict=True):
            candidate.hold_against(column)
    return {name: candidate.type for name, candidate in zip(columns.names, candidates, strict=True)}


class _Candidates:
    """The types that are still possible, the best one first."""

    def __init__(self) -> None:
        self._types: list[pa.DataType] | None = None

    @property
    def type(self) -> pa.DataType:
        return self._types[0] if self._types else pa.string()

    def hold_against(self, column: "pa.Array[Any]") -> None:
        column = column.drop_null().unique()
        if not len(column) or self._types == []:
            return
        if self._types is None:
            self._types = _first_candidates(str(column[0]))
        self._types = [kind for kind in self._types if _keeps(column, kind)]


def _first_candidates(value: str) -> list[pa.DataType]:
    """The types that spell a value like this one."""
    # All values of a decimal column have as many digits behind the point, or their text would not come back.
    scale = len(value.partition(".")[2])
    decimal: dict[str, pa.DataType] = {
        rf"-?[0-9]+\.[0-9]{{1,{_DECIMAL_DIGITS}}}": pa.decimal128(_DECIMAL_DIGITS, min(scale, _DECIMAL_DIGITS))
    }
    return [kind for spelling, kind in (decimal | _SPELLED).items() if re.fullmatch(spelling, value)]


def _keeps(column: "pa.Array[Any]", kind: pa.DataType) -> bool:
    converted = convert(column, kind)
    return not pc.any(converted.bad).as_py() and bool(as_text(converted.values).equals(column))
