"""Points in time as they are read and written: what a clock shows, and how far it is from UTC."""

from dataclasses import dataclass
from typing import Literal

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion.kinds import Array
from lumos_dagster.transforms.series import to_polars

US_PER_SECOND = 1_000_000


@dataclass(frozen=True)
class Moments:
    """What a clock shows, `wall` (Datetime in microseconds, null for none), and its `offset`: seconds ahead of UTC.

    The offset is null where no zone was told.
    """

    wall: pl.Series
    offset: pl.Series

    @property
    def utc(self) -> pl.Series:
        """The instants, as Datetime without a zone; without an offset, the clock is taken to show UTC."""
        return self.wall - pl.Series(self.offset.fill_null(0) * US_PER_SECOND).cast(pl.Duration("us"))


def moments_of(column: Array) -> Moments:
    """A date or timestamp column; a timestamp with a zone shows that zone's clock."""
    if types.is_timestamp(column.type) and column.type.tz:
        local = pc.local_timestamp(column)
        utc = column.cast(pa.timestamp(column.type.unit, "UTC")).cast(pa.timestamp(column.type.unit))
        wall, shown = _micro(local), _micro(utc)
        return Moments(wall, (wall - shown).dt.total_seconds().cast(pl.Int64))
    wall = _micro(column)
    return Moments(wall, pl.Series([None], dtype=pl.Int64).new_from_index(0, len(wall)))


def in_zone(moments: Moments, zone: str, *, instant: bool = True) -> Moments:
    """On the clock of `zone`: a moment that told its offset is moved there, another is meant there already.

    A time that the zone's clocks skip becomes null. So does one that they show twice, since nobody can tell which is
    meant; but where only the clock matters and not the instant, it stays.
    """
    twice: Literal["null", "earliest"] = "null" if instant else "earliest"
    frame = pl.DataFrame({"wall": moments.wall, "offset": moments.offset, "utc": moments.utc})
    moved = pl.col("utc").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    meant = pl.col("wall").dt.replace_time_zone(zone, ambiguous=twice, non_existent="null")
    there = frame.select(there=pl.when(pl.col("offset").is_not_null()).then(moved).otherwise(meant))["there"]
    offset = (there.dt.base_utc_offset() + there.dt.dst_offset()).dt.total_seconds().cast(pl.Int64)
    return Moments(there.dt.replace_time_zone(None), offset)


def _micro(column: Array) -> pl.Series:
    return to_polars(column).cast(pl.Datetime("us"))
