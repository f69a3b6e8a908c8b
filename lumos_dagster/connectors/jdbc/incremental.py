"""An incremental read: only the rows whose cursor column lies behind the watermark of the last load."""

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pydantic import field_validator

from lumos_dagster.connectors.jdbc.database import Database
from lumos_dagster.connectors.jdbc.partitions import one_batch
from lumos_dagster.connectors.jdbc.selection import Selection
from lumos_dagster.conversion import as_text, convert
from lumos_dagster.errors import ConfigError, DataError, Problem
from lumos_dagster.interface import StrictModel
from lumos_dagster.watermarks import Watermark, Window

_BY_NAME: dict[str, pa.DataType] = {str(kind): kind for kind in (pa.int64(), pa.float64(), pa.string(), pa.binary())}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


class Incremental(StrictModel):
    """Read only rows that are new since the last load, whose watermark the loader keeps beside them."""

    cursor_column: str
    """A column that grows with each new or changed row: a number, a timestamp, or a text in the database's order."""
    initial_value: Any = None
    """The first load begins with this value; default: with the first row."""
    lag: float | str = 0
    """How far behind the watermark to begin again, for rows that are committed late: a number, for timestamps
    seconds or a text like `15m` or `1d 12h`. Those rows come twice, so the loader must upsert."""

    @field_validator("lag")
    @classmethod
    def _is_a_length(cls, value: float | str) -> float | str:
        text = _DURATION.sub("", value).strip() if isinstance(value, str) else ""
        if text or value == "" or (isinstance(value, float) and not 0 <= value < float("inf")):
            raise ValueError("must be a number, not less than 0, or a duration like 30s, 15m, 2h, 1d or 1d 12h")
        return value

    @property
    def overlaps(self) -> bool:
        """Whether rows of the last load come again."""
        return bool(self._lag())

    def window(self, last: Watermark | None, selection: Selection, database: Database, raw: Any) -> Window:
        """What the next load takes. DataError for rows without a cursor, which no load would ever take."""
        column = database.quote(self.cursor_column)
        nulls = one_batch(database, raw, selection.only("count(*) AS found").where(f"{column} IS NULL"))
        if count := nulls["found"][0].as_py():
            raise DataError(
                f"{count} rows have no {self.cursor_column}, so an incremental read would never take them: give them "
                f"one, or leave them out by a condition: {self.cursor_column} IS NOT NULL"
            )
        newer = self._after(last, selection, database, raw, lagging=False)
        newest = one_batch(database, raw, newer.only(f"max({column}) AS newest"))["newest"].combine_chunks()
        kind = self._kind(selection, database, raw)
        if not pa.types.is_string(kind):  # what the database computes may have lost its digits or its zone
            newest = convert(newest, kind).values
        text = as_text(newest)[0].as_py()
        return Window(last, last if text is None else Watermark(text, str(newest.type)))

    def within(self, window: Window, selection: Selection, database: Database, raw: Any) -> Selection:
        """Only the rows of the window."""
        if window.until is None:
            return selection.where("1 = 0")
        until = self._typed(window.until, self._kind(selection, database, raw))
        column = database.quote(self.cursor_column)
        rows = self._after(window.after, selection, database, raw, lagging=True)
        return rows.where(f"{column} <= :lumos_until", {"lumos_until": until})

    def _after(
        self, last: Watermark | None, selection: Selection, database: Database, raw: Any, lagging: bool
    ) -> Selection:
        column, kind = database.quote(self.cursor_column), self._kind(selection, database, raw)
        if self.initial_value is not None:
            selection = selection.where(f"{column} >= :lumos_initial", {"lumos_initial": self._initial(kind)})
        if last is None:
            return selection
        after = self._typed(last, kind)
        if lagging and self.overlaps:
            after = self._earlier(after)
        return selection.where(f"{column} > :lumos_after", {"lumos_after": after})

    def _kind(self, selection: Selection, database: Database, raw: Any) -> pa.DataType:
        """The type of the column; text where the values, compared as they are kept, bring types of their own."""
        if database.dates_are_text:
            return pa.string()
        column = selection.only(database.quote(self.cursor_column)).where("1 = 0")
        kind: pa.DataType = one_batch(database, raw, column).schema.field(0).type
        return kind

    def _typed(self, mark: Watermark, kind: pa.DataType) -> Any:
        """The watermark as a value again; where columns have no types of their own, it brings the one it had."""
        try:
            if pa.types.is_string(kind):
                kind = _BY_NAME[mark.kind]
            converted = convert(pa.array([mark.value]), kind)
        except KeyError:
            converted = None
        if converted is None or converted.bad.true_count:
            raise DataError(
                f"the watermark {mark.value!r} ({mark.kind}) does not fit column {self.cursor_column!r}, which is now "
                f"{kind}: remove its row from the table of watermarks beside the target, and load anew"
            )
        return converted.values[0].as_py()

    def _initial(self, kind: pa.DataType) -> Any:
        value = self.initial_value
        if pa.types.is_string(kind):
            return value
        converted = convert(pa.array([value.isoformat() if isinstance(value, date) else str(value)]), kind)
        if converted.bad.true_count:
            where = "incremental.initial_value"
            raise ConfigError(Problem(f"{where}: {value!r} does not fit {self.cursor_column!r}, which is {kind}"))
        return converted.values[0].as_py()

    def _lag(self) -> float:
        if isinstance(self.lag, str):
            return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(self.lag))
        return self.lag

    def _earlier(self, value: Any) -> Any:
        """The value by `lag` before this one."""
        lag = self._lag()
        if isinstance(value, str):
            return self._earlier_text(value)
        if isinstance(value, datetime):
            return value - timedelta(seconds=lag)
        if isinstance(value, date):
            return (datetime.combine(value, time()) - timedelta(seconds=lag)).date()
        if isinstance(self.lag, str) or not isinstance(value, int | float | Decimal):
            raise self._no_length(value)
        if isinstance(value, Decimal):
            return value - Decimal(str(lag))
        return value - int(lag) if lag == int(lag) else value - lag

    def _earlier_text(self, value: str) -> str:
        """A moment that is kept as text, with the same letter or space between date and time."""
        for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.date32()):
            converted = convert(pa.array([value]), kind)
            if not converted.bad.true_count:
                earlier = self._earlier(converted.values[0].as_py())
                text: str = as_text(pa.array([earlier], kind))[0].as_py()
                return text.replace("T", value[10:11] or " ")
        raise self._no_length(value)

    def _no_length(self, value: object) -> ConfigError:
        return ConfigError(
            Problem(f"incremental.lag: {self.lag!r} cannot be taken from {value!r} in column {self.cursor_column!r}")
        )
