"""The operation that looks values up in a table of the job file."""

from typing import Any, Self

import polars as pl
import pyarrow as pa
from pydantic import AliasChoices, Field, model_validator

from lumos_dagster.conversion import convert
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.constants import constant, constant_as
from lumos_dagster.transforms.operation import Operation
from lumos_dagster.transforms.rows import Rows, Step
from lumos_dagster.transforms.series import to_polars


class MapValues(Operation):
    """Puts other values in place of known ones.

    Example:
        {operation: map_values, field: sex, mapping: {f: female, m: male}, default: unknown}
        {sex: f} -> {sex: female}
        {sex: x} -> {sex: unknown}
        {sex: null} -> {sex: null}

    Bad value: one that is not in the mapping, where there is neither `default` nor `keep_others`.
    """

    names = ("map_values", "lookup")

    field: str
    """The field whose values are looked up; null stays null."""
    mapping: dict[Any, Any] = Field(min_length=1, validation_alias=AliasChoices("mapping", "lookup", "values", "map"))
    """Known value: new value. The known ones must be of the field's type, or written like it."""
    default: Any = None
    """What becomes of a value that is not known; may be null."""
    keep_others: bool = False
    """Whether a value that is not known stays as it is."""
    to: str | None = None
    """The field for the result; without it, `field` itself."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.keep_others and "default" in self.model_fields_set:
            raise ValueError("keep_others and default exclude each other")
        self._result(pa.string())
        return self

    def bind(self, columns: Columns) -> Step:
        """The known values must fit the field's type, and the new ones one type."""
        kind = columns.type_of(self.field)
        known = pl.concat([constant_as(key, kind, "mapping") for key in self.mapping])
        if known.n_unique() < len(known):
            raise ConfigError(Problem("the same value is mapped twice", path="mapping"))
        result = self._result(kind)
        if self.keep_others and result != kind:
            hint = "Write the new values in the field's type, or convert the field first."
            raise ConfigError(Problem(f"others cannot stay: they are {kind}, the new {result}", "mapping", hint=hint))
        new = [_as(value, result) for value in self.mapping.values()]
        target = self.to or self.field
        columns.free(target, (self.field,), "to")
        columns.put(target, result, (self.field,))
        check = self.check([self.field], lambda _: "is not in the mapping, and there is no default")
        answers, others = pl.concat(new), _as(self.default, result)

        def step(rows: Rows) -> None:
            values = rows.series(self.field)
            found = values.to_frame("value").select(place=_place(known)).to_series()
            unknown = found.is_null() & values.is_not_null()
            mapped = answers.gather(found)
            if self.keep_others:
                mapped = values.cast(answers.dtype).zip_with(unknown, mapped)
            elif "default" in self.model_fields_set:
                mapped = others.new_from_index(0, len(values)).zip_with(unknown, mapped)
            else:
                rows.put_checked(target, mapped, check, unknown)
                return
            rows.put(target, mapped)

        return step

    def _result(self, kind: pa.DataType) -> pa.DataType:
        """The one type of all new values; where all are null, the field's."""
        news = [*self.mapping.values(), *([self.default] if "default" in self.model_fields_set else [])]
        kinds = list(dict.fromkeys(constant(value).type for value in news if value is not None))
        if len(kinds) > 1:
            raise ValueError(f"the new values must be of one type, but there are {' and '.join(map(str, kinds))}")
        return kinds[0] if kinds else kind


def _place(known: pl.Series) -> pl.Expr:
    places = pl.int_range(len(known), dtype=pl.UInt32, eager=True)
    return pl.col("value").replace_strict(known, places, default=None, return_dtype=pl.UInt32)


def _as(value: Any, kind: pa.DataType) -> pl.Series:
    one = constant(value)
    return to_polars(one.cast(kind) if value is None else convert(one, kind).values)
