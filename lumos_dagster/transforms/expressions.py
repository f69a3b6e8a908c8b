"""SQL scalar expressions and conditions: parsed, held against a list of what is allowed, and compiled.

Only fields, constants, comparisons, and / or / not, arithmetic, `||` and a few functions are known:
no statement, no query, nothing that reads anything but the row.
"""

import operator as op
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from lumos_dagster.conversion import as_text, is_text
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.transforms.arithmetic import Sign, combine, round_off
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.comparison import pair_tester, tester
from lumos_dagster.transforms.constants import constant
from lumos_dagster.transforms.formula import Formula, column, reads_of
from lumos_dagster.transforms.rows import to_arrow, to_polars

Node: TypeAlias = Any
"""A node of sqlglot's tree."""

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
_TEXT: Mapping[type, Callable[[pl.Series], pl.Series]] = {
    exp.Upper: lambda text: text.str.to_uppercase(),
    exp.Lower: lambda text: text.str.to_lowercase(),
    exp.Trim: lambda text: text.str.strip_chars(),
}
_LOGIC: Mapping[type, Callable[[Any, Any], pl.Series]] = {exp.And: op.and_, exp.Or: op.or_}
_PLAIN = (exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Not, exp.Is, exp.In,
          exp.Between, exp.Like, exp.Neg, exp.DPipe, exp.Length, exp.Abs, exp.Round)  # fmt: skip
_ALLOWED = (*_PLAIN, *_COMPARISONS, *_SIGNS, *_TEXT, *_LOGIC)
_ALLOWED_TEXT = (
    "fields, constants, comparisons, in, between, like, is null, and, or, not, + - * / %, ||, "
    "upper, lower, trim, length, abs, round"
)
_QUOTES = 'Text stands in single quotes, a field whose name is an SQL word or has blanks in double ones ("order date").'
_PARTS = {"this", "expression", "expressions", "low", "high", "decimals", "quoted", "is_string"}


def parse(text: str) -> Node:
    """The tree of an expression. Raises ValueError that points at what is not allowed in it."""
    try:
        trees = sqlglot.parse(text, dialect="sqlite")  # its names may stand in "..", `..` and [..]
    except ParseError as error:
        first = error.errors[0]
        start = max(first["col"] - len(first["highlight"] or ""), 0)
        missing = str(first["description"]).startswith("Required keyword")
        reason = f"something is missing beside {first['highlight']}" if missing else first["description"]
        raise ValueError(f"{_at(text, start)}: {reason}. {_QUOTES}") from None
    except TokenError as error:
        raise ValueError(f"{text!r}: a quote is not closed") from error
    if len(trees) != 1 or trees[0] is None:
        raise ValueError(f"{text!r} is not one expression")
    for node in trees[0].walk():
        extra = {name for name, value in node.args.items() if value} - _PARTS - {"safe", "typed"}
        if not isinstance(node, _ALLOWED) or extra:
            raise ValueError(
                f"{_at(text, _start(node))}: {node.sql()} is not known here; allowed: {_ALLOWED_TEXT}. {_QUOTES}"
            )
    return trees[0]


def condition(text: str, columns: Columns, key: str) -> Formula:
    """A condition over the row: true, false, or null where it cannot be told. Raises ConfigError."""
    formula = scalar(text, columns, key)
    if not pa.types.is_boolean(formula.type):
        raise ConfigError(Problem(f"this is no condition: it gives {formula.type}", path=key))
    return formula


def scalar(text: str, columns: Columns, key: str) -> Formula:
    """An expression over the row. Raises ConfigError, pointing into the text."""
    try:
        return _Compiler(text, columns, key).formula(parse(text))
    except ValueError as error:
        raise ConfigError(Problem(str(error), path=key)) from error


class _Constant:
    def __init__(self, value: Any) -> None:
        self.value = value


class _Compiler:
    """Turns the tree into a formula; ValueError for what does not fit together."""

    def __init__(self, text: str, columns: Columns, key: str) -> None:
        self.text = text
        self.columns = columns
        self.key = key

    def formula(self, node: Node) -> Formula:
        """The node as a value of each row, a constant too."""
        part = self.part(node)
        if isinstance(part, Formula):
            return part
        value = float(part.value) if isinstance(part.value, Decimal) else part.value
        array = constant(value)
        one = to_polars(array)
        return Formula(array.type, (), lambda rows: one.new_from_index(0, rows.height))

    def part(self, node: Node) -> Formula | _Constant:
        """The node, constants left as they are."""
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
            return combine(_SIGNS[kind], self.number(node.this), self.number(node.expression))
        if kind is exp.Neg:
            inner = self.number(node.this)
            return _Constant(-inner) if isinstance(inner, Decimal) else combine("subtract", Decimal(0), inner)
        if kind is exp.DPipe:
            left, right = self.as_text(node.this), self.as_text(node.expression)
            return Formula(pa.string(), reads_of(left, right), lambda rows: left.run(rows) + right.run(rows))
        inner = self.formula(node.this)
        if kind is exp.Abs:
            return round_off("abs", inner)
        if kind is exp.Round:
            return round_off("round", inner, int(node.args["decimals"].this) if node.args.get("decimals") else 0)
        text = self.as_text(node.this)
        if kind is exp.Length:
            return Formula(pa.int64(), text.reads, lambda rows: text.run(rows).str.len_chars().cast(pl.Int64))
        change = _TEXT[kind]
        return Formula(pa.string(), text.reads, lambda rows: change(text.run(rows)))

    def column(self, node: Node) -> Formula:
        """A field by its name."""
        if node.this.name not in self.columns:
            error = self.columns.missing(node.this.name, self.key).problems[0]
            hint = error.hint or f"Text stands in single quotes: '{node.this.name}'."
            raise ConfigError(Problem(f"{_place(node)}: {error.message}", self.key, allowed=error.allowed, hint=hint))
        return column(node.this.name, self.columns, self.key)

    def compare(self, operator: str, left: Node, right: Node) -> Formula:
        """A comparison; the constant may stand on either side."""
        one, other = self.part(left), self.operand(right)
        if isinstance(one, _Constant):
            if isinstance(other, _Constant):
                raise ValueError(f"{_place(left)}: compares two constants")  # noqa: TRY004
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
        if type(node) is exp.Column and node.this.name not in self.columns and self.text[_start(node)] == '"':
            return _Constant(node.this.name)
        return self.part(node)

    def constant(self, node: Node) -> Any:
        """A constant, which must not be null."""
        part = self.operand(node)
        if isinstance(part, Formula) or part.value is None:
            raise ValueError(f"{_place(node)}: a constant is needed here")
        return part.value

    def number(self, node: Node) -> Formula | Decimal:
        """An operand of arithmetic."""
        part = self.part(node)
        if isinstance(part, Formula):
            return part
        if isinstance(part.value, bool) or not isinstance(part.value, int | Decimal):
            raise ValueError(f"{_place(node)}: a number is needed here")  # noqa: TRY004
        return Decimal(part.value)

    def truth(self, node: Node) -> Formula:
        """An operand of and, or, not."""
        inner = self.formula(node)
        if not pa.types.is_boolean(inner.type):
            raise ValueError(f"{_place(node)}: a condition is needed here, but this is {inner.type}")
        return inner

    def as_text(self, node: Node) -> Formula:
        """The node's value as text."""
        inner = self.formula(node)
        if is_text(inner.type):
            return inner
        return Formula(pa.string(), inner.reads, lambda rows: to_polars(as_text(to_arrow(inner.run(rows)))))


def _value(node: Node) -> Any:
    if isinstance(node, exp.Literal) and not node.is_string:
        value = Decimal(node.this)
        return int(value) if node.this.isdigit() else value
    return None if isinstance(node, exp.Null) else node.this


def _start(node: Node) -> int:
    """Where the first name in the node begins; nothing else has a place in sqlglot's tree."""
    return min((name.meta["start"] for name in node.find_all(exp.Identifier) if "start" in name.meta), default=0)


def _place(node: Node) -> str:
    """Where in the text; the text itself may hold a value that must not be shown."""
    return f"at character {_start(node) + 1}"


def _at(text: str, start: int) -> str:
    return f"{text!r}, at character {start + 1}"
