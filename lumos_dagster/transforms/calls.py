"""What is called in an SQL expression: CASE, CAST and the functions, each put together from the values in it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import polars as pl
import pyarrow as pa
from sqlglot import exp

from lumos_dagster.conversion.names import type_named
from lumos_dagster.transforms.arithmetic import Rounding, round_off
from lumos_dagster.transforms.formula import Formula
from lumos_dagster.transforms.functions import (
    DATE_PARTS,
    TEXT_CHANGES,
    cast,
    choose,
    coalesce,
    date_part,
    extreme,
    joined,
    null_where,
    on_text,
    part,
    power,
)
from lumos_dagster.transforms.grammar import FUNCTIONS, Node, place_of

_ROUNDINGS: Mapping[type, Rounding] = {exp.Abs: "abs", exp.Round: "round", exp.Ceil: "ceil", exp.Floor: "floor"}
_SEVERAL: Mapping[type, Callable[[Sequence[Formula]], Formula]] = {
    exp.Coalesce: coalesce,
    exp.Concat: joined,
    exp.Greatest: partial(extreme, greatest=True),
    exp.Least: partial(extreme, greatest=False),
}
_MOST_DIGITS = 18
_TRIMS = {None: "trim", "LEADING": "ltrim", "TRAILING": "rtrim"}
_TYPES = {"varchar": "string", "char": "string", "real": "float", "tinyint": "int16"}


class Values(Protocol):
    """What compiles the nodes inside of a call."""

    def formula(self, node: Node) -> Formula:
        """A node as a value of each row."""
        ...

    def as_text(self, node: Node) -> Formula:
        """As text."""
        ...

    def truth(self, node: Node) -> Formula:
        """As a condition."""
        ...

    def compare(self, operator: str, left: Node, right: Node) -> Formula:
        """Two nodes held against each other."""
        ...

    def constant(self, node: Node) -> Any:
        """What must be written in the expression itself."""
        ...


def call(node: Node, values: Values) -> Formula:
    """The call as a formula. Raises ValueError where its arguments do not fit."""
    kind = type(node)
    if kind in _ROUNDINGS:
        digits = _whole(node.args.get("decimals"), values, 0)
        if not 0 <= digits <= _MOST_DIGITS:
            raise ValueError(f"round takes 0 to {_MOST_DIGITS} digits behind the point")
        return round_off(_ROUNDINGS[kind], values.formula(node.this), digits)
    if kind in _SEVERAL:
        return _SEVERAL[kind]([values.formula(one) for one in ([node.this] if node.this else []) + node.expressions])
    match node:
        case exp.Cast():
            return cast(values.formula(node.this), _type(node), lenient=kind is exp.TryCast)
        case exp.Case() | exp.If():
            return _case(node, values)
        case exp.Nullif():
            return null_where(values.formula(node.this), values.compare("equals", node.this, node.expression))
        case exp.Pow():
            return power(values.formula(node.this), values.formula(node.expression))
        case exp.Sqrt():
            return power(values.formula(node.this), values.formula(exp.Literal.number("0.5")))
    if FUNCTIONS[kind] in DATE_PARTS:
        return date_part(values.formula(node.this), FUNCTIONS[kind])
    return _text(node, values)


def _case(node: Node, values: Values) -> Formula:
    """`case when a then b`, `case x when 1 then b`, or `iif(a, b, c)`."""
    searched = isinstance(node, exp.Case)
    branches = node.args["ifs"] if searched else [node]
    last = node.args.get("default" if searched else "false")
    conditions = [
        values.compare("equals", node.this, branch.this) if searched and node.this else values.truth(branch.this)
        for branch in branches
    ]
    results = [values.formula(one) for one in (*(branch.args["true"] for branch in branches), last or exp.Null())]
    return choose(conditions, results)


def _text(node: Node, values: Values) -> Formula:
    """Functions of text; the sizes and texts beside it are constants."""
    text = values.as_text(node.this)
    match node:
        case exp.Trim():
            return on_text(text, TEXT_CHANGES[_TRIMS[node.args.get("position")]])
        case exp.Length():
            return on_text(text, lambda texts: texts.str.len_chars().cast(pl.Int64), pa.int64())
        case exp.Substring():
            size = node.args.get("length")
            start = _whole(_needed(node, "start"), values, 1)
            return part(text, start, _whole(size, values, 0) if size else None)
        case exp.Left() | exp.Right():
            count = max(_whole(node.expression, values, 0), 0)
            left = isinstance(node, exp.Left)
            return on_text(text, lambda texts: (texts.str.head if left else texts.str.tail)(count))
        case exp.Pad():
            return _padded(node, text, values)
        case exp.Replace():
            old, new = (str(values.constant(one)) for one in (node.expression, _needed(node, "replacement")))
            return on_text(text, lambda texts: texts.str.replace_all(old, new, literal=True) if old else texts)
        case exp.StartsWith():
            begin = str(values.constant(node.expression))
            return on_text(text, lambda texts: texts.str.starts_with(begin), pa.bool_())
        case exp.StrPosition():
            sought = str(values.constant(node.args["substr"]))
            return on_text(text, lambda texts: _position(texts, sought), pa.int64())
    return on_text(text, TEXT_CHANGES[FUNCTIONS[type(node)]])


def _padded(node: Node, text: Formula, values: Values) -> Formula:
    """Exactly so many characters, as in SQL: a longer text is cut."""
    size = max(_whole(node.expression, values, 0), 0)
    fill = str(values.constant(node.args["fill_pattern"])) if node.args.get("fill_pattern") else " "
    if len(fill) != 1:
        raise ValueError("one character to fill with is needed")
    left = bool(node.args.get("is_left"))
    return on_text(text, lambda texts: (texts.str.pad_start if left else texts.str.pad_end)(size, fill).str.head(size))


def _whole(node: Node | None, values: Values, default: int) -> int:
    """A whole number written in the expression."""
    found = default if node is None else values.constant(node)
    if isinstance(found, bool) or not isinstance(found, int):
        raise ValueError(f"{place_of(node)}: a whole number is needed here")  # noqa: TRY004
    return found


def _needed(node: Node, name: str) -> Node:
    """An argument that the parser lets be left out."""
    if node.args.get(name) is None:
        raise ValueError(f"{FUNCTIONS[type(node)]} needs its {name} too")
    return node.args[name]


def _type(node: Node) -> pa.DataType:
    """The type of a cast, by SQL's names or a job file's."""
    name = str(node.args["to"].sql()).lower()
    return type_named(_TYPES.get(name.split("(")[0], name))


def _position(texts: pl.Series, sought: str) -> pl.Series:
    """The place of a text in another, from 1, counted in characters; 0 where it is not in it."""
    text = pl.col("text")
    before = text.str.splitn(sought, 2).struct.field("field_0").str.len_chars().cast(pl.Int64) if sought else pl.lit(0)
    found = pl.when(text.str.contains(sought, literal=True)).then(before + 1).otherwise(0)
    return texts.to_frame("text").select(pl.when(text.is_not_null()).then(found).cast(pl.Int64)).to_series()
