"""A read in parts: half-open ranges of one column, so that every row is in exactly one of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal, localcontext
from itertools import pairwise
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Database
from lumos_dagster.connectors.jdbc.selection import Selection
from lumos_dagster.conversion import as_text, convert
from lumos_dagster.errors import ConfigError, DataError, Problem

FROM, TO = "lumos_from", "lumos_to"
_DIGITS = 100
"""Enough for any two decimals and what lies between them."""


@dataclass(frozen=True)
class Partitions:
    """Which column is cut, into how many ranges, and between which values; a bound not given is looked up."""

    column: str
    number: int
    lower: Any = None
    upper: Any = None

    def of(self, selection: Selection, database: Database, raw: Any) -> list[Selection]:
        """The parts, in the column's order: the first and the last are open-ended, nulls are in the first.

        There are fewer where the column has not as many different values to cut at. ConfigError where the column
        is none whose values lie between others.
        """
        quoted = database.quote(self.column)
        kind = one_batch(database, raw, selection.only(quoted).where("1 = 0")).schema.field(0).type
        low, high = self.lower, self.upper
        if low is None or high is None:
            found = one_batch(database, raw, selection.only(f"min({quoted}) AS low, max({quoted}) AS high"))
            if pa.types.is_string(kind):
                kind = found.schema.field(0).type  # nothing may be declared, but the values tell
            low = self._found(found["low"], kind) if low is None else self._given("lower_bound", low, kind)
            high = self._found(found["high"], kind) if high is None else self._given("upper_bound", high, kind)
        else:
            low, high = self._given("lower_bound", low, kind), self._given("upper_bound", high, kind)
        if low is None or high is None:
            return [selection]
        at = cuts(low, high, self.number)
        if database.dates_are_text and isinstance(low, date):  # then it is their texts that it compares
            at = sorted(as_text(pa.array(at)).to_pylist())
        return list(_parts(selection, quoted, at))

    def _found(self, value: Any, kind: pa.DataType) -> Any:
        converted = convert(value.combine_chunks(), kind)
        if converted.bad.true_count:
            raise DataError(f"partition_column {self.column!r} is {kind}, but holds {value[0]}; {_GIVE_BOUNDS}")
        found = converted.values[0].as_py()
        if found is not None and not isinstance(found, int | float | Decimal | date):
            raise ConfigError(
                Problem(
                    f"partition_column: {self.column!r} is {kind}",
                    allowed=("a number", "a date", "a timestamp"),
                    hint="Name another column, or read without partitions.",
                )
            )
        if isinstance(found, float) and not math.isfinite(found):
            raise DataError(f"partition_column {self.column!r} holds {found}; {_GIVE_BOUNDS}")
        return found

    def _given(self, option: str, given: Any, kind: pa.DataType) -> Any:
        converted = convert(pa.array([str(given)]), kind)
        if converted.bad.true_count:
            raise ConfigError(Problem(f"{option}: {given!r} does not fit column {self.column!r}, which is {kind}"))
        return self._found(pa.chunked_array([converted.values]), kind)


_GIVE_BOUNDS = "give lower_bound and upper_bound"


def one_batch(database: Database, raw: Any, selection: Selection) -> pa.Table:
    """All rows of a selection that has but few."""
    with database.read(raw, selection.sql, selection.parameters, 1) as rows:
        return rows.read_all()


def cuts(low: Any, high: Any, number: int) -> list[Any]:
    """The values, at most `number` - 1 and each once, at which the range from `low` to `high` is cut evenly."""
    if isinstance(low, float) or isinstance(high, float):
        found = [low * (1 - part / number) + high * (part / number) for part in range(1, number)]
    elif isinstance(low, Decimal):
        with localcontext(Context(prec=_DIGITS)):
            places = Decimal(1).scaleb(min(int(value.as_tuple().exponent) for value in (low, high)))
            found = [(low + (high - low) * part / number).quantize(places) for part in range(1, number)]
    else:
        step = timedelta(days=1) if type(low) is date else timedelta.resolution if isinstance(low, date) else 1
        found = [low + (high - low + step) * part // number for part in range(1, number)]
    return sorted({value for value in found if low < value <= high})


def _parts(selection: Selection, column: str, at: Sequence[Any]) -> Iterator[Selection]:
    if not at:
        yield selection
        return
    yield selection.where(f"{column} < :{TO} OR {column} IS NULL", {TO: at[0]})
    for low, high in pairwise(at):
        yield selection.where(f"{column} >= :{FROM} AND {column} < :{TO}", {FROM: low, TO: high})
    yield selection.where(f"{column} >= :{FROM}", {FROM: at[-1]})
