"""SQL scalar expressions and conditions, compiled to formulas that run over whole columns."""

import operator as op
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from threading import local
from typing import Any

import polars as pl
import pyarrow as pa
from sqlglot import exp

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.transforms.arithmetic import Sign, combine
from lumos_dagster.transforms.calls import call
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.comparison import pair_tester, tester
from lumos_dagster.transforms.constants import constant, scale_of
from lumos_dagster.transforms.formula import Formula, column, reads_of
from lumos_dagster.transforms.functions import bad_of, cast, strict, text_of
from lumos_dagster.transforms.grammar import TOO_DEEP, Node, parse, place_of, start_of
from lumos_dagster.transforms.rows import Rows
from lumos_dagster.transforms.series import to_polars

_COMPARISONS: Mapping[type, str] = {
    exp.EQ: "equals",
    exp.NEQ: "not_equals",
    exp.GT: "greater_than",
    exp.GTE: "greater_or_equal",
    exp.LT: "less_than",
    exp.LTE: "less_or_equal",
}
_FLIPPED = {
    "greater_than": "less_than",
    "greater_or_equal": "less_or_equal",
    "less_than": "greater_than",
    "less_or_equal": "greater_or_equal",
}
_SIGNS: Mapping[type, Sign] = {
    exp.Add: "add",
    exp.Sub: "subtract",
    exp.Mul: "multiply",
    exp.Div: "divide",
    exp.Mod: "modulo",
}
_LOGIC: Mapping[type, Callable[[Any, Any], pl.Series]] = {exp.And: op.and_, exp.Or: op.or_}


def condition(text: str, columns: Columns, key: str) -> Formula:
    """A condition over the row: true, false, or null where it cannot be told. Raises ConfigError."""
    formula = scalar(text, columns, key)
    if not pa.types.is_boolean(formula.type):
        raise ConfigError(Problem(f"this is no condition: it gives {formula.type}", path=key))
    return Formula(formula.type, formula.reads, formula.run)


def scalar(text: str, columns: Columns, key: str) -> Formula:
    """An expression over the row. Raises ConfigError, pointing into the text."""
    try:
        return _Compiler(text, columns, key).whole(parse(text))
    except ValueError as error:
        raise ConfigError(Problem(str(error), path=key)) from error
    except RecursionError:
        raise ConfigError(Problem(TOO_DEEP, path=key)) from None


class _Constant:
    def __init__(self, value: Any) -> None:
        self.value = value


class _Done(local):
    """What the parts of an expression gave for the batch that a thread works on."""

    def __init__(self) -> None:
        self.parts: dict[int, pl.Series] = {}


class _Compiler:
    """Turns the tree into a formula; ValueError for what does not fit together."""

    def __init__(self, text: str, columns: Columns, key: str) -> None:
        self.text = text
        self.columns = columns
        self.key = key
        self.inner: list[Formula] = []
        self.keys: list[int] = []
        self.done = _Done()

    def formula(self, node: Node) -> Formula:
        """The node as a value of each row, a constant too."""
        part = self.part(node)
        if isinstance(part, Formula):
            return part
        array = pa.nulls(1) if part.value is None else constant(part.value)
        one = pl.Series([None]) if part.value is None else to_polars(array)
        written = Formula(array.type, (), lambda rows: one.new_from_index(0, rows.height))
        self.inner.append(written)
        return written

    def part(self, node: Node) -> Formula | _Constant:
        """The node, constants left as they are; what it is made of tells which rows are bad."""
        outer, self.inner = self.inner, []
        try:
            found = self.build(node)
        except ValueError as error:
            if isinstance(error, ConfigError) or str(error).startswith("at character"):
                raise
            raise ValueError(f"{place_of(node)}: {error}") from error
        finally:
            inner, self.inner = self.inner, outer
        if isinstance(found, Formula):
            found = self.once(found)
            if found.bad is None and inner:
                found = strict(found, inner)
            self.inner.append(found)
        return found

    def once(self, formula: Formula) -> Formula:
        """Reckoned once for each batch, however often it is asked for."""
        key = len(self.keys)
        self.keys.append(key)

        def run(rows: Rows) -> pl.Series:
            done = self.done.parts
            if key not in done:
                done[key] = formula.run(rows)
            return done[key]

        return Formula(formula.type, formula.reads, run, formula.bad)

    def whole(self, node: Node) -> Formula:
        """The whole expression; it forgets a batch when `bad` has been asked for, or when the next one comes."""
        top = self.formula(node)
        if pa.types.is_null(top.type):
            top = cast(top, pa.string())

        def run(rows: Rows) -> pl.Series:
            self.done.parts.clear()
            return top.run(rows)

        def bad(rows: Rows) -> pl.Series:
            found = bad_of(top)(rows)
            self.done.parts.clear()
            return found

        return Formula(top.type, top.reads, run, bad)

    def build(self, node: Node) -> Formula | _Constant:
        """The node by its kind."""
        kind = type(node)
        if kind is exp.Paren:
            return self.part(node.this)
        if kind in (exp.Literal, exp.Boolean, exp.Null):
            return _Constant(_value(node))
        if kind is exp.Column:
            return self.column(node)
        if kind in _COMPARISONS:
            return self.compare(_COMPARISONS[kind], node.this, node.expression)
        if kind in _LOGIC:
            left, right, join = self.truth(node.this), self.truth(node.expression), _LOGIC[kind]
            return Formula(pa.bool_(), reads_of(left, right), lambda rows: join(left.run(rows), right.run(rows)))
        if kind is exp.Not:
            inner = self.truth(node.this)
            return Formula(pa.bool_(), inner.reads, lambda rows: ~inner.run(rows))
        if kind in (exp.Is, exp.In, exp.Between, exp.Like):
            return self.test(node)
        return self.value(node)

    def value(self, node: Node) -> Formula | _Constant:
        """Arithmetic and functions."""
        kind = type(node)
        if kind in _SIGNS:
            left, right = self.number(node.this), self.number(node.expression)
            constants = isinstance(left, Decimal) and isinstance(right, Decimal)
            return combine(_SIGNS[kind], self.formula(node.this) if constants else left, right)
        if kind is exp.Neg:
            inner = self.number(node.this)
            if isinstance(inner, Formula):
                return combine("subtract", Decimal(0), inner)
            return _Constant(-inner if scale_of(inner) else -int(inner))
        if kind is exp.DPipe:
            left, right = self.as_text(node.this), self.as_text(node.expression)
            return Formula(pa.string(), reads_of(left, right), lambda rows: left.run(rows) + right.run(rows))
        return call(node, self)

    def column(self, node: Node) -> Formula:
        """A field by its name."""
        if node.this.name not in self.columns:
            error = self.columns.missing(node.this.name, self.key).problems[0]
            hint = error.hint or f"Text stands in single quotes: '{node.this.name}'."
            raise ConfigError(Problem(f"{place_of(node)}: {error.message}", self.key, allowed=error.allowed, hint=hint))
        return column(node.this.name, self.columns, self.key)

    def compare(self, operator: str, left: Node, right: Node) -> Formula:
        """A comparison; the constant may stand on either side."""
        one, other = self.part(left), self.operand(right)
        if isinstance(one, _Constant):
            if isinstance(other, _Constant):
                raise ValueError(f"{place_of(left)}: compares two constants")  # noqa: TRY004
            one, other, operator = other, one, _FLIPPED.get(operator, operator)
        if isinstance(other, Formula):
            first, second, pair = one, other, pair_tester(one.type, other.type, operator)
            return Formula(pa.bool_(), reads_of(first, second), lambda rows: pair(first.run(rows), second.run(rows)))
        if other.value is None:
            raise ValueError("null is not equal to anything: write is null, or is not null")
        return self.tested(one, operator, other.value)

    def test(self, node: Node) -> Formula:
        """The tests that are words: is null, in, between, like."""
        tested = self.formula(node.this)
        match node:
            case exp.Is():
                if type(node.expression) is not exp.Null:
                    raise ValueError("is stands before null, or not null, only")
                return self.tested(tested, "is_null", None)
            case exp.In():
                return self.tested(tested, "in", [self.constant(item) for item in node.expressions])
            case exp.Between():
                ends = [self.constant(node.args["low"]), self.constant(node.args["high"])]
                return self.tested(tested, "between", ends)
        pattern = re.escape(str(self.constant(node.expression))).replace("%", ".*").replace("_", ".")
        return self.tested(tested, "matches", f"(?s)^{pattern}$")

    def tested(self, tested: Formula, operator: str, value: Any) -> Formula:
        """The formula held against a constant."""
        matches = tester(tested.type, operator, value, self.key)
        return Formula(pa.bool_(), tested.reads, lambda rows: matches(tested.run(rows)))

    def operand(self, node: Node) -> Formula | _Constant:
        """What stands behind an operator; a name in double quotes that is no field is taken as text."""
        if type(node) is exp.Column and node.this.name not in self.columns and self.text[start_of(node)] == '"':
            return _Constant(node.this.name)
        return self.part(node)

    def constant(self, node: Node) -> Any:
        """A constant, which must not be null."""
        part = self.operand(node)
        if isinstance(part, Formula) or part.value is None:
            raise ValueError(f"{place_of(node)}: a constant is needed here")
        return part.value

    def number(self, node: Node) -> Formula | Decimal:
        """An operand of arithmetic."""
        part = self.part(node)
        if isinstance(part, Formula):
            return part
        if isinstance(part.value, bool) or not isinstance(part.value, int | Decimal):
            raise ValueError(f"{place_of(node)}: a number is needed here")  # noqa: TRY004
        return Decimal(part.value)

    def truth(self, node: Node) -> Formula:
        """An operand of and, or, not."""
        inner = self.formula(node)
        if not pa.types.is_boolean(inner.type):
            raise ValueError(f"{place_of(node)}: a condition is needed here, but this is {inner.type}")
        return inner

    def as_text(self, node: Node) -> Formula:
        """The node's value as text."""
        return text_of(self.formula(node))


def _value(node: Node) -> Any:
    if isinstance(node, exp.Literal) and not node.is_string:
        value = Decimal(node.this)
        return int(value) if value == value.to_integral_value() and "." not in node.this else value
    return None if isinstance(node, exp.Null) else node.this
