"""Operations that reckon."""

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, BeforeValidator, Field

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.transforms.arithmetic import Rounding, Sign, combine, explain, round_off
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.constants import number
from lumos_dagster.transforms.formula import Formula, column
from lumos_dagster.transforms.operation import OnFields, Operation
from lumos_dagster.transforms.rows import Rows, Step

_SIGNS: Mapping[str, Sign] = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo",
    "add": "add", "subtract": "subtract", "multiply": "multiply", "divide": "divide", "modulo": "modulo",
}  # fmt: skip


def _number_or_name(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, float) and number(value) is None):
        raise ValueError("must be a number or the name of a field")
    return value


class Reckoning(Operation):
    """An operation on a field and a number, or another field."""

    field: str
    """The field on the left."""
    operand: Annotated[int | float | str, BeforeValidator(_number_or_name)]
    """A number, or the name of the field on the right."""
    to: str | None = None
    """The field for the result; without it, `field` itself."""

    @property
    @abstractmethod
    def sign(self) -> Sign:
        """What is done."""

    def bind(self, columns: Columns) -> Step:
        """Both must be numbers, or text; what comes out is an int64, an exact decimal, a float or text, as they are."""
        left = column(self.field, columns, "field")
        try:
            result = combine(self.sign, left, self._right(columns))
        except ValueError as error:
            raise ConfigError(Problem(str(error), path="operand")) from error
        target = self.to or self.field
        columns.free(target, result.reads, "to")
        columns.put(target, result.type, result.reads)
        check = self.check(result.reads, partial(explain, divided=self.sign in ("divide", "modulo")))
        return lambda rows: rows.put_checked(target, result.run(rows), check)

    def _right(self, columns: Columns) -> Formula | Decimal:
        exact = number(self.operand)
        if exact is None and str(self.operand) not in columns:
            with suppress(ArithmeticError):
                exact = Decimal(self.operand)
        return exact if exact is not None and exact.is_finite() else column(str(self.operand), columns, "operand")


class Add(Reckoning):
    """Adds a number or another field.

    Example:
        {operation: add, field: n, operand: 3}
        {n: 7} -> {n: 10}

    Bad value: text that is not a number; a result that does not fit 64 bits, or 38 digits.
    """

    names = ("add",)
    sign: ClassVar[Sign] = "add"


class Subtract(Reckoning):
    """Takes a number or another field away.

    Example:
        {operation: subtract, field: n, operand: 3}
        {n: 7} -> {n: 4}

    Bad value: text that is not a number; a result that does not fit 64 bits, or 38 digits.
    """

    names = ("subtract",)
    sign: ClassVar[Sign] = "subtract"


class Multiply(Reckoning):
    """Multiplies by a number or another field.

    Example:
        {operation: multiply, field: n, operand: 3}
        {n: 7} -> {n: 21}

    Bad value: text that is not a number; a result that does not fit 64 bits, or 38 digits.
    """

    names = ("multiply",)
    sign: ClassVar[Sign] = "multiply"


class Divide(Reckoning):
    """Divides by a number or another field; division by zero is a bad value.

    Example:
        {operation: divide, field: total, operand: n, to: each}
        {total: 7, n: 2} -> {total: 7, n: 2, each: "3.500000"}
        {total: 7, n: 0} -> bad

    Bad value: division by zero; text that is not a number; a result that does not fit 64 bits, or 38 digits.
    """

    names = ("divide",)
    sign: ClassVar[Sign] = "divide"


class Modulo(Reckoning):
    """What division leaves, with the sign of the field on the left.

    Example:
        {operation: modulo, field: n, operand: 3}
        {n: 7} -> {n: 1}

    Bad value: division by zero; text that is not a number; a result that does not fit 64 bits, or 38 digits.
    """

    names = ("modulo",)
    sign: ClassVar[Sign] = "modulo"


class Calculate(Reckoning):
    """Any of these five, named by `operator`.

    Example:
        {operation: calculate, field: price, operator: "*", operand: "1.19", to: gross}
        {price: "10.50"} -> {price: "10.50", gross: "12.495"}

    Bad value: division by zero; text that is not a number; a result that does not fit 64 bits, or 38 digits.
    """

    names = ("calculate",)

    operator: Literal["add", "subtract", "multiply", "divide", "modulo", "+", "-", "*", "/", "%"]
    """add, subtract, multiply, divide, modulo, or the sign."""

    @property
    def sign(self) -> Sign:
        """The operator's name."""
        return _SIGNS[self.operator]


class Rounds(OnFields):
    """An operation on one number."""

    how: ClassVar[Rounding]

    def bind(self, columns: Columns) -> Step:
        """The fields must be numbers, or text; an integer stays as it is."""
        results: dict[str, Formula] = {}
        for field in self.fields:
            try:
                results[field] = round_off(self.how, column(field, columns, "field"), self._places())
            except ValueError as error:
                raise ConfigError(Problem(str(error), path="field")) from error
            columns.put(field, results[field].type)

        def step(rows: Rows) -> None:
            for field, result in results.items():
                rows.put_checked(field, result.run(rows), self.check([field], partial(explain, divided=False)))

        return step

    def _places(self) -> int:
        return 0


class Round(Rounds):
    """Rounds to some digits behind the point; a half goes away from zero.

    Example:
        {operation: round, field: x, decimal_places: 1}
        {x: "2.25"} -> {x: "2.3"}

    Bad value: text that is not a number; a result that does not fit 64 bits, or 38 digits.
    """

    names = ("round",)
    how: ClassVar[Rounding] = "round"

    decimal_places: int = Field(0, ge=0, le=18, validation_alias=AliasChoices("decimal_places", "places", "precision"))
    """How many digits stay behind the point."""

    def _places(self) -> int:
        return self.decimal_places


class Ceil(Rounds):
    """The next whole number upwards.

    Example:
        {operation: ceil, field: x}
        {x: "2.25"} -> {x: "3"}

    Bad value: text that is not a number; a result that does not fit 64 bits, or 38 digits.
    """

    names = ("ceil",)
    how: ClassVar[Rounding] = "ceil"


class Floor(Rounds):
    """The next whole number downwards.

    Example:
        {operation: floor, field: x}
        {x: "-2.25"} -> {x: "-3"}

    Bad value: text that is not a number; a result that does not fit 64 bits, or 38 digits.
    """

    names = ("floor",)
    how: ClassVar[Rounding] = "floor"


class Abs(Rounds):
    """The number without its sign.

    Example:
        {operation: abs, field: x}
        {x: -2} -> {x: 2}

    Bad value: text that is not a number; a result that does not fit 64 bits, or 38 digits.
    """

    names = ("abs",)
    how: ClassVar[Rounding] = "abs"
