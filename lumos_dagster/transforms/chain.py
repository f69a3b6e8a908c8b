"""The transform strings of `map`: calls on the value, such as `value.trim().to_uppercase()` or `multiply(2)`."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa

from lumos_dagster.conversion import as_text, convert, is_text
from lumos_dagster.conversion.kinds import Kind
from lumos_dagster.conversion.names import type_named
from lumos_dagster.errors import DataError
from lumos_dagster.problems import near
from lumos_dagster.transforms.arithmetic import Rounding, Sign, combine, round_off
from lumos_dagster.transforms.constants import number
from lumos_dagster.transforms.formula import Formula
from lumos_dagster.transforms.series import to_arrow, to_polars
from lumos_dagster.transforms.texts import CHANGES

_Change: TypeAlias = Callable[[Formula, Sequence[Any]], Formula]


@dataclass(frozen=True)
class Call:
    """One call of a chain."""

    name: str
    arguments: tuple[Any, ...]


def parse_chain(text: str) -> tuple[Call, ...]:
    """The calls in order. Raises ValueError that points at what is not understood."""
    try:
        node: ast.expr = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text!r} is no transform: write it as value.to_uppercase() or multiply(2)") from error
    calls: list[Call] = []
    while isinstance(node, ast.Call) and not node.keywords:
        match node.func:
            case ast.Name(id=name):
                inner: ast.expr | None = None
            case ast.Attribute(attr=name, value=inner):
                pass
            case _:
                break
        calls.append(_call(text, name, node))
        if inner is None:
            return tuple(reversed(calls))
        node = inner
    if isinstance(node, ast.Name) and node.id == "value":
        return tuple(reversed(calls))
    raise ValueError(f"{text!r}, at character {node.col_offset + 1}: only calls on value are known here")


def _call(text: str, name: str, node: ast.Call) -> Call:
    if name not in _CALLS:
        hint = near(name, _CALLS) or f"Known: {', '.join(_CALLS)}."
        raise ValueError(f"{text!r}: {name} is not a transform. {hint}")
    try:
        arguments = tuple(ast.literal_eval(argument) for argument in node.args)
    except ValueError as error:
        raise ValueError(f"{text!r}: the arguments of {name} must be numbers or texts in quotes") from error
    wanted = _CALLS[name][1]
    fits = len(arguments) == len(wanted) and all(map(_is_one, arguments, wanted))
    if not fits:
        raise ValueError(f"{text!r}: {name} takes ({', '.join(wanted)})")
    return Call(name, arguments)


def _is_one(argument: Any, wanted: str) -> bool:
    if wanted == "number":
        return number(argument) is not None
    if wanted == "digits":
        return isinstance(argument, int) and 0 <= argument <= 18
    return isinstance(argument, str | int | float)


def bind_chain(calls: Sequence[Call], value: Formula) -> Formula:
    """The calls as one formula. Raises ValueError where one does not fit the type before it."""
    for call in calls:
        value = _CALLS[call.name][0](value, call.arguments)
    return value


def _text(name: str, change: Callable[..., pl.Series], value: Formula, arguments: Sequence[Any]) -> Formula:
    if not is_text(value.type):
        raise ValueError(f"{name} works on text, but this is {value.type}")
    words = [str(argument) for argument in arguments]
    return Formula(value.type, value.reads, lambda rows: change(value.run(rows), *words))


def _reckon(sign: Sign, value: Formula, arguments: Sequence[Any]) -> Formula:
    return combine(sign, value, number(arguments[0]) or Decimal(0))


def _round(how: Rounding, value: Formula, arguments: Sequence[Any]) -> Formula:
    return round_off(how, value, *arguments)


def _convert(kind: pa.DataType, value: Formula, _: Sequence[Any]) -> Formula:
    there: Kind = value.type
    try:
        convert(pa.nulls(0, there), kind)
    except DataError as error:
        raise ValueError(str(error)) from error
    return Formula(kind, value.reads, lambda rows: to_polars(convert(to_arrow(value.run(rows)), kind).values))


def _joined(change: Callable[[pl.Series, str], pl.Series], value: Formula, arguments: Sequence[Any]) -> Formula:
    """The value may be of any type, which becomes text."""
    word = str(arguments[0])
    if is_text(value.type):
        return Formula(value.type, value.reads, lambda rows: change(value.run(rows), word))
    return Formula(pa.string(), value.reads, lambda rows: change(to_polars(as_text(to_arrow(value.run(rows)))), word))


def _append(text: pl.Series, word: str) -> pl.Series:
    return text + word


def _prepend(text: pl.Series, word: str) -> pl.Series:
    return word + text


def _replace(text: pl.Series, old: str, new: str) -> pl.Series:
    return text.str.replace_all(old, new, literal=True)


_CASES = {
    "uppercase": "uppercase", "to_uppercase": "uppercase", "upper": "uppercase",
    "lowercase": "lowercase", "to_lowercase": "lowercase", "lower": "lowercase",
    "capitalize": "capitalize", "title": "title", "trim": "trim",
    "trim_start": "ltrim", "ltrim": "ltrim", "trim_end": "rtrim", "rtrim": "rtrim",
}  # fmt: skip
_TYPES = {"to_string": "string", "to_int": "int", "to_float": "float", "to_bool": "bool"}
_SIGNS: Mapping[str, Sign] = {
    "add": "add", "subtract": "subtract", "multiply": "multiply", "divide": "divide", "modulo": "modulo",
}  # fmt: skip
_ONES: Mapping[str, Rounding] = {"abs": "abs", "ceil": "ceil", "floor": "floor"}
_CALLS: Mapping[str, tuple[_Change, tuple[str, ...]]] = {
    **{name: (partial(_text, name, CHANGES[change]), ()) for name, change in _CASES.items()},
    "replace": (partial(_text, "replace", _replace), ("text", "text")),
    **{name: (partial(_joined, _append), ("text",)) for name in ("concat", "append", "suffix")},
    **{name: (partial(_joined, _prepend), ("text",)) for name in ("prefix", "prepend")},
    **{name: (partial(_reckon, sign), ("number",)) for name, sign in _SIGNS.items()},
    **{name: (partial(_round, how), ()) for name, how in _ONES.items()},
    "round": (partial(_round, "round"), ("digits",)),
    **{name: (partial(_convert, type_named(kind)), ()) for name, kind in _TYPES.items()},
}
