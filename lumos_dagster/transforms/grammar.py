"""The grammar of SQL scalar expressions: parsed, and held against a list of what is allowed.

Only fields, constants, comparisons, logic, arithmetic, CASE, CAST and scalar functions are known: no statement, no
query, nothing that reads anything but the row.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

Node: TypeAlias = Any
"""A node of sqlglot's tree."""

_SIZES = {"start", "length", "is_left", "fill_pattern", "decimals", "replacement", "substr"}
_CASES = {"ifs", "default", "true", "false"}
_PARTS = {"this", "expression", "expressions", "low", "high", "quoted", "is_string"} | _SIZES | _CASES
_HIDDEN = {"safe", "typed", "coalesce", "ignore_nulls", "to", "nested", "_type"}
_TRIMS = (None, "LEADING", "TRAILING")

FUNCTIONS: Mapping[type, str] = {
    exp.Upper: "upper", exp.Lower: "lower", exp.Trim: "trim, ltrim, rtrim", exp.Length: "length",
    exp.Substring: "substr", exp.Left: "left", exp.Right: "right", exp.Pad: "lpad, rpad", exp.Replace: "replace",
    exp.Reverse: "reverse", exp.Concat: "concat", exp.StartsWith: "starts_with", exp.StrPosition: "instr",
    exp.Abs: "abs", exp.Round: "round", exp.Ceil: "ceil", exp.Floor: "floor", exp.Pow: "power", exp.Sqrt: "sqrt",
    exp.Greatest: "greatest", exp.Least: "least", exp.Year: "year", exp.Month: "month", exp.Day: "day",
    exp.Coalesce: "coalesce", exp.Nullif: "nullif", exp.If: "iif", exp.Case: "case", exp.Cast: "cast",
    exp.TryCast: "try_cast",
}  # fmt: skip
"""What may be called, and how it is written."""
_PLAIN = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Not, exp.Is, exp.In, exp.Between,
    exp.Like, exp.Neg, exp.DPipe, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Add, exp.Sub, exp.Mul, exp.Div,
    exp.Mod, exp.And, exp.Or, exp.DataType, exp.DataTypeParam,
)  # fmt: skip
_ALLOWED = (*_PLAIN, *FUNCTIONS)
_ALLOWED_TEXT = "fields, constants, comparisons, in, between, like, is null, and, or, not, + - * / %, ||, " + ", ".join(
    FUNCTIONS.values()
)
_QUOTES = 'Text stands in single quotes, a field whose name is an SQL word or has blanks in double ones ("order date").'
TOO_DEEP = "this is nested too deeply: make it of several operations, or write in (..) for many of or"
_REPLACE = re.compile(r"\s*replace\s*\(", re.IGNORECASE)


def parse(text: str) -> Node:
    """The tree of an expression. Raises ValueError that points at what is not allowed in it."""
    shift = 1 if _REPLACE.match(text) else 0  # alone, the word begins a statement
    try:
        trees = sqlglot.parse(
            f"({text})" if shift else text, dialect="sqlite"
        )  # names may stand in "..", `..` and [..]
    except ParseError as error:
        first = error.errors[0]
        start = max(first["col"] - len(first["highlight"] or "") - shift, 0)
        missing = str(first["description"]).startswith("Required keyword")
        reason = f"something is missing beside {first['highlight']}" if missing else first["description"]
        raise ValueError(f"{_at(text, start)}: {reason}. {_QUOTES}") from None
    except TokenError as error:
        raise ValueError(f"{text!r}: a quote is not closed") from error
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if len(trees) != 1 or trees[0] is None:
        raise ValueError(f"{text!r} is not one expression")
    for node in trees[0].walk():
        if isinstance(node, exp.Identifier) and "start" in node.meta:
            node.meta["start"] -= shift
    for node in trees[0].walk():
        _check(node, text)
    return trees[0]


def _check(node: Node, text: str) -> None:
    extra = {name for name, value in node.args.items() if value} - _PARTS - _HIDDEN
    if isinstance(node, exp.Trim) and node.args.get("expression") is None and node.args.get("position") in _TRIMS:
        extra.discard("position")
    if not isinstance(node, _ALLOWED) or extra:
        where = _at(text, _called(node, text))
        raise ValueError(f"{where}: {node.sql()} is not known here; allowed: {_ALLOWED_TEXT}. {_QUOTES}")


def start_of(node: Node) -> int:
    """Where the first name in the node begins; nothing else has a place in sqlglot's tree."""
    return min((name.meta["start"] for name in node.find_all(exp.Identifier) if "start" in name.meta), default=0)


def place_of(node: Node) -> str:
    """Where in the text; the text itself may hold a value that must not be shown."""
    return f"at character {start_of(node) + 1}"


def _called(node: Node, text: str) -> int:
    """Where the function's own name stands, which the tree does not tell."""
    if isinstance(node, exp.Func):
        names = [node.name] if isinstance(node, exp.Anonymous) else node.sql_names()
        found = re.search(rf"\b(?:{'|'.join(map(re.escape, names))})\s*\(", text, re.IGNORECASE)
        if found:
            return found.start()
    if isinstance(node, exp.Subquery | exp.Query) or node.find(exp.Query):
        found = re.search(r"\(?\s*\bselect\b", text, re.IGNORECASE)
        if found:
            return found.start()
    return start_of(node)


def _at(text: str, start: int) -> str:
    return f"{text!r}, at character {start + 1}"
