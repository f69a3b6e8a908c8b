"""Text to values, by the grammar that the package's docstring tells."""

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion.frames import VALUE, compute, frame, of_ticks, only, polars_type, to_arrow
from lumos_dagster.conversion.kinds import DAY_SECONDS, DIGITS, Array, Kind, impossible, is_bytes, is_utc, sized

_FLOAT = r"^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:nan|inf|infinity))$"
_SCIENTIFIC = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?0*[0-9]{1,3}$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
_ZONE = r"(?P<zone>Z|(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?)?"
_TIME = rf"^{_CLOCK}$"
_TIMESTAMP = rf"^(?P<date>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})(?:[T ]{_CLOCK}{_ZONE})?$"

_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_ZEROS = 100
"""More than any decimal has digits."""
_NANOSECOND_DAYS = 106_750
"""The days from 1970 that 64 bits of nanoseconds reach, about the years 1678 to 2261."""


def from_text(column: Array, target: Kind) -> Array:
    """Each text as the value it spells, null where it spells none."""
    readers = (
        (types.is_integer, _integer),
        (types.is_decimal, decimal),
        (types.is_floating, floating),
        (types.is_boolean, _boolean),
        (types.is_date, _date),
        (types.is_time, _time),
        (types.is_timestamp, _timestamp),
        (is_bytes, _hex),
    )
    for matches, read in readers:
        if matches(target):
            return read(column, target)
    raise impossible(column.type, target)


def decimal(column: Array, target: Kind) -> Array:
    """The digits are counted in the text itself, so that nothing is rounded and nothing overflows."""
    if types.is_decimal256(target):  # which polars has not
        return _odd_decimal(column, target)
    whole, scale = target.precision - target.scale, target.scale
    usual = only(VALUE, rf"^[+-]?[0-9]{{1,{max(whole, 1)}}}(?:\.[0-9]{{0,{scale}}})?$")
    found = compute(column, usual.cast(polars_type(target), strict=False), target)
    odd = pc.and_(column.is_valid(), found.is_null())
    if not pc.any(odd).as_py():
        return found
    return pc.replace_with_mask(found, odd, _odd_decimal(column.filter(odd), target))


def _odd_decimal(column: Array, target: Kind) -> Array:
    """As `decimal`, also for numbers with an exponent or with zeros that could as well be left out."""
    whole, scale = target.precision - target.scale, target.scale
    text = pl.when(VALUE.str.contains(_SCIENTIFIC)).then(_without_exponent(VALUE)).otherwise(VALUE)
    fits = only(only(text, rf"^[+-]?0*[0-9]{{0,{whole}}}(?:\.[0-9]{{0,{scale}}}0*)?$"), "[0-9]")
    plain = (
        fits.str.replace(rf"(\.[0-9]{{{scale}}})0+$", "${1}")
        .str.replace("^([+-]?)0*", "${1}")
        .str.replace(r"^([+-]?)(\.|$)", "${1}0${2}")
    )
    return compute(column, plain, pa.string()).cast(target)


def _without_exponent(text: pl.Expr) -> pl.Expr:
    """The digits of numbers that match _SCIENTIFIC, among zeros, with the point where the exponent moves it."""
    parts = text.str.extract_groups(r"^(?<sign>[+-]?)(?<whole>[0-9]*)\.?(?<fraction>[0-9]*)[eE](?<exponent>.*)$").struct
    digits = pl.concat_str(parts.field("whole"), parts.field("fraction"))
    moved = parts.field("whole").str.len_bytes().cast(pl.Int64) + parts.field("exponent").cast(pl.Int64, strict=False)
    point = moved.clip(-_ZEROS, digits.str.len_bytes().cast(pl.Int64) + _ZEROS) + _ZEROS
    padded = pl.concat_str(pl.lit("0" * _ZEROS), digits, pl.lit("0" * _ZEROS))
    return pl.concat_str(parts.field("sign"), padded.str.head(point), pl.lit("."), padded.str.slice(point))


def floating(column: Array, target: Kind) -> Array:
    """The nearest float, but never an infinity or a zero that the text does not spell."""
    number = only(VALUE, _FLOAT).cast(polars_type(target), strict=False)
    overflow = number.is_infinite() & ~VALUE.str.contains("(?i)inf")
    underflow = (number == 0) & VALUE.str.contains("^[^eE]*[1-9]")
    return compute(column, pl.when(~overflow & ~underflow).then(number), target)


def localised(local: Array, target: Kind) -> Array:
    """Timestamps without a zone as the target's; null for a time that its clocks skip or show twice."""
    if target.tz is None or local.type.tz is not None:
        return local.cast(target)
    if is_utc(target.tz):
        return local.cast(pa.int64()).cast(target)
    early = pc.assume_timezone(local, target.tz, ambiguous="earliest", nonexistent="earliest")
    late = pc.assume_timezone(local, target.tz, ambiguous="latest", nonexistent="latest")
    return pc.if_else(pc.equal(early, late), early, None)


def _integer(column: Array, target: Kind) -> Array:
    return compute(column, VALUE.cast(polars_type(target), strict=False), target)


def _boolean(column: Array, target: Kind) -> Array:
    truth = VALUE.str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)
    return compute(column, truth, target)


def _hex(column: Array, target: Kind) -> Array:
    return sized(compute(column, VALUE.str.strip_prefix("\\x").str.decode("hex", strict=False), pa.binary()), target)


def _date(column: Array, target: Kind) -> Array:
    return compute(column, _day(only(VALUE, _DATE)), target)


def _time(column: Array, target: Kind) -> Array:
    return of_ticks(compute(column, _clock(VALUE.str.extract_groups(_TIME), target.unit), pa.int64()), target)


def _timestamp(column: Array, target: Kind) -> Array:
    parts = pl.col("parts")
    per_second = 10 ** DIGITS[target.unit]
    days = _day(parts.struct.field("date")).cast(pl.Int32).cast(pl.Int64)
    if target.unit == "ns":
        days = pl.when(days.is_between(-_NANOSECOND_DAYS, _NANOSECOND_DAYS)).then(days)
    clock = pl.when(parts.struct.field("hour").is_null()).then(0).otherwise(_clock(parts, target.unit))
    minutes = _part(parts, "zone_hour") * 60 + _part(parts, "zone_minute")
    offset = pl.when(parts.struct.field("sign") == "-").then(-minutes).otherwise(minutes)
    zone_fits = (_part(parts, "zone_minute") < 60) & (minutes <= 18 * 60)
    ticks = pl.when(zone_fits).then(days * (DAY_SECONDS * per_second) + clock - offset * (60 * per_second))
    found = frame(column).select(VALUE.str.extract_groups(_TIMESTAMP).alias("parts"))
    found = found.select(ticks=ticks, zoned=parts.struct.field("zone").is_not_null())
    zoned, instants = to_arrow(found["zoned"], pa.bool_()), to_arrow(found["ticks"], pa.int64())
    if target.tz and pc.all(zoned).as_py():
        return instants.cast(target)
    local = localised(pc.if_else(zoned, None, instants).cast(pa.timestamp(target.unit)), target)
    return pc.if_else(zoned, instants.cast(target), local) if target.tz else local


def _day(text: pl.Expr) -> pl.Expr:
    # Python and most databases know no year 0.
    return pl.when(~text.str.starts_with("0000")).then(text.str.to_date("%Y-%m-%d", strict=False))


def _clock(parts: pl.Expr, unit: str) -> pl.Expr:
    """The ticks since midnight; null where a part is out of its range or the fraction is finer than the unit."""
    hour, minute, second = (_part(parts, name) for name in ("hour", "minute", "second"))
    digits = DIGITS[unit]
    fraction = parts.struct.field("fraction").fill_null("").str.strip_chars_end("0")
    of_fraction = fraction.str.pad_end(digits, "0").cast(pl.Int64, strict=False).fill_null(0)
    fits = (hour < 24) & (minute < 60) & (second < 60) & (fraction.str.len_bytes() <= digits)
    known = parts.struct.field("hour").is_not_null()
    return pl.when(fits & known).then((hour * 3600 + minute * 60 + second) * 10**digits + of_fraction)


def _part(parts: pl.Expr, name: str) -> pl.Expr:
    return parts.struct.field(name).cast(pl.Int64).fill_null(0)
