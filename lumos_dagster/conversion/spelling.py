"""Single values as text: numbers, moments, durations and bytes."""

from binascii import hexlify

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion.frames import VALUE, compute
from lumos_dagster.conversion.kinds import DAY_SECONDS, FIRST_DAY, Array, are_multiples, is_bytes, is_utc
from lumos_dagster.conversion.plain import bytes_of, offsets_of

_MOST_DIGITS = 76
_PARTS = {"months": np.int32, "days": np.int32, "nanoseconds": np.int64}
_CLOCK = "%H:%M:%S%.f"
_DAY_10000 = 2_932_897
"""The first day of the year 10000, from 1970."""
_DAY = DAY_SECONDS * 10**6
"""In microseconds."""
_INTERVAL = np.dtype(list(_PARTS.items()))
"""How Arrow lays out an interval: https://arrow.apache.org/docs/format/Columnar.html"""


def spelled(column: Array) -> Array:
    """Each value as text: plain digits, ISO 8601, hex."""
    kind = column.type
    if types.is_timestamp(kind):
        return _timestamp(column)
    if types.is_date32(kind) and _lie_within(column.cast(pa.int32()), FIRST_DAY, _DAY_10000):
        return column.cast(pa.string())
    if kind == pa.time64("us"):
        return _of_microseconds(column, pa.time32("s"))
    if types.is_time(kind):
        return compute(column, VALUE.dt.strftime(_CLOCK), pa.string())
    if types.is_duration(kind):
        in_polars = column.cast(pa.duration("ms")) if kind.unit == "s" else column
        return compute(in_polars, VALUE.dt.to_string("iso"), pa.string())
    if types.is_interval(kind):
        return _interval(column)
    if types.is_decimal256(kind):
        return _decimal(column)
    if is_bytes(kind):
        return _hex(column.cast(pa.large_binary()))
    return compute(column, VALUE.cast(pl.String), pa.string())


def _timestamp(column: Array) -> Array:
    kind = column.type
    suffix = ""
    if kind.tz and (is_utc(kind.tz) or kind.tz[0] in "+-"):  # polars knows zones by their names only
        suffix = "Z" if is_utc(kind.tz) else kind.tz
        column = pc.local_timestamp(column)
    elif kind.tz:
        suffix = "%:z"
    if column.type == pa.timestamp("us") and _lie_within(column.cast(pa.int64()), FIRST_DAY * _DAY, _DAY_10000 * _DAY):
        text = pc.binary_replace_slice(_of_microseconds(column, pa.timestamp("s")), 10, 11, "T")
        return pc.binary_join_element_wise(text, suffix, "") if suffix else text
    if kind.unit == "s":
        column = column.cast(pa.timestamp("ms", column.type.tz))
    return compute(column, VALUE.dt.strftime(f"%Y-%m-%dT{_CLOCK}{suffix}"), pa.string())


def _of_microseconds(moments: Array, seconds: pa.DataType) -> Array:
    """With no digits of a fraction, three or six, as polars writes them; Arrow is faster, and always writes six."""
    ticks = moments.cast(pa.int64())
    are_whole = are_multiples(ticks, 1_000_000)
    if pc.all(are_whole).as_py() is not False:
        return moments.cast(seconds).cast(pa.string())
    text: Array = moments.cast(pa.string())
    for shorter, behind in ((are_multiples(ticks, 1_000), len("000")), (are_whole, len(".000"))):
        if shorter.true_count:
            text = pc.replace_with_mask(text, shorter, pc.utf8_slice_codeunits(text.filter(shorter), 0, -behind))
    return text


def _lie_within(ticks: Array, first: int, end: int) -> bool:
    """Whether all are from `first` on and before `end`: Arrow spells the years from 1 to 9999 as is done here."""
    ends: Array = pc.min_max(ticks)
    least, most = ends["min"].as_py(), ends["max"].as_py()
    return least is None or bool(least >= first and most < end)


def _hex(column: Array) -> Array:
    """All at once: two digits for each byte."""
    values = pc.fill_null(column, b"")
    buffers = [None, pa.py_buffer((2 * offsets_of(values)).data), pa.py_buffer(hexlify(bytes_of(values).data))]
    texts = pa.Array.from_buffers(pa.large_string(), len(values), buffers)
    return pc.if_else(column.is_valid(), texts, pa.scalar(None, pa.large_string())).cast(pa.string())


def _decimal(column: Array) -> Array:
    """What polars does not know: the digits as of a whole number, with the point put in."""
    validity, digits = column.buffers()
    whole = pa.Array.from_buffers(
        pa.decimal256(_MOST_DIGITS), len(column), [validity, digits], column.null_count, column.offset
    )
    return _with_point(whole.cast(pa.string()), column.type.scale)


def _with_point(text: Array, scale: int) -> Array:
    """Whole numbers, of which the last `scale` digits stand behind the point; less than none are zeros."""
    sign: Array = pc.if_else(pc.starts_with(text, "-"), "-", "")
    digits: Array = pc.utf8_lpad(pc.utf8_ltrim(text, "-"), max(scale, 0) + 1, "0")
    if scale > 0:
        whole, fraction = pc.utf8_slice_codeunits(digits, 0, -scale), pc.utf8_slice_codeunits(digits, -scale)
        return pc.binary_join_element_wise(sign, whole, ".", fraction, "")
    zeros: Array = pc.if_else(pc.equal(text, pa.scalar("0")), "", "0" * -scale)
    return pc.binary_join_element_wise(sign, digits, zeros, "")


def _interval(column: Array) -> Array:
    _, parts = column.buffers()
    found = np.frombuffer(parts, _INTERVAL, len(column), column.offset * _INTERVAL.itemsize)
    months, days, nanoseconds = (pa.array(found[name]).cast(pa.string()) for name in _PARTS)
    seconds = _with_point(nanoseconds, 9)
    text: Array = pc.binary_join_element_wise("P", months, "M", days, "DT", seconds, "S", "")
    return pc.if_else(column.is_valid(), text, None)
