"""One batch of rows on its way through a chain of operations."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.accounting import BadRow, OnError, Task
from lumos_dagster.conversion import is_text
from lumos_dagster.conversion.frames import Array

Step = Callable[["Rows"], None]
"""What an operation does to a batch, once it is bound to the columns."""


@dataclass(frozen=True)
class Check:
    """Whose results are watched: a null made from values of `reads` that were all there is a bad value.

    `field` is the one that is named and shown; `reason` says what is wrong, given the values of `reads`.
    """

    operation: str
    field: str
    reads: tuple[str, ...]
    reason: Callable[[Sequence[Any]], str]
    on_error: OnError | None = None


class Rows:
    """The rows that are left of a batch, and their columns as they are now.

    A column that no operation has changed stays the Arrow array that came in, bit for bit; polars
    sees only what an operation reads. So a type that polars has not may pass through.
    """

    def __init__(self, batch: pa.RecordBatch, first: int, task: Task) -> None:
        self._batch = batch
        self._first = first
        self._task = task
        self._came: dict[str, Array] = dict(zip(batch.schema.names, batch.columns, strict=True))
        self._read: dict[str, pl.Series] = {}
        self._made: dict[str, pl.Series] = {}
        self._left: pl.Series | None = None

    @property
    def height(self) -> int:
        """How many rows are left."""
        return self._batch.num_rows if self._left is None else len(self._left)

    def series(self, name: str) -> pl.Series:
        """The column in polars; of a type that polars does not hold exactly, only where it is null (True elsewhere)."""
        made = self._made.get(name)
        if made is None:
            made = self._read.get(name)
        if made is None:
            made = self._read[name] = to_polars(self.arrow(name))
        return made

    def arrow(self, name: str) -> Array:
        """The column in Arrow; for one that an operation has made, the type is only as near as polars has it."""
        if name in self._made:
            return to_arrow(self._made[name])
        came = self._came[name]
        return came if self._left is None else came.take(to_arrow(self._left))

    def put(self, name: str, values: pl.Series) -> None:
        """Set the column."""
        self._forget(name)
        self._made[name] = values

    def put_constant(self, name: str, value: Array) -> None:
        """Set the column to the one value of an array, whatever its type."""
        self._forget(name)
        self._came[name] = pa.repeat(value[0], self._batch.num_rows)

    def put_checked(self, name: str, values: pl.Series, check: Check) -> None:
        """Set the column; rows whose value turned out bad go the way that `on_error` says."""
        bad = values.is_null()
        if bad.any():
            for read in check.reads:
                bad = bad & self.series(read).is_not_null()
        how_many = int(bad.sum())
        if how_many:
            self._task.bad_rows(self._bad_rows(bad, check), how_many, check.on_error)
        self.put(name, values)
        if how_many and (check.on_error or self._task.on_error) != "null":
            self._keep(~bad)

    def filter(self, keep: pl.Series) -> None:
        """Keep the rows where `keep` is true; the others are counted as filtered."""
        keep = keep.fill_null(value=False)
        before = self.height
        self._keep(keep)
        self._task.count.filtered += before - self.height

    def rename(self, names: Mapping[str, str]) -> None:
        """Give columns other names, all at once; a column whose name is taken that way is gone."""
        for gone in set(names.values()) - set(names):
            self._forget(gone)
        self._came = {names.get(name, name): values for name, values in self._came.items()}
        self._read = {names.get(name, name): values for name, values in self._read.items()}
        self._made = {names.get(name, name): values for name, values in self._made.items()}

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """The rows that are left, in exactly these columns and types."""
        columns = [self._column(field.name, field.type) for field in schema]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _forget(self, name: str) -> None:
        self._came.pop(name, None)
        self._read.pop(name, None)
        self._made.pop(name, None)

    def _column(self, name: str, kind: pa.DataType) -> Array:
        values = self.arrow(name)
        return values if values.type == kind else values.cast(kind)

    def _keep(self, keep: pl.Series) -> None:
        if keep.all():
            return
        places = (
            self._left if self._left is not None else pl.int_range(self._batch.num_rows, dtype=pl.UInt32, eager=True)
        )
        self._left = places.filter(keep)
        self._read = {name: values.filter(keep) for name, values in self._read.items()}
        self._made = {name: values.filter(keep) for name, values in self._made.items()}

    def _bad_rows(self, bad: pl.Series, check: Check) -> Iterator[BadRow]:
        for place in bad.arg_true():
            values = [self._value(name, place) for name in check.reads]
            source = place if self._left is None else self._left[place]
            yield BadRow(
                number=self._first + source,
                field=check.field,
                value=self._value(check.field, place),
                reason=check.reason(values),
                row=self._batch.slice(source, 1).to_pylist()[0],
                operation=check.operation,
            )

    def _value(self, name: str, place: int) -> Any:
        if name in self._made:
            return self._made[name][place]
        return self._came[name][place if self._left is None else self._left[place]].as_py()


def to_polars(array: Array) -> pl.Series:
    """An Arrow array as a series of exactly the same values; of types polars lacks, only where they are null."""
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_time32(array.type):
        array = array.cast(pa.time64("ns"))
    if types.is_timestamp(array.type):
        if array.type.unit == "s":
            array = array.cast(pa.timestamp("ms", array.type.tz))
        if array.type.tz and not array.type.tz[0].isalpha():  # polars knows zones by name only, not +08:00
            array = array.cast(pa.timestamp(array.type.unit, "UTC"))
    if not _polars_holds(array.type):
        array = pc.if_else(array.is_valid(), True, None)
    return pl.Series(pl.from_arrow(array))


def to_arrow(values: pl.Series) -> Array:
    """A series as one Arrow array, in the layouts that the rest of the code uses."""
    return values.to_arrow(compat_level=pl.CompatLevel.oldest())


def _polars_holds(kind: pa.DataType) -> bool:
    exactly = (
        types.is_boolean, types.is_integer, types.is_float32, types.is_float64, types.is_decimal128, is_text,
        types.is_binary, types.is_large_binary, types.is_binary_view, types.is_date32, types.is_time64,
        types.is_timestamp,
    )  # fmt: skip
    return any(is_one(kind) for is_one in exactly)
