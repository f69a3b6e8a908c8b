"""The options of a filter, as the `filter` transformer and the `filter_field` operation share them."""

from typing import Annotated, Any, Self

import pyarrow as pa
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from lumos_dagster.interface import StrictModel
from lumos_dagster.problems import near
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.comparison import OPERATOR_SPELLINGS, OPERATORS, check_value, operator_named, tester
from lumos_dagster.transforms.formula import Formula, column
from lumos_dagster.transforms.rows import Step


def _operator(name: Any) -> Any:
    found = operator_named(name) if isinstance(name, str) else None
    if name is not None and found is None:
        raise PydanticCustomError(
            "lumos",
            "not an operator",
            {"found": name, "allowed": OPERATORS, "hint": near(str(name), OPERATOR_SPELLINGS)},
        )
    return found


class Predicate(StrictModel):
    """Which rows match: `field`, `operator` and `value`, or an expression."""

    field: str | None = None
    """The field that is compared."""
    operator: Annotated[str | None, BeforeValidator(_operator)] = None
    """How: equals, greater_than, in, contains, is_null, .. or =, !=, >, >=, <, <=."""
    condition: str | None = None
    """Beside `field` the operator; alone an expression such as `value > 0 and status = 'active'`."""
    value: Any = Field(None, validate_default=True)
    """What the field is compared with; a list for `in`, `not_in` and `between`."""
    expression: str | None = None
    """An SQL condition over the fields: comparisons, in, between, like, is null, and, or, not."""
    keep: bool = True
    """false: rows that match are left out instead of kept."""

    @field_validator("condition")
    @classmethod
    def _operator_or_expression(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is None:
            return None
        if info.data.get("field") is not None:
            return str(_operator(text))
        from lumos_dagster.transforms.grammar import parse

        parse(text)
        return text

    @field_validator("value")
    @classmethod
    def _fits_operator(cls, value: Any, info: ValidationInfo) -> Any:
        given = info.data
        operator = given.get("operator") or given.get("condition")
        if given.get("field") is not None and operator:
            check_value(operator, value)
        elif value is not None and "field" in given and given["field"] is None:
            raise ValueError("a value needs the field that it is compared with")
        return value

    @field_validator("expression")
    @classmethod
    def _is_condition(cls, text: str | None) -> str | None:
        if text is not None:
            from lumos_dagster.transforms.grammar import parse

            parse(text)
        return text

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        operator = self.operator or (self.condition if self.field is not None else None)
        expression = self.expression or (self.condition if self.field is None else None)
        alone = self.operator is None or self.condition is None
        if (operator is None) == (expression is None) or (operator is None) != (self.field is None) or not alone:
            raise ValueError("needs field, operator and value; or an expression alone, as condition or expression")
        return self

    def formula(self, columns: Columns) -> Formula:
        """True for a row that matches; null, which is no match, where it cannot be told. Raises ConfigError."""
        if self.field is None:
            key = "condition" if self.expression is None else "expression"
            from lumos_dagster.transforms.expressions import condition

            return condition(str(self.condition or self.expression), columns, key)
        tested = column(self.field, columns, "field")
        matches = tester(tested.type, str(self.operator or self.condition), self.value, "value")
        return Formula(pa.bool_(), tested.reads, lambda rows: matches(tested.run(rows)))

    def step(self, columns: Columns) -> Step:
        """What filters a batch."""
        matching = self.formula(columns)
        if self.keep:
            return lambda rows: rows.filter(matching.run(rows))
        return lambda rows: rows.filter(~matching.run(rows).fill_null(value=False))
