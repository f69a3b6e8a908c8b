"""Operations that put values in place of nulls, and nulls in place of values."""

from typing import Any

from pydantic import field_validator

from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.comparison import check_value, tester
from lumos_dagster.transforms.constants import constant_as
from lumos_dagster.transforms.operation import OnFields
from lumos_dagster.transforms.rows import Rows, Step


class FillNull(OnFields):
    """Puts a constant where there is no value.

    Example:
        {operation: fill_null, field: n, value: 0}
        {n: null} -> {n: 0}
    """

    names = ("fill_null", "default_value")

    value: Any
    """The constant; it must be of the field's type, or written like it."""

    def bind(self, columns: Columns) -> Step:
        """The constant must fit each field."""
        ones = {field: constant_as(self.value, columns.type_of(field), "value") for field in self.fields}
        for field in self.fields:
            columns.put(field, columns.type_of(field))

        def step(rows: Rows) -> None:
            for field, one in ones.items():
                values = rows.series(field)
                if values.null_count():
                    rows.put(field, values.zip_with(values.is_not_null(), one.new_from_index(0, len(values))))

        return step


class NullIf(OnFields):
    """Puts null in place of a value, or of each of a list; compared as filter_field compares.

    Example:
        {operation: null_if, field: name, value: ["", N/A]}
        {name: N/A} -> {name: null}
        {name: Ada} -> {name: Ada}
    """

    names = ("null_if",)

    value: Any
    """The value, or a list of values."""

    @field_validator("value")
    @classmethod
    def _is_there(cls, value: Any) -> Any:
        check_value("in", value if isinstance(value, list) else [value])
        return value

    def bind(self, columns: Columns) -> Step:
        """The value must be comparable with each field."""
        values = self.value if isinstance(self.value, list) else [self.value]
        tests = {field: tester(columns.type_of(field), "in", values, "value") for field in self.fields}
        for field in self.fields:
            columns.put(field, columns.type_of(field))

        def step(rows: Rows) -> None:
            for field, matches in tests.items():
                found = rows.series(field)
                rows.put(field, found.set(matches(found).fill_null(value=False), None))

        return step
