"""The `aggregate` transformer: one row for each group of rows."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self

import pyarrow as pa
from pyarrow import types
from pydantic import BeforeValidator, Field, model_validator

from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.errors import ConfigError, DataError, Problem
from lumos_dagster.interface import StrictModel, Texts
from lumos_dagster.lineage import Origins, within
from lumos_dagster.transforms.columns import Columns, wrong_type
from lumos_dagster.transforms.comparison import is_numeric
from lumos_dagster.transforms.decimals import divide, narrow, wide
from lumos_dagster.transforms.queried import Queried, Query
from lumos_dagster.transforms.series import to_polars

_FUNCTIONS = "count", "count_distinct", "sum", "min", "max", "avg", "first", "last"
_SHORT = re.compile(rf"({'|'.join(_FUNCTIONS)})\s*(?:\((.*)\))?", re.DOTALL)
_QUOTIENT_SCALE, _MOST_SCALE = 6, 18


class Aggregation(StrictModel):
    """One field made of many."""

    function: Literal["count", "count_distinct", "sum", "min", "max", "avg", "first", "last"]
    """count (rows, or values of the field), count_distinct, sum, min, max, avg; first and last as the rows come."""
    field: str | None = None
    """The field; `count` may stand without."""

    @model_validator(mode="after")
    def _has_its_field(self) -> Self:
        if self.field is None and self.function != "count":
            raise ValueError(f"{self.function} needs a field: write {self.function}(name)")
        return self


def _aggregation(value: Any) -> Any:
    """`sum(amount)` for {function: sum, field: amount}."""
    if not isinstance(value, str):
        return value
    found = _SHORT.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"must be one of {', '.join(_FUNCTIONS)} with a field, such as sum(amount), or count")
    return {"function": found[1], "field": (found[2] or "").strip() or None}


class Aggregate(Queried):
    """Makes one row of each group, in the order in which the groups first come. Nulls are a group of their own.

    Sums and averages of integers and decimals are exact; one that does not fit its type is an error.
    Values that are null are left out, but by `first` and `last`, which take the row's value as it is.
    """

    apart: ClassVar[bool] = False
    group_by: Texts = ()
    """The fields that make a group; without any, all rows are one."""
    aggregations: dict[
        str, Annotated[Aggregation, BeforeValidator(_aggregation, json_schema_input_type=str | Aggregation)]
    ] = Field(min_length=1)
    """The fields that are made, each as `count`, `sum(amount)`, or {function, field}."""

    def needed(self, schema: pa.Schema) -> Sequence[str]:
        """Those of the groups and those that are aggregated."""
        used = {*self.group_by, *(aggregation.field for aggregation in self.aggregations.values())}
        return [name for name in schema.names if name in used] or schema.names[:1]

    def query(self, inputs: Mapping[str, Columns]) -> Query:
        """The group's fields, then those that are made."""
        (columns,) = inputs.values()
        keys = [f"c{columns.place_of(name, 'group_by')}" for name in self.group_by]
        made = {name: self._made(name, aggregation, columns) for name, aggregation in self.aggregations.items()}
        fields = [columns.schema.field(name) for name in self.group_by]
        fields += [pa.field(name, part.type) for name, part in made.items()]
        terms = [*keys, *(term for part in made.values() for term in part.terms)]
        grouped = f"group by {', '.join(keys)} order by min(rowid)" if keys else ""
        parts = [_PLAIN] * len(keys) + list(made.values())

        def finish(values: Sequence[Array]) -> Sequence[Array]:
            left = list(values)
            return [part.finish([left.pop(0) for _ in part.terms]) for part in parts]

        return Query(f"select {', '.join(terms)}, count(*) from t0 {grouped}", pa.schema(fields), True, finish)

    def origins(self, inputs: Mapping[str, pa.Schema]) -> Origins:
        """The group's fields are themselves; a count of rows is made of none."""
        (name,) = inputs
        fields = {made: aggregation.field for made, aggregation in self.aggregations.items()}
        fields |= {field: field for field in self.group_by}
        return Origins({made: (within(name, field),) if field else () for made, field in fields.items()})

    def _made(self, name: str, aggregation: Aggregation, columns: Columns) -> "_Part":
        try:
            if name in self.group_by:
                raise ConfigError(Problem(f"the group has a field {name!r} already", hint="Choose another name."))
            if aggregation.field is None:
                return _Part(pa.int64(), ("count(*)",))
            place = columns.place_of(aggregation.field)
            return _part(aggregation, f"c{place}", columns.type_of(aggregation.field), columns.schema.field(place).type)
        except ConfigError as error:
            raise ConfigError(
                replace(problem, path=f"aggregations.{name}.{problem.path}".rstrip(".")) for problem in error.problems
            ) from None


def _only(values: Sequence[Array]) -> Array:
    return values[0]


@dataclass(frozen=True)
class _Part:
    """One field of the result: its type, the terms of the query that it is made of, and how."""

    type: pa.DataType
    terms: tuple[str, ...]
    finish: Callable[[Sequence[Array]], Array] = _only


_PLAIN = _Part(pa.null(), ("",))


def _part(aggregation: Aggregation, column: str, kind: Kind, whole: pa.DataType) -> _Part:
    """`whole` is the column's own type, `kind` that of its values."""
    name = str(aggregation.field)
    match aggregation.function:
        case "count":
            return _Part(pa.int64(), (f"count({column})",))
        case "count_distinct":
            return _Part(pa.int64(), (f"count(distinct {column})",))
        case "min" | "max":
            if types.is_nested(kind):
                raise wrong_type(name, kind, "a value that has an order")
            return _Part(whole, (f"{aggregation.function}({column})",))
        case "first":
            return _Part(whole, (f"arg_min_null({column}, rowid)",))
        case "last":
            return _Part(whole, (f"arg_max_null({column}, rowid)",))
    if not is_numeric(kind):
        raise wrong_type(name, kind, "a number")
    return _sum_or_average(aggregation, column, kind)


def _sum_or_average(aggregation: Aggregation, column: str, kind: Kind) -> "_Part":
    if aggregation.function == "sum":
        if types.is_decimal(kind):
            return _Part(pa.decimal128(38, kind.scale), (f"sum({column})",))
        if types.is_floating(kind):
            return _Part(pa.float64(), (f"sum({column}::double)",))
        total = pa.uint64() if types.is_unsigned_integer(kind) else pa.int64()
        return _Part(total, (f"sum({column})",))
    if not types.is_decimal(kind):
        return _Part(pa.float64(), (f"avg({column})",))
    scale = max(kind.scale, _QUOTIENT_SCALE)
    if scale > _MOST_SCALE:
        raise wrong_type(str(aggregation.field), kind, f"a decimal with at most {_MOST_SCALE} digits behind the point")
    return _Part(pa.decimal128(38, scale), (f"sum({column})", f"count({column})"), partial(_average, scale))


def _average(scale: int, sums_and_counts: Sequence[Array]) -> Array:
    """The exact quotient, a half rounded away from zero. Raises DataError where it has too many digits."""
    total, count = sums_and_counts
    quotient = divide(wide(to_polars(total), total.type), wide(to_polars(count), count.type), scale)
    found = narrow(quotient, scale)
    # No average of something may be missing: what is null here for another reason has overflowed.
    if found.null_count > total.null_count:
        raise DataError(f"an average does not fit decimal(38, {scale}): round the field first")
    return found
