"""Operations on whole columns: rename, remove, select, add."""

from typing import Any, Self

import polars as pl
from pydantic import AliasChoices, Field, field_validator, model_validator

from lumos_dagster.errors import DataError
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.constants import constant
from lumos_dagster.transforms.formula import Formula
from lumos_dagster.transforms.operation import Names, OnFields, Operation
from lumos_dagster.transforms.rows import Rows, Step


class RenameField(Operation):
    """Gives fields other names: `from` and `to`, or several at once by `fields: {old: new}`.

    Example:
        {operation: rename_field, from: user_id, to: id}
        {user_id: 7, name: Ada} -> {id: 7, name: Ada}
    """

    names = ("rename_field", "rename")

    source: str | None = Field(None, validation_alias=AliasChoices("from", "source"))
    """The field's name now."""
    to: str | None = None
    """Its new name."""
    fields: dict[str, str] | None = None
    """Old name: new name, for several fields; two may change places."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        pair = (self.source is not None, self.to is not None)
        if any(pair) == (self.fields is not None) or any(pair) != all(pair):
            raise ValueError("needs from and to, or fields: {old: new}")
        return self

    def bind(self, columns: Columns) -> Step:
        """A name that is taken is an error, and so is a field that is not there."""
        if self.fields is not None:
            names, keys = self.fields, ("fields", "fields")
        else:
            names, keys = {str(self.source): str(self.to)}, ("from", "to")
        columns.rename(names, keys)
        return lambda rows: rows.rename(names)


class RemoveField(OnFields):
    """Leaves fields out.

    Example:
        {operation: remove_field, fields: [note]}
        {id: 7, note: x} -> {id: 7}
    """

    names = ("remove_field", "remove", "drop", "delete_field")

    def bind(self, columns: Columns) -> Step:
        """A field that is not there is an error."""
        for field in self.fields:
            columns.remove(field)
        return _nothing


class SelectFields(Operation):
    """Keeps these fields only, in the order given.

    Example:
        {operation: select_fields, fields: [name, id]}
        {id: 7, note: x, name: Ada} -> {name: Ada, id: 7}
    """

    names = ("select_fields", "select", "keep")

    fields: Names = Field(validation_alias=AliasChoices("fields", "field"))
    """The fields to keep."""

    def bind(self, columns: Columns) -> Step:
        """A field that is not there is an error."""
        columns.select(self.fields)
        return _nothing


class AddField(Operation):
    """Adds a field: the same `value` in each row, or what an SQL `expression` over the row gives.

    Example:
        {operation: add_field, field: source, value: import}
        {id: 7} -> {id: 7, source: import}

    Bad value: an expression that fails, as of the operation `expression`.
    """

    names = ("add_field", "add")

    field: str
    """The new field."""
    value: Any = None
    """A constant, which keeps its YAML type; or `$NOW`, `$TODAY`, `${vars.x}` and the like."""
    expression: str | None = None
    """An SQL scalar expression: fields, constants, `+ - * / %`, `||`, comparisons, case, cast and functions."""
    overwrite: bool = True
    """Whether a field of that name is replaced; if not, it stays as it is."""

    @field_validator("value")
    @classmethod
    def _has_a_type(cls, value: Any) -> Any:
        constant(value)
        return value

    @field_validator("expression")
    @classmethod
    def _is_sql(cls, expression: str | None) -> str | None:
        if expression is not None:
            from lumos_dagster.transforms.grammar import parse

            parse(expression)
        return expression

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = self.model_fields_set & {"value", "expression"}
        if len(given) != 1:
            raise ValueError("needs one of value and expression")
        return self

    def bind(self, columns: Columns) -> Step:
        """A new field comes last; one that is replaced keeps its place."""
        if self.field in columns and not self.overwrite:
            return _nothing
        if self.expression is None:
            values = constant(self.value)
            columns.put(self.field, values.type, ())
            return lambda rows: rows.put_constant(self.field, values)
        return computed(self, self.field, self.expression, columns)


class Compute(Operation):
    """Sets a field to what an SQL expression over the row gives.

    Example:
        {operation: expression, field: total, expression: "coalesce(price, 0) * n"}
        {price: 2, n: 3} -> {price: 2, n: 3, total: 6}
        {price: null, n: 3} -> {price: null, n: 3, total: 0}

    Bad value: a division by zero, a cast that does not fit, a result too large; not a null that comes of nulls, or of a
    case, coalesce or nullif. A condition that cannot be told does not hold.
    """

    names = ("expression", "compute")

    field: str = Field(validation_alias=AliasChoices("field", "to"))
    """The field that is set: a new one comes last, another keeps its place."""
    expression: str
    """Fields, constants, `+ - * / %`, `||`, comparisons, and / or / not, case, cast, coalesce and other scalar
    functions."""

    @field_validator("expression")
    @classmethod
    def _is_sql(cls, expression: str) -> str:
        from lumos_dagster.transforms.grammar import parse

        parse(expression)
        return expression

    def bind(self, columns: Columns) -> Step:
        """The fields in the expression must be there, and fit what is done with them."""
        return computed(self, self.field, self.expression, columns)


def computed(operation: Operation, field: str, expression: str, columns: Columns) -> Step:
    """What sets a field to the value of an expression."""
    from lumos_dagster.transforms.expressions import scalar

    formula = scalar(expression, columns, "expression")
    columns.put(field, formula.type, formula.reads)
    if not formula.reads:
        return lambda rows: rows.put(field, _constant(formula, expression, rows))
    check = operation.check(formula.reads, lambda _: "the expression gives no value for this row")

    def step(rows: Rows) -> None:
        values = formula.run(rows)
        rows.put_checked(field, values, check, formula.bad(rows) if formula.bad else None)

    return step


def _constant(formula: Formula, expression: str, rows: Rows) -> pl.Series:
    """The value of an expression that reads no field; if it fails, it does so for every row."""
    values = formula.run(rows)
    if formula.bad and formula.bad(rows).any():
        raise DataError(f"the expression {expression!r} has no value, whatever the row. Mend the expression.")
    return values


def _nothing(_: Rows) -> None:
    """Which columns there are is told by the schema alone."""
