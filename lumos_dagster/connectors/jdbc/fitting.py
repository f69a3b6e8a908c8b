"""Fits the input's columns to the target's: strictly typed, and what does not fit is a bad row with its reason."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.accounting import BadRow, Task
from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.conversion import convert

Array = Any
"""A pyarrow.Array: the stubs know too little of the kinds that compute functions take."""


@dataclass(frozen=True)
class Fit:
    """One column of the target, and the column of the input that fills it."""

    column: Column
    source: str
    is_key: bool = False


@dataclass
class Fitting:
    """Turns each batch of the input into one of the target; counts rows so that a bad one can be named."""

    fits: Sequence[Fit]
    task: Task
    seen: int = 0

    def batches(
        self, rows: pa.RecordBatchReader, keep: Callable[[int], None] = lambda _: None
    ) -> Iterator[pa.RecordBatch]:
        """The rows as the target takes them; those taken are told to `task.accept`, their number to `keep`."""
        for batch in rows:
            fitted, good = self._fit(batch)
            accepted = batch if good is None else batch.filter(good)
            self.task.accept(accepted)
            self.seen += batch.num_rows
            keep(accepted.num_rows)
            yield fitted if good is None else fitted.filter(good)

    def _fit(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Array | None]:
        """The batch in the target's types, and which of its rows are good (None: all)."""
        columns: list[Array] = []
        good: Array | None = None
        for fit in self.fits:
            source = batch.column(batch.schema.get_field_index(fit.source))
            values, bad, reason = _fitted(fit, source)
            if bad.true_count and self._as_null(fit):
                self.task.bad_rows((), bad.true_count, "null")
                bad = pc.xor(bad, bad)
            columns.append(values)
            if good is not None:
                bad = pc.and_(bad, good)  # a row is bad once, for the first reason found
            if bad.true_count:
                self.task.bad_rows(self._bad_rows(batch, fit, bad, reason), bad.true_count)
                good = pc.invert(bad) if good is None else pc.and_not(good, bad)
        names = [fit.column.name for fit in self.fits]
        return pa.RecordBatch.from_arrays(columns, names=names), good

    def _as_null(self, fit: Fit) -> bool:
        return self.task.on_error == "null" and fit.column.nullable and not fit.is_key

    def _bad_rows(self, batch: pa.RecordBatch, fit: Fit, bad: Array, reason: str) -> Iterator[BadRow]:
        positions: list[Any] = pc.indices_nonzero(bad).to_pylist()
        for index in positions:
            row = batch.slice(index, 1).to_pylist()[0]
            yield BadRow(self.seen + index + 1, fit.source, row[fit.source], reason, row)


def _fitted(fit: Fit, source: Array) -> tuple[Array, Array, str]:
    """The values in the column's type, null where they do not fit; which do not; and why."""
    column = fit.column
    converted = convert(source, column.type)
    values: Any = converted.values
    bad: Any = converted.bad
    reason = f"does not fit column {column.name!r} ({column.sql_type or column.type})"
    if column.stored is not None and not bad.true_count:
        stored = convert(values, column.stored)
        values, bad = stored.values, stored.bad
        reason = f"cannot be kept exactly by column {column.name!r} ({column.sql_type})"
    if column.max_length is not None:
        too_long = pc.fill_null(pc.greater(pc.utf8_length(values), pa.scalar(column.max_length, pa.int32())), False)
        if too_long.true_count:
            bad, reason = pc.or_(bad, too_long), f"longer than the {column.max_length} characters of {column.name!r}"
            values = pc.if_else(too_long, None, values)
    if (fit.is_key or not column.nullable) and source.null_count:
        missing = source.is_null()
        what = "a key" if fit.is_key else f"column {column.name!r}, which is NOT NULL,"
        return values, pc.or_(bad, missing), f"{what} must have a value" if not bad.true_count else reason
    return values, bad, reason
