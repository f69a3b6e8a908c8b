"""Exact decimals in Arrow: read wide enough that nothing overflows on the way, narrowed or spelled out at the end."""

from decimal import ROUND_DOWN, Decimal, localcontext

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion import convert
from lumos_dagster.conversion.kinds import Array, Kind
from lumos_dagster.transforms.series import to_arrow, to_polars

NUMBER = pa.decimal128(37, 18)
"""What a text is read as: up to 19 digits before the point and 18 behind it."""
DIGITS = 37
"""Two factors of so many digits have a product of 75, which Arrow's widest decimal holds."""
MOST_DIGITS = 38
"""What a column can have, and what can be added, subtracted and rounded."""
_AT_ONCE = 9
"""Digits that a divisor may have for Arrow to be right: where it has more than 32 bits, and a 32-bit digit of the
quotient is the greatest one, Arrow 26 is wrong (pc.floor of 4294967295.99999999999999 is 4294967294)."""


def wide(values: pl.Series, kind: Kind, most: int = DIGITS) -> Array:
    """Integers, decimals, or text that spells numbers, as decimal256 of `most` digits; null where one has more."""
    array = to_arrow(values)
    if types.is_integer(kind):
        return array.cast(pa.decimal256(20, 0))
    if not types.is_decimal(kind):
        array = convert(array, NUMBER).values
    precision, scale = array.type.precision, array.type.scale
    if precision > most:
        array = _below(array, most - scale)
    return array.cast(pa.decimal256(min(precision, most), scale))


def wide_constant(value: Decimal) -> Array:
    """A constant beside such an array. Raises ValueError where it has too many digits."""
    return pa.scalar(value, pa.decimal256(*_size(value)))


def snug(values: Array) -> Array:
    """Integers or decimals as decimal128 of no more digits than the greatest has; the same bits, called otherwise."""
    if types.is_integer(values.type):
        values = values.cast(pa.decimal128(20, 0))
    scale = values.type.scale
    least_and_most: Array = pc.min_max(values)
    ends = [end for end in least_and_most.as_py().values() if end is not None]
    digits = max([1, scale, *(len(end.as_tuple().digits) for end in ends)])
    return _called(pa.decimal128(digits, scale), values)


def snug_constant(value: Decimal) -> Array:
    """A constant beside such an array."""
    return pa.scalar(value, pa.decimal128(*_size(value)))


def fit(sign: str, left: Kind, right: Kind) -> bool:
    """Whether the sum, difference or product of two such is a decimal128 too, as Arrow reckons its digits."""
    if sign == "multiply":
        return bool(left.precision + right.precision < 38)
    scale = max(left.scale, right.scale)
    return bool(max(left.precision - left.scale, right.precision - right.scale) + scale < 38)


def _size(value: Decimal) -> tuple[int, int]:
    """The digits of a constant, and those of them behind the point."""
    scale = max(-int(value.normalize().as_tuple().exponent), 0)
    precision = max(value.adjusted() + 1 + scale, scale, 1)
    if precision > DIGITS:
        raise ValueError(f"{value} has more than {DIGITS} digits")
    return precision, scale


def divide(left: Array, right: Array, scale: int = 0) -> Array:
    """The quotient with more than `scale` digits behind the point, cut; null where the divisor is zero."""
    spare = left.type.scale + right.type.precision - right.type.scale  # the scale that Arrow gives a quotient, less 1
    if spare < scale:
        more = scale - spare
        kind = pa.decimal256(left.type.precision + more, left.type.scale + more)
        left = pa.scalar(left.as_py(), kind) if isinstance(left, pa.Scalar) else left.cast(kind)
    right = pc.if_else(pc.equal(right, pa.scalar(Decimal(0), right.type)), None, right)
    return _mended(pc.divide(left, right), left, right)


def _mended(quotients: Array, left: Array, right: Array) -> Array:
    """The quotients, those that Arrow divides wrongly by Python: where one, times its divisor, leaves too much."""
    if right.type.precision <= _AT_ONCE:
        return quotients
    more = quotients.type.scale + right.type.scale - left.type.scale
    dividend = _as_whole(left.cast(pa.decimal256(left.type.precision + more, left.type.scale + more)), quotients, 75)
    divisor = _as_whole(right, quotients, DIGITS)
    rest: Array = pc.subtract(dividend, pc.multiply(_as_whole(quotients, quotients, DIGITS), divisor))
    nothing = pa.scalar(Decimal(0), rest.type)
    turned = pc.and_(pc.not_equal(rest, nothing), pc.xor(pc.less(rest, nothing), pc.less(dividend, nothing)))
    wrong: Array = pc.or_(turned, pc.greater_equal(pc.abs(rest), pc.abs(divisor))).fill_null(False)
    if not wrong.true_count:
        return quotients
    unit = Decimal(1).scaleb(-quotients.type.scale)
    with localcontext(prec=2 * quotients.type.precision, rounding=ROUND_DOWN):
        pairs = zip(_taken(left, wrong), _taken(right, wrong), strict=True)
        exact: Array = pa.array([(one / other).quantize(unit) for one, other in pairs], quotients.type)
    return pc.replace_with_mask(quotients, wrong, exact)


def _as_whole(part: Array, beside: Array, digits: int) -> Array:
    """The same bits, called a number without a point of so many digits; a constant as often as what it is beside."""
    if isinstance(part, pa.Scalar):
        part = pa.array([part.as_py()], part.type).take(pa.repeat(0, len(beside)))
    return _called(pa.decimal256(digits, 0), part)


def _called(kind: pa.DataType, values: Array) -> Array:
    """The same bits as another type of their width, which may have fewer digits than Arrow reckons with."""
    return pa.Array.from_buffers(kind, len(values), values.buffers(), offset=values.offset)


def _taken(part: Array, which: Array) -> list[Decimal]:
    return [part.as_py()] * which.true_count if isinstance(part, pa.Scalar) else part.filter(which).to_pylist()


def modulo(left: Array, right: Array) -> Array:
    """What division leaves, with the sign of the dividend, as in SQL."""
    whole = _below(cut(divide(left, right), 0), DIGITS)
    scale = right.type.scale
    taken = pc.multiply(whole.cast(pa.decimal256(DIGITS, 0)), right)
    return pc.subtract(left, taken.cast(pa.decimal256(left.type.precision - left.type.scale + scale, scale)))


def cut(values: Array, places: int) -> Array:
    """At most `places` digits behind the point, the others dropped; a few at a time, which Arrow divides rightly."""
    kind = values.type
    while kind.scale > places:
        dropped = min(kind.scale - places, _AT_ONCE)
        kind = pa.decimal256(max(kind.precision - dropped, 1), kind.scale - dropped)
        values = values.cast(kind, safe=False)
    return values


def rounded(values: Array, places: int) -> Array:
    """At most one more than `places` digits behind the point, rounded to these; a half goes away from zero."""
    if values.type.scale <= places:
        return values
    return pc.round(cut(_roomy(values), places + 1), ndigits=places, round_mode="half_towards_infinity")


def floor(values: Array) -> Array:
    """The next whole number downwards."""
    whole = cut(_roomy(values), 0)
    return pc.subtract(whole, _one_where(pc.greater(whole, values)))


def ceil(values: Array) -> Array:
    """The next whole number upwards."""
    whole = cut(_roomy(values), 0)
    return pc.add(whole, _one_where(pc.less(whole, values)))


def _one_where(which: Array) -> Array:
    one, zero = (pa.scalar(Decimal(number), pa.decimal256(1, 0)) for number in (1, 0))
    return pc.if_else(which, one, zero)


def _roomy(values: Array) -> Array:
    """The same with one digit more, which a number gains where all of its nines are rounded up."""
    return values.cast(pa.decimal256(min(values.type.precision + 1, 76), values.type.scale))


def narrow(values: Array, scale: int) -> Array:
    """As decimal128 with 38 digits, `scale` of them behind the point; null where a value has more before it."""
    return _below(rounded(values, scale), 38 - scale).cast(pa.decimal128(38, scale))


def plain(values: Array) -> pl.Series:
    """The digits written out, never as 1E-7, without zeros at the end."""
    point = pl.when(pl.col("fraction") == "").then(pl.lit("")).otherwise(pl.lit("."))
    return (
        spelled(values).select(pl.concat_str(pl.col("minus"), pl.col("whole"), point, pl.col("fraction"))).to_series()
    )


def spelled(values: Array, places: int | None = None) -> pl.DataFrame:
    """The digits as text in columns `minus`, `whole` and `fraction`, the last with exactly `places` digits if given."""
    if places is not None:
        values = rounded(values, places)
    scale = values.type.scale
    # The same bits read with no scale give all digits as a whole number, which Arrow writes without an exponent.
    whole_numbers = _called(pa.decimal256(values.type.precision, 0), values)
    digits = to_polars(whole_numbers.cast(pa.string())).to_frame("digits")
    signed = pl.col("digits")
    number = digits.select(
        minus=pl.when(signed.str.starts_with("-")).then(pl.lit("-")).otherwise(pl.lit("")),
        number=signed.str.strip_prefix("-").str.zfill(scale + 1),
    )
    fraction = pl.col("number").str.tail(scale)
    if places is None:
        fraction = fraction.str.strip_chars_end("0")
    else:
        fraction = fraction.str.head(places).str.pad_end(places, "0")
    return number.select("minus", whole=pl.col("number").str.head(-scale) if scale else "number", fraction=fraction)


def _below(values: Array, whole: int) -> Array:
    """Null where a value has more than `whole` digits before the point."""
    if values.type.precision - values.type.scale <= whole:
        return values
    limit = pa.scalar(Decimal(10) ** whole, values.type)
    return pc.if_else(pc.less(pc.abs(values), limit), values, None)
