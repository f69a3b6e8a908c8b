"""Operations on dates and times."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types
from pydantic import AfterValidator, model_validator

from lumos_dagster.conversion import as_text, is_text
from lumos_dagster.conversion.kinds import Array
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.transforms.columns import Columns, wrong_type
from lumos_dagster.transforms.distinct import OfDistinct
from lumos_dagster.transforms.moments import (
    UNIX_TOKENS,
    ZONE_TOKENS,
    Moments,
    in_zone,
    moments_of,
    parse_format,
    pattern,
    reader,
    write,
)
from lumos_dagster.transforms.operation import Operation
from lumos_dagster.transforms.rows import Rows, Step
from lumos_dagster.transforms.series import to_polars


def _format(text: str) -> str:
    parse_format(text)
    return text


def _format_to_read(text: str) -> str:
    pattern(parse_format(text))
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone such as Asia/Shanghai or UTC") from error
    return name


DateFormat = Annotated[str, AfterValidator(_format)]
"""A format to write: moment's tokens (YYYY-MM-DD HH:mm), or strftime's (%Y-%m-%d)."""
ReadFormat = Annotated[str, AfterValidator(_format_to_read)]
"""A format to read."""
Zone = Annotated[str, AfterValidator(_zone)]
"""An IANA time zone."""


class FormatDate(Operation):
    """Writes a date in another form; the result is text. An impossible date is a bad value.

    Example:
        {operation: format_date, field: day, from_format: DD/MM/YYYY, to_format: YYYY-MM-DD}
        {day: 31/12/2024} -> {day: "2024-12-31"}
        {day: 30/02/2024} -> bad

    Bad value: text that is not spelled so, digit for digit; a date or a time of day that does not exist.
    """

    names = ("format_date",)

    field: str
    """A date or timestamp, or text that spells one."""
    from_format: ReadFormat | None = None
    """How the text spells it, by moment's tokens or strftime's; without it, ISO 8601."""
    to_format: DateFormat | None = None
    """How it is to be written."""
    format: DateFormat | None = None
    """The same as `to_format`."""
    timezone: Zone | None = None
    """Whose clock is written; a time that tells no zone of its own is meant there already, and is a bad value where
    that clock skips it, or shows it twice and a zone or a Unix time is to be written."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.to_format is None) == (self.format is None):
            raise ValueError("needs to_format, or format")
        return self

    def bind(self, columns: Columns) -> Step:
        """The field must be text, a date or a timestamp, or a number where from_format is X or x."""
        kind = columns.type_of(self.field)
        read = date_reader(self.field, kind, self.from_format)
        target = parse_format(str(self.to_format or self.format))
        if (
            self.from_format
            and is_text(kind)
            and target.needs_the_date
            and not parse_format(self.from_format).tells_the_date
        ):
            raise ConfigError(Problem("from_format has no year, so that the day is not known", path="from_format"))
        columns.put(self.field, kind if is_text(kind) else pa.string())
        spelled = repr(self.from_format) if self.from_format else "ISO 8601"
        reason = not_there(read, kind, self.timezone, f"no such date, or not spelled as {spelled}")
        check = self.check([self.field], reason)
        instant = target.has(UNIX_TOKENS | ZONE_TOKENS)
        only_day = types.is_date32(kind) or (
            self.from_format is not None and not parse_format(self.from_format).tells_the_time
        )
        zone = self.timezone if instant or not only_day else None  # a day is the same on every clock

        def written(column: Array) -> pl.Series:
            moments = read(column)
            return write(in_zone(moments, zone, instant=instant) if zone else moments, target)

        of_distinct = OfDistinct(written)

        def step(rows: Rows) -> None:
            column = rows.arrow(self.field)
            repeats = types.is_date32(kind) or _are_days(column, self.from_format)
            rows.put_checked(self.field, of_distinct(column) if repeats else written(column), check)

        return step


def _are_days(column: Array, form: str | None) -> bool:
    """Whether texts tell days and no time of day, so that there are far fewer different ones than rows."""
    if form is None:
        if not is_text(column.type):
            return False
        sizes: Array = pc.binary_length(column)
        longest: Array = pc.max(sizes)
        return (longest.as_py() or 0) <= len("YYYY-MM-DD")
    return not parse_format(form).tells_the_time


def not_there(
    read: Callable[[Array], Moments], kind: pa.DataType, zone: str | None, otherwise: str
) -> Callable[[Sequence[Any]], str]:
    """Says why a value tells no moment: a time that the zone's clocks do not show, or show twice, or `otherwise`."""

    def reason(values: Sequence[Any]) -> str:
        if zone and read(pa.array(values, kind)).wall.null_count() == 0:
            return f"no such time in {zone}, whose clocks skip it or show it twice"
        return otherwise

    return reason


def date_reader(field: str, kind: pa.DataType, form: str | None) -> Callable[[Array], Moments]:
    """What reads the moments out of a column of that type. Raises ConfigError where none can be in it."""
    if types.is_date32(kind) or types.is_timestamp(kind):
        return moments_of
    unix = form is not None and parse_format(form).has(UNIX_TOKENS)
    if not is_text(kind) and not (types.is_integer(kind) and unix):
        raise wrong_type(field, kind, "text, a date or a timestamp")
    read = reader(parse_format(form) if form else None)
    return lambda column: read(to_polars(as_text(column)))
