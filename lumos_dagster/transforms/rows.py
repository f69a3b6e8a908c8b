"""One batch of rows on its way through a chain of operations."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import polars as pl
import pyarrow as pa

from lumos_dagster.accounting import BadRow, OnError, Rule, Task
from lumos_dagster.conversion.kinds import Array
from lumos_dagster.transforms.series import to_arrow, to_polars

_MOST_MADE = 65_536
"""Rows that one batch may hold, where an operation makes many rows of one."""

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

    def __init__(self, batch: pa.RecordBatch, first: int, on_error: OnError, hidden: Collection[str] = ()) -> None:
        self._batch = batch
        self._first = first
        self._on_error = on_error
        self._hidden = hidden
        self._told: list[Callable[[Task], None]] = []
        self._came: dict[str, Array] = dict(zip(batch.schema.names, batch.columns, strict=True))
        self._read: dict[str, pl.Series] = {}
        self._made: dict[str, pl.Series] = {}
        self._held: dict[str, Array] = {}
        self._left: pl.Series | None = None
        self._mask: pl.Series | None = None
        self._chosen: Array | None = None

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
        if name in self._held:
            return self._held[name]
        if self._left is None:
            return self._came[name]
        self._held[name] = self._of_those_left(self._came[name])
        return self._held[name]

    def put(self, name: str, values: pl.Series) -> None:
        """Set the column."""
        self._forget(name)
        self._made[name] = values

    def put_arrow(self, name: str, values: Array) -> None:
        """Set the column to an array of one value per row that is left; for types that polars does not hold exactly."""
        self._forget(name)
        self._held[name] = values

    def remove(self, name: str) -> None:
        """Forget a column of an operation's own."""
        self._forget(name)

    def put_constant(self, name: str, value: Array) -> None:
        """Set the column to the one value of an array, whatever its type."""
        self._forget(name)
        self._came[name] = pa.repeat(value[0], self._batch.num_rows)

    def put_checked(self, name: str, values: pl.Series, check: Check, bad: pl.Series | None = None) -> None:
        """Set the column; rows whose value turned out bad go the way that `on_error` says.

        `bad` marks them; without it they are the nulls made from values that were all there.
        """
        leaving = self.book(self.turned_null(values, check) if bad is None else bad, check)
        self.put(name, values)
        if leaving is not None:
            self._keep(~leaving)

    def put_arrow_checked(self, name: str, values: Array, check: Check, bad: pl.Series) -> None:
        """As `put_checked`, for types that polars does not hold exactly."""
        leaving = self.book(bad, check)
        self.put_arrow(name, values)
        if leaving is not None:
            self._keep(~leaving)

    def turned_null(self, values: pl.Series, check: Check) -> pl.Series:
        """Where there is no value, though all that it was made from was there."""
        bad = values.is_null()
        if bad.any():
            for read in check.reads:
                bad = bad & self._is_there(read)
        return bad

    def judge(self, name: str, bad: pl.Series, check: Check, rule: str) -> None:
        """Rows whose value in the column breaks a rule go the way that `on_error` says; for `null` it becomes null."""
        height, broken = self.height, int(bad.sum())
        self.tell(lambda task: task.judged(Rule(name, rule), height, broken))
        leaving = self.book(bad, check)
        if leaving is not None:
            self._keep(~leaving)
        elif bad.any():
            places = pl.int_range(self.height, dtype=pl.UInt32, eager=True).set(bad, None)
            self.put_arrow(name, self.arrow(name).take(to_arrow(places)))

    def book(self, bad: pl.Series, check: Check) -> pl.Series | None:
        """Tell the accounts of the bad rows; those that must leave the stream are given back."""
        how_many = int(bad.sum())
        if not how_many:
            return None
        on_error = check.on_error or self._on_error
        shown = {"fail": 1, "reject": how_many}.get(on_error, 0)
        rows = list(islice(self._bad_rows(bad, check), shown))
        self.tell(lambda task: task.bad_rows(rows, how_many, on_error))
        return None if on_error == "null" else bad

    def tell(self, event: Callable[[Task], None]) -> None:
        """Keep what the accounts must know of this batch until they are asked for, in its turn."""
        self._told.append(event)

    def account(self, task: Task) -> None:
        """Put into the accounts what happened to this batch, in order."""
        for event in self._told:
            event(task)

    def _tell_of(self, filtered: int, made: int = 0) -> None:
        def counted(task: Task) -> None:
            task.count.filtered += filtered
            task.count.made += made

        self.tell(counted)

    def multiply(self, sources: pl.Series) -> None:
        """Rows in place of those that are left, each a copy of the one at its source's place; what is new is counted.

        `sources` rises from 0; a row that is nobody's source is counted as filtered.
        """
        kept = sources.n_unique()
        self._tell_of(filtered=self.height - kept, made=len(sources) - kept)
        self._left, self._mask, self._chosen = self._places().gather(sources), None, None
        self._read = {name: values.gather(sources) for name, values in self._read.items()}
        self._made = {name: values.gather(sources) for name, values in self._made.items()}
        self._held = {name: values.take(to_arrow(sources)) for name, values in self._held.items()}

    def filter(self, keep: pl.Series) -> None:
        """Keep the rows where `keep` is true; the others are counted as filtered."""
        keep = keep.fill_null(value=False)
        before = self.height
        self._keep(keep)
        self._tell_of(filtered=before - self.height)

    def rename(self, names: Mapping[str, str]) -> None:
        """Give columns other names, all at once; a column whose name is taken that way is gone."""
        for gone in set(names.values()) - set(names):
            self._forget(gone)
        self._came = {names.get(name, name): values for name, values in self._came.items()}
        self._read = {names.get(name, name): values for name, values in self._read.items()}
        self._made = {names.get(name, name): values for name, values in self._made.items()}
        self._held = {names.get(name, name): values for name, values in self._held.items()}

    def batches(self, schema: pa.Schema) -> Iterable[pa.RecordBatch]:
        """The rows that are left, in exactly these columns and types; many made from few come bit by bit."""
        if self.height <= max(self._batch.num_rows, _MOST_MADE):
            return [self._part(schema, None)] if self.height else []
        starts = range(0, self.height, _MOST_MADE)
        ends = (min(start + _MOST_MADE, self.height) for start in starts)
        places = (pl.int_range(start, end, eager=True) for start, end in zip(starts, ends, strict=True))
        return (self._part(schema, some) for some in places)

    def _part(self, schema: pa.Schema, places: pl.Series | None) -> pa.RecordBatch:
        columns = [self._column(field.name, field.type, places) for field in schema]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _is_there(self, name: str) -> pl.Series:
        """Where the column has a value."""
        return self._made[name].is_not_null() if name in self._made else to_polars(self.arrow(name).is_valid())

    def _forget(self, name: str) -> None:
        self._came.pop(name, None)
        self._read.pop(name, None)
        self._made.pop(name, None)
        self._held.pop(name, None)

    def _column(self, name: str, kind: pa.DataType, places: pl.Series | None) -> Array:
        values = self.arrow(name) if places is None else self._arrow_at(name, places)
        return values if values.type == kind else values.cast(kind)

    def _arrow_at(self, name: str, places: pl.Series) -> Array:
        """The column at some of the rows that are left, which must be more than came."""
        if name in self._made or name in self._held:
            return self.arrow(name).take(to_arrow(places))
        return self._came[name].take(to_arrow(self._places().gather(places)))

    def _places(self) -> pl.Series:
        """Where in the batch the rows that are left came from."""
        return self._left if self._left is not None else pl.int_range(self._batch.num_rows, dtype=pl.UInt32, eager=True)

    def _of_those_left(self, values: Array) -> Array:
        """Of what came, the rows that are left: by a mask, which copies text in half the time, while none is twice."""
        if self._chosen is None:
            self._chosen = to_arrow(self._places() if self._mask is None else self._mask)
        return values.take(self._chosen) if self._mask is None else values.filter(self._chosen)

    def _keep(self, keep: pl.Series) -> None:
        if keep.all():
            return
        if self._left is None:
            self._mask = keep
        elif self._mask is not None:
            self._mask = self._mask.clone().scatter(self._left, keep)
        self._chosen = None
        self._left = self._places().filter(keep)
        self._read = {name: values.filter(keep) for name, values in self._read.items()}
        self._made = {name: values.filter(keep) for name, values in self._made.items()}
        self._held = {name: values.filter(to_arrow(keep)) for name, values in self._held.items()}

    def _bad_rows(self, bad: pl.Series, check: Check) -> Iterator[BadRow]:
        for place in bad.arg_true():
            values = [self._value(name, place) for name in check.reads]
            source = place if self._left is None else self._left[place]
            yield BadRow(
                number=self._first + source,
                field=check.field,
                value=self._value(check.field, place),
                reason=self._reason(check, values),
                row=self._batch.slice(source, 1).to_pylist()[0],
                operation=check.operation,
                hidden=check.field in self._hidden,
            )

    def _reason(self, check: Check, values: Sequence[Any]) -> str:
        reason = check.reason(values)
        for name, value in zip(check.reads, values, strict=True):
            if name in self._hidden:
                reason = reason.replace(repr(value), f"the value of {name!r}")
        return reason

    def _value(self, name: str, place: int) -> Any:
        if name in self._made:
            return self._made[name][place]
        if name in self._held:
            return self._held[name][place].as_py()
        return self._came[name][place if self._left is None else self._left[place]].as_py()
