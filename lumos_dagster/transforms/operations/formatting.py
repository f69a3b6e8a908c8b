"""Operations that write numbers for people to read."""

from typing import Literal

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types
from pydantic import Field

from lumos_dagster.conversion import convert, is_text
from lumos_dagster.conversion.kinds import Array
from lumos_dagster.interface import StrictModel
from lumos_dagster.transforms.columns import Columns, wrong_type
from lumos_dagster.transforms.comparison import is_numeric
from lumos_dagster.transforms.decimals import NUMBER, spelled, wide
from lumos_dagster.transforms.operation import Operation
from lumos_dagster.transforms.operations.text import text_of
from lumos_dagster.transforms.rows import Step
from lumos_dagster.transforms.series import to_arrow

_PLACES = {"currency": 2}
_SUFFIX = {"percent": "%"}


class FormatOptions(StrictModel):
    """How a number is written."""

    decimal_places: int | None = Field(None, ge=0, le=18)
    """Digits behind the point, a half rounded away from zero; without it all that there are, and 2 for currency."""
    prefix: str = ""
    """What stands before the number, behind its minus."""
    suffix: str | None = None
    """What stands behind it; `%` for percent."""
    thousands_separator: str = ""
    """What stands between groups of three digits."""
    decimal_separator: str = "."
    """What stands before the fraction."""


class FormatField(Operation):
    """Writes a number as currency, number or percent (0.25 is 25%), or puts a prefix and suffix around any text.

    Example:
        {operation: format_field, field: price, formatter: currency, options: {prefix: €, thousands_separator: " "}}
        {price: "1234.5"} -> {price: €1 234.50}

    Bad value: text that is not a number, or one of more than 19 digits before the point or 18 behind it.
    """

    names = ("format_field",)

    field: str
    """A number, text that spells one, or anything for `string`."""
    formatter: Literal["currency", "number", "percent", "string"]
    """currency, number, percent or string."""
    options: FormatOptions = FormatOptions()
    """decimal_places, prefix, suffix, thousands_separator, decimal_separator."""

    def bind(self, columns: Columns) -> Step:
        """The field must be a number or text, but for the formatter `string`."""
        kind = columns.type_of(self.field)
        options, suffix = self.options, self.options.suffix or ""
        columns.put(self.field, kind if is_text(kind) else pa.string())
        if self.formatter == "string":
            return lambda rows: rows.put(self.field, options.prefix + text_of(rows, self.field) + suffix)
        if not is_text(kind) and not is_numeric(kind):
            raise wrong_type(self.field, kind, "a number")
        check = self.check(
            [self.field], lambda _: "is not a number of at most 19 digits before the point and 18 behind it"
        )
        return lambda rows: rows.put_checked(self.field, self._written(rows.series(self.field), kind), check)

    def _written(self, values: pl.Series, kind: pa.DataType) -> pl.Series:
        options = self.options
        places = _PLACES.get(self.formatter) if options.decimal_places is None else options.decimal_places
        percent = self.formatter == "percent"
        kept = places if places is None or not percent else places + 2
        numbers = _exact(values, kept) if types.is_floating(kind) else wide(values, kind)
        if percent:
            numbers = pc.multiply(numbers, pa.scalar(100, pa.decimal256(3, 0)))
        suffix = _SUFFIX.get(self.formatter, "") if options.suffix is None else options.suffix
        whole, fraction = pl.col("whole"), pl.col("fraction")
        if options.thousands_separator:
            groups = whole.str.reverse().str.replace_all("([0-9]{3})", "${1},").str.strip_chars_end(",").str.reverse()
            whole = groups.str.replace_all(",", options.thousands_separator, literal=True)
        point = pl.when(fraction == "").then(pl.lit("")).otherwise(pl.lit(options.decimal_separator))
        written = (pl.col("minus"), pl.lit(options.prefix), whole, point, fraction, pl.lit(suffix))
        return spelled(numbers, places).select(pl.concat_str(written)).to_series()


def _exact(values: pl.Series, places: int | None) -> Array:
    """A float as the decimal that is written like it; one with more digits than that is rounded to `places` first."""
    exact = convert(to_arrow(values), NUMBER).values
    if places is None or exact.null_count == values.null_count():
        return exact.cast(pa.decimal256(NUMBER.precision, NUMBER.scale))
    near = convert(to_arrow(values.round(min(places, 15), mode="half_away_from_zero")), NUMBER).values
    return pc.coalesce(exact, near).cast(pa.decimal256(NUMBER.precision, NUMBER.scale))
