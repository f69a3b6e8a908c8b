"""The one grammar by which values change their type: exactly, vectorised, or marked as bad.

`convert(column, target)` is what `convert_field`, the CSV extractor's `types` and every loader's target columns use.

Text is read strictly, without spaces around it:
- integers `-12`, `+12`, `007`; nothing behind a point. Decimals `1.50`, `.5`, `1e3`, with no more digits than fit;
- floats as decimals, and `NaN`, `inf`, `infinity` in any case; a number beyond the type's range is bad;
- `true`, `false` in any case, `1`, `0`;
- dates `2026-03-04`, times `05:06[:07[.123456]]`, timestamps `2026-03-04[T05:06[:07[.123456]][Z|+08:00]]` (or a space
  for the `T`). A zone where the target has none is bad; where the target has one and the text none, the target's is
  meant, and a local time that its clocks skip or show twice is bad;
- binary as hex digits, with or without `\\x` in front;
- the empty text is none of these, and no digit of a fraction is ever dropped, unless it is a zero.

Other types convert where the value stays exactly the same: 3.0 becomes the integer 3, 3.5 is bad; midnight becomes a
date, any other time is bad; a float becomes the decimal that is written like it. Everything becomes text: ISO 8601,
`true`, the shortest digits that read back as the same float, hex, and JSON for what is nested.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion.kinds import Array, is_text, unwrapped
from lumos_dagster.conversion.plain import read_plainly
from lumos_dagster.conversion.writing import as_text, as_written

__all__ = ["Converted", "as_text", "as_written", "convert", "is_text"]


@dataclass(frozen=True)
class Converted:
    """`values` in the target type, null where the value was null or bad; `bad` marks the latter, never null itself."""

    values: "pa.Array[Any]"
    bad: pa.BooleanArray


def convert(column: "pa.Array[Any]", target: pa.DataType) -> Converted:
    """Each value of `column` as `target`, exactly. DataError where no value of the one type could be the other."""
    column = unwrapped(column)
    if column.type == target:
        values = column
    elif types.is_null(column.type):
        values = column.cast(target)
    elif is_text(target):
        values = as_text(column).cast(target)
    else:
        plain = read_plainly(column, target) if is_text(column.type) else None
        values = _converted(column, target) if plain is None else plain
    if values.null_count == column.null_count:  # a value that is bad would be one null more
        return Converted(values, _none_of(len(values)))
    return Converted(values, pc.and_(column.is_valid(), values.is_null()))


@lru_cache(maxsize=8)
def _none_of(rows: int) -> Array:
    """From a buffer, as pyarrow would load pandas to look at whatever else it is given."""
    return pa.Array.from_buffers(pa.bool_(), rows, [None, pa.py_buffer(bytes((rows + 7) // 8))])


def _converted(column: Array, target: pa.DataType) -> Array:
    """By polars, which takes its time to load, and which plain digits do not need."""
    from lumos_dagster.conversion.exact import from_values
    from lumos_dagster.conversion.reading import from_text

    return (from_text if is_text(column.type) else from_values)(column, target)
