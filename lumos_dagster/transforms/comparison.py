"""Comparing a column with a constant or with another column: true, false, or null where it cannot be told.

A number or boolean against text reads the text as that; a text that cannot be read so does not match,
nor does a null. Numbers are compared exactly: no integer or decimal passes through a float.
"""

import operator as op
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial, reduce
from math import floor
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion import convert, is_text
from lumos_dagster.conversion.frames import only
from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.transforms.constants import constant, constant_as, number
from lumos_dagster.transforms.series import to_arrow, to_polars

Test: TypeAlias = Callable[[pl.Series], pl.Series]
Compare: TypeAlias = Callable[[Any, Any], Any]

_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?0*[0-9]{1,15})?$"
_ORDER: Mapping[str, Compare] = {
    "equals": op.eq,
    "not_equals": op.ne,
    "greater_than": op.gt,
    "greater_or_equal": op.ge,
    "less_than": op.lt,
    "less_or_equal": op.le,
}
_ARROW_ORDER: Mapping[str, Callable[[Any, Any], Array]] = {
    "equals": pc.equal,
    "not_equals": pc.not_equal,
    "greater_than": pc.greater,
    "greater_or_equal": pc.greater_equal,
    "less_than": pc.less,
    "less_or_equal": pc.less_equal,
}
_TEXT: Mapping[str, Callable[[pl.Series, str], pl.Series]] = {
    "contains": lambda text, part: text.str.contains(part, literal=True),
    "not_contains": lambda text, part: ~text.str.contains(part, literal=True),
    "starts_with": lambda text, part: text.str.starts_with(part),
    "ends_with": lambda text, part: text.str.ends_with(part),
    "matches": lambda text, part: text.str.contains(part),
}
_UNARY: Mapping[str, Test] = {
    "is_null": lambda values: values.is_null(),
    "is_not_null": lambda values: values.is_not_null(),
    "is_empty": lambda text: text == "",
    "is_not_empty": lambda text: text != "",
}
_SPELLINGS = {
    "=": "equals", "==": "equals", "eq": "equals", "!=": "not_equals", "<>": "not_equals", "ne": "not_equals",
    ">": "greater_than", "gt": "greater_than", ">=": "greater_or_equal", "gte": "greater_or_equal",
    "greater_than_or_equal": "greater_or_equal", "<": "less_than", "lt": "less_than", "<=": "less_or_equal",
    "lte": "less_or_equal", "less_than_or_equal": "less_or_equal", "regex": "matches",
}  # fmt: skip

WITHOUT_VALUE = tuple(_UNARY)
"""The operators that compare with nothing."""
WITH_LIST = ("between", "in", "not_in")
"""The operators whose value is a list."""
OPERATORS = (*_ORDER, *WITH_LIST, *_TEXT, *WITHOUT_VALUE)
"""Every operator by its first name."""
OPERATOR_SPELLINGS = (*OPERATORS, *_SPELLINGS)
"""Every operator in every spelling."""


def operator_named(name: str) -> str | None:
    """The operator's first name, from any spelling; None for one that nobody knows."""
    word = name.strip().lower()
    word = _SPELLINGS.get(word, word)
    return word if word in OPERATORS else None


def check_value(operator: str, value: Any) -> None:
    """Raise ValueError where the operator cannot take the value, whatever the column is."""
    if operator in WITHOUT_VALUE:
        if value is not None:
            raise ValueError(f"{operator} takes no value")
    elif operator in WITH_LIST:
        if not isinstance(value, list | tuple) or not value:
            raise ValueError(f"{operator} needs a list of values")
        if operator == "between" and len(value) != 2:
            raise ValueError("between needs a list of two values, the least and the greatest")
        if None in value:
            raise ValueError("null matches only is_null")
    elif value is None:
        raise ValueError(f"{operator} needs a value; null matches only is_null")
    elif isinstance(value, list | tuple | Mapping):
        raise ValueError(f"{operator} needs a single value")
    elif operator == "matches":
        check_pattern(str(value))


def check_pattern(pattern: str) -> None:
    """Raise ValueError where the pattern is no regular expression of the linear-time kind."""
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        reason = str(error).strip().split("\n\n", maxsplit=1)[0].splitlines()[-1]
        raise ValueError(f"{pattern!r} is not a regular expression: {reason.removeprefix('error: ')}") from error


def tester(kind: pa.DataType, operator: str, value: Any, path: str) -> Test:
    """What tells for each value of a column of type `kind` whether it matches. Raises ConfigError at `path`."""
    if operator in _TEXT or operator in ("is_empty", "is_not_empty"):
        if not is_text(kind):
            raise ConfigError(Problem(f"{operator} works on text, but the column is {kind}", path=path))
        if operator in _TEXT:
            part, matches = written(value), _TEXT[operator]
            return lambda text: matches(text, part)
    if operator in _UNARY:
        return _UNARY[operator]
    if operator == "between":
        least = _ordered(kind, "greater_or_equal", value[0], path)
        most = _ordered(kind, "less_or_equal", value[1], path)
        return lambda values: least(values) & most(values)
    if operator in ("in", "not_in"):
        among = _among(kind, value, path)
        return among if operator == "in" else lambda values: ~among(values)
    return _ordered(kind, operator, value, path)


def written(value: Any) -> str:
    """A YAML value as the text that stands in the file."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _among(kind: pa.DataType, values: Any, path: str) -> Test:
    if is_text(kind) and all(isinstance(value, str) for value in values):
        return lambda text: text.is_in(list(values))
    tests = [_ordered(kind, "equals", value, path) for value in values]
    return lambda column: reduce(op.or_, (one(column) for one in tests))


def _ordered(kind: Kind, operator: str, value: Any, path: str) -> Test:
    compare, exact = _ORDER[operator], number(value)
    if is_text(kind):
        if isinstance(value, str):
            return lambda text: compare(text, value)
        if exact is not None:
            return _text_with_number(compare, exact)
        one = _typed(value, path)
        same = to_polars(one)
        return lambda text: compare(to_polars(convert(to_arrow(text), one.type).values), same)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal128(kind):
        if isinstance(value, str) and re.match(_NUMBER, value):
            exact = Decimal(value)
        if exact is None:
            raise ConfigError(Problem(f"the value is not a number, but the column is {kind}", path=path))
        return _with_float(kind, operator, exact) if types.is_floating(kind) else _with_integer(kind, operator, exact)
    if any(is_one(kind) for is_one in (types.is_boolean, types.is_date32, types.is_time, types.is_timestamp)):
        there = pa.timestamp("us", kind.tz) if types.is_timestamp(kind) else kind
        same = constant_as(value, there, path)
        return lambda values: compare(values, same)
    raise ConfigError(Problem(f"a column of type {kind} cannot be compared with a value", path=path))


def _typed(value: Any, path: str) -> Array:
    """A constant that text is read like: a boolean, a date or a timestamp."""
    if not isinstance(value, bool | date):
        raise ConfigError(Problem("the value is nothing that text can be compared with", path=path))
    return constant(value)


def _with_float(kind: pa.DataType, operator: str, value: Decimal) -> Test:
    """As floats; NaN is greater than nothing."""
    compare = _ORDER[operator]
    one = pl.Series([float(value)], dtype=pl.Float32 if types.is_float32(kind) else pl.Float64)
    if operator in ("greater_than", "greater_or_equal"):
        return lambda values: compare(values, one) & values.is_not_nan()
    return lambda values: compare(values, one)


def _with_integer(kind: Kind, operator: str, value: Decimal) -> Test:
    """As integers, a decimal by its digits: a constant between two values is moved to the one that tells the same."""
    digits = kind.scale if types.is_decimal(kind) else 0
    exact = Fraction(value) * 10**digits
    whole = floor(exact)
    if whole == exact:
        compare = _ORDER[operator]
    elif operator in ("equals", "not_equals"):
        return _always(operator == "not_equals")
    elif operator in ("greater_than", "greater_or_equal"):
        whole, compare = whole + 1, op.ge
    else:
        compare = op.le
    least, most = _bounds(kind)
    if not least <= whole <= most:
        return _always(compare(0, whole))
    one = pl.Series([whole], dtype=pl.Int128)
    if types.is_decimal(kind):
        return lambda values: compare(values.to_physical(), one)
    return lambda values: compare(values, one.cast(values.dtype))


def _bounds(kind: Kind) -> tuple[int, int]:
    if types.is_decimal(kind):
        return 1 - 10**38, 10**38 - 1
    if types.is_unsigned_integer(kind):
        return 0, 2**kind.bit_width - 1
    return -(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1) - 1


def _always(answer: Any) -> Test:
    """The same answer for every value, and null for null."""
    answers = {False: bool(answer), True: None}
    return lambda values: values.is_null().replace_strict(answers, return_dtype=pl.Boolean)


def _text_with_number(compare: Compare, value: Decimal) -> Test:
    """Text read as numbers: by their nearest floats, and by every digit where these are the same."""
    nearest = float(value)
    floats_of = only(pl.col("text"), _NUMBER).cast(pl.Float64, strict=False)

    def matches(text: pl.Series) -> pl.Series:
        floats = text.to_frame("text").select(floats_of).to_series()
        found: pl.Series = compare(floats, nearest)
        tied = (floats == nearest).fill_null(value=False)
        if not tied.any():
            return found
        spelled = text.filter(tied).unique()
        answers = [compare(Decimal(one), value) for one in spelled]
        exact = text.replace_strict(spelled, answers, default=None, return_dtype=pl.Boolean)
        return exact.zip_with(tied, found)

    return matches


def pair_tester(left: Kind, right: Kind, operator: str) -> Callable[[pl.Series, pl.Series], pl.Series]:
    """As `tester`, for two columns. Raises ValueError where their types are not of one family."""
    compare = _ORDER[operator]
    if types.is_integer(left) and types.is_integer(right):
        return lambda one, other: compare(one.cast(pl.Int128), other.cast(pl.Int128))
    if is_numeric(left) and is_numeric(right):
        if types.is_floating(left) or types.is_floating(right):
            return partial(_float_pair, operator)
        exactly = _ARROW_ORDER[operator]
        return lambda one, other: to_polars(exactly(to_arrow(one), to_arrow(other)))
    families = (is_text, types.is_boolean, types.is_date32, types.is_time, types.is_timestamp)
    if not any(family(left) and family(right) for family in families):
        raise ValueError(f"{left} cannot be compared with {right}: convert one of them first (convert_field)")
    if types.is_timestamp(left) and (left.tz is None) != (right.tz is None):
        raise ValueError("a timestamp with a zone cannot be compared with one without: convert one of them first")
    return lambda one, other: compare(_utc(one), _utc(other))


def is_numeric(kind: pa.DataType) -> bool:
    """Whether the type is a number that can be reckoned with here."""
    return types.is_integer(kind) or types.is_float32(kind) or types.is_float64(kind) or types.is_decimal128(kind)


def _float_pair(operator: str, one: pl.Series, other: pl.Series) -> pl.Series:
    """NaN is not equal to anything, nor greater or less."""
    one, other = one.cast(pl.Float64), other.cast(pl.Float64)
    found: pl.Series = _ORDER[operator](one, other)
    missing = one.is_nan() | other.is_nan()
    return found | missing if operator == "not_equals" else found & ~missing


def _utc(values: pl.Series) -> pl.Series:
    return values.dt.convert_time_zone("UTC") if getattr(values.dtype, "time_zone", None) else values
