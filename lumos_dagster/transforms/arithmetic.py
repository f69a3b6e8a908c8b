"""Exact reckoning with columns and constants.

Integers stay 64-bit integers and decimals decimals; text is read as a decimal number and gives text
again; only where a float takes part does it become floats. What does not fit, or is divided by zero,
is null in the result, which makes it a bad value.
"""

import operator as op
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion import convert, is_text
from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.transforms.comparison import is_numeric
from lumos_dagster.transforms.constants import scale_of
from lumos_dagster.transforms.decimals import (
    DIGITS,
    MOST_DIGITS,
    NUMBER,
    ceil,
    divide,
    fit,
    floor,
    modulo,
    narrow,
    plain,
    rounded,
    snug,
    snug_constant,
    wide,
    wide_constant,
)
from lumos_dagster.transforms.formula import Formula, reads_of
from lumos_dagster.transforms.rows import Rows
from lumos_dagster.transforms.series import to_arrow, to_polars

Sign = Literal["add", "subtract", "multiply", "divide", "modulo"]
Rounding = Literal["round", "ceil", "floor", "abs"]
Operand: TypeAlias = Formula | Decimal

_QUOTIENT_SCALE = 6
_MOST_SCALE, _MOST_PRODUCT_SCALE = 18, 30
"""The digits behind the point that a quotient, or another result, may have: Arrow's 76 are enough for these."""
_LEAST, _MOST = -(2**63), 2**63 - 1
_SIMPLE: Mapping[str, Callable[[Any, Any], Any]] = {"add": op.add, "subtract": op.sub, "multiply": op.mul}
_DECIMAL: Mapping[str, Callable[[Array, Array], Array]] = {
    "add": pc.add,
    "subtract": pc.subtract,
    "multiply": pc.multiply,
    "modulo": modulo,
}


def combine(sign: Sign, left: Operand, right: Operand) -> Formula:
    """The two put together. Raises ValueError for a type that is no number, and for a constant zero as divisor."""
    if sign in ("divide", "modulo") and right == 0:
        raise ValueError("division by zero")
    formulas = [part for part in (left, right) if isinstance(part, Formula)]
    kinds = [_number_kind(part.type) for part in formulas]
    if any(types.is_floating(kind) for kind in kinds):
        return Formula(
            pa.float64(), reads_of(*formulas), lambda rows: _floats(sign, _float(left, rows), _float(right, rows))
        )
    if sign != "divide" and all(_is_integer(part) for part in (left, right)):
        return Formula(
            pa.int64(), reads_of(*formulas), lambda rows: _integers(sign, _integer(left, rows), _integer(right, rows))
        )
    for part in (left, right):
        if isinstance(part, Decimal):
            wide_constant(part)
    text = any(is_text(kind) for kind in kinds)
    scale = 2 * NUMBER.scale if text and sign == "multiply" else _result_scale(sign, left, right)

    def exact(rows: Rows) -> Array:
        if sign in _SIMPLE and not text:
            one, other = _decimals(left, rows), _decimals(right, rows)
            if fit(sign, one.type, other.type):
                return _DECIMAL[sign](one, other)
        most = MOST_DIGITS if sign in ("add", "subtract") else DIGITS
        one, other = _wide(left, rows, most), _wide(right, rows, most)
        return rounded(divide(one, other, scale) if sign == "divide" else _DECIMAL[sign](one, other), scale)

    if text:
        return Formula(pa.string(), reads_of(*formulas), lambda rows: plain(exact(rows)))
    return Formula(pa.decimal128(38, scale), reads_of(*formulas), lambda rows: to_polars(narrow(exact(rows), scale)))


def round_off(how: Rounding, value: Formula, places: int = 0) -> Formula:
    """The value rounded to `places` (a half goes away from zero), up, down, or without its sign."""
    kind = _number_kind(value.type)
    if types.is_integer(kind):
        return _absolute(value) if how == "abs" else value
    if types.is_floating(kind):
        return Formula(kind, value.reads, lambda rows: _round_float(how, value.run(rows), places))
    if is_text(kind):
        return Formula(
            pa.string(), value.reads, lambda rows: plain(_round_decimal(how, wide(value.run(rows), kind), places))
        )
    scale = kind.scale if how == "abs" else min(places if how == "round" else 0, kind.scale)
    return Formula(
        pa.decimal128(38, scale),
        value.reads,
        lambda rows: to_polars(narrow(_round_decimal(how, wide(value.run(rows), kind, MOST_DIGITS), places), scale)),
    )


def explain(values: Sequence[Any], divided: bool) -> str:
    """Why reckoning with these values of a row gave nothing."""
    for value in values:
        if isinstance(value, str) and convert(pa.array([value]), NUMBER).values[0].as_py() is None:
            return f"{value!r} is not a number of at most 19 digits before the point and 18 behind it"
        if isinstance(value, Decimal) and len(value.as_tuple().digits) > DIGITS:
            return (
                f"the result does not fit the column's type, or cannot be told: {DIGITS} digits are multiplied, not 38"
            )
    if divided and len(values) and _is_zero(values[-1]):
        return "division by zero"
    return "the result does not fit the column's type"


def _is_zero(value: Any) -> bool:
    return Decimal(value) == 0 if isinstance(value, str) else value == 0


def _number_kind(kind: pa.DataType) -> Kind:
    if not is_text(kind) and not is_numeric(kind):
        raise ValueError(f"{kind} is not a number: convert it first (convert_field)")
    return kind


def _is_integer(part: Operand) -> bool:
    if isinstance(part, Formula):
        return types.is_integer(part.type)
    return scale_of(part) == 0 and _LEAST <= part <= _MOST


def _scale(part: Operand) -> int:
    if isinstance(part, Decimal):
        return scale_of(part)
    kind: Kind = part.type
    if is_text(kind):
        return NUMBER.scale
    return kind.scale if types.is_decimal(kind) else 0


def _result_scale(sign: Sign, left: Operand, right: Operand) -> int:
    scales = _scale(left), _scale(right)
    scale = sum(scales) if sign == "multiply" else max(*scales, _QUOTIENT_SCALE if sign == "divide" else 0)
    if scale > (_MOST_SCALE if sign == "divide" else _MOST_PRODUCT_SCALE):
        raise ValueError(f"the result would have {scale} digits behind the point: round the fields first")
    return scale


def _wide(part: Operand, rows: Rows, most: int) -> Array:
    return wide_constant(part) if isinstance(part, Decimal) else wide(part.run(rows), part.type, most)


def _decimals(part: Operand, rows: Rows) -> Array:
    """Integers or decimals with no more digits than the greatest of them has."""
    return snug_constant(part) if isinstance(part, Decimal) else snug(to_arrow(part.run(rows)))


def _float(part: Operand, rows: Rows) -> pl.Series:
    if isinstance(part, Decimal):
        return pl.Series([float(part)], dtype=pl.Float64)
    values = part.run(rows)
    return to_polars(convert(to_arrow(values), pa.float64()).values) if is_text(part.type) else values.cast(pl.Float64)


def _integer(part: Operand, rows: Rows) -> pl.Series:
    return pl.Series([int(part)], dtype=pl.Int64) if isinstance(part, Decimal) else part.run(rows)


def _floats(sign: Sign, left: pl.Series, right: pl.Series) -> pl.Series:
    known = left.is_finite() & right.is_finite()
    if sign in _SIMPLE:
        result: pl.Series = _SIMPLE[sign](left, right)
    else:
        right = _nonzero(right)
        result = left / right if sign == "divide" else _remainder(left, right)
    return result.to_frame("r").select(pl.when(~known | pl.col("r").is_finite()).then(pl.col("r"))).to_series()


def _nonzero(values: pl.Series) -> pl.Series:
    """Null in place of zero."""
    return values.to_frame("v").select(pl.when(pl.col("v") != 0).then(pl.col("v"))).to_series()


def _remainder(left: pl.Series, right: pl.Series) -> pl.Series:
    """C's fmod, whose sign is the dividend's, and which is exact; polars' own follows the divisor."""
    with np.errstate(invalid="ignore"):
        found = np.fmod(left.to_numpy(), right.to_numpy())
    return pl.Series(found, dtype=pl.Float64).set(left.is_null() | right.is_null(), None)


def _integers(sign: Sign, left: pl.Series, right: pl.Series) -> pl.Series:
    """In 64 bits where the least and greatest values show that all results fit, else in 128."""
    if sign == "modulo":
        left, right = left.cast(pl.Int128), _nonzero(right.cast(pl.Int128))
        return ((left.abs() % right.abs()) * left.sign()).cast(pl.Int64)
    compute = _SIMPLE[sign]
    corners = [compute(one, other) for one in _ends(left) for other in _ends(right)]
    if all(_LEAST <= corner <= _MOST for corner in corners):
        if not corners:
            return _nulls(left, right)
        narrow_result: pl.Series = compute(left.cast(pl.Int64), right.cast(pl.Int64))
        return narrow_result
    result: pl.Series = compute(left.cast(pl.Int128), right.cast(pl.Int128))
    return result.cast(pl.Int64, strict=False)


def _ends(values: pl.Series) -> tuple[int, ...]:
    return tuple(int(end) for end in (values.min(), values.max()) if isinstance(end, int))


def _nulls(left: pl.Series, right: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=pl.Int64).new_from_index(0, max(len(left), len(right)))


def _absolute(value: Formula) -> Formula:
    return Formula(
        pa.int64(), value.reads, lambda rows: value.run(rows).cast(pl.Int128).abs().cast(pl.Int64, strict=False)
    )


def _round_float(how: Rounding, values: pl.Series, places: int) -> pl.Series:
    match how:
        case "round":
            return values.round(places, mode="half_away_from_zero")
        case "ceil":
            return values.ceil()
        case "floor":
            return values.floor()
    return values.abs()


def _round_decimal(how: Rounding, values: Array, places: int) -> Array:
    match how:
        case "round":
            return rounded(values, places)
        case "ceil":
            return ceil(values)
        case "floor":
            return floor(values)
    return pc.abs(values)
