"""Fits the input's columns to the target's: strictly typed, and what does not fit is a bad row with its reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.accounting import BadRow, Task
from lumos_dagster.connectors.jdbc.arrays import array_literals, is_list
from lumos_dagster.connectors.jdbc.checks import misfits
from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.conversion import convert, is_text
from lumos_dagster.errors import DataError
from lumos_dagster.interface import BATCH_ROWS

Array = Any
"""A pyarrow.Array: the stubs know too little of the kinds that compute functions take."""


@dataclass(frozen=True)
class Fit:
    """One column of the target, and the column of the input that fills it."""

    column: Column
    source: str
    is_key: bool = False


@dataclass(frozen=True)
class Part:
    """Good rows: as the target takes them, as they came in, and their numbers in the input (from 1)."""

    rows: pa.RecordBatch
    source: pa.RecordBatch
    numbers: Array

    def slice(self, offset: int, length: int) -> "Part":
        """Some of them."""
        return Part(
            self.rows.slice(offset, length), self.source.slice(offset, length), self.numbers.slice(offset, length)
        )

    def only(self, numbers: Array) -> "Part":
        """Those with one of the numbers."""
        return self.filtered(pc.is_in(self.numbers, value_set=numbers))

    def without(self, numbers: Array) -> "Part":
        """Those with other numbers."""
        return self.filtered(pc.invert(pc.is_in(self.numbers, value_set=numbers)))

    def booked(self, refused: Mapping[int, str], task: Task) -> "Part":
        """Those that were not refused; the others are booked as bad rows, with the reasons."""
        if not refused:
            return self
        numbers = pa.array(refused, pa.int64())
        bad = self.only(numbers)
        reasons = [refused[number] for number in bad.numbers.to_pylist()]
        task.bad_rows(bad.bad_rows(reasons), len(reasons))
        return self.without(numbers)

    def bad_rows(self, reasons: Sequence[str]) -> Iterator[BadRow]:
        """These rows as bad ones, for reasons that lie in no single field."""
        for number, row, reason in zip(self.numbers.to_pylist(), self.source.to_pylist(), reasons, strict=True):
            yield BadRow(number, "", None, reason, row)

    def filtered(self, keep: Array) -> "Part":
        """Those marked in `keep`."""
        return Part(self.rows.filter(keep), self.source.filter(keep), self.numbers.filter(keep))


@dataclass
class Fitting:
    """Turns each batch of the input into one of the target; counts rows so that a bad one can be named."""

    fits: Sequence[Fit]
    task: Task
    batch_rows: int = BATCH_ROWS
    seen: int = 0

    def parts(self, rows: pa.RecordBatchReader) -> Iterator[Part]:
        """The rows that fit; the others are booked as bad."""
        for batch in _of_bounded_size(rows, self.batch_rows):
            fitted, good = self._fit(batch)
            numbers = _numbered(self.seen + 1, batch.num_rows)
            self.seen += batch.num_rows
            part = Part(fitted, batch, numbers)
            yield part if good is None else part.filtered(good)

    def _fit(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Array | None]:
        """The batch in the target's types, and which of its rows are good (None: all)."""
        columns: list[Array] = []
        good: Array | None = None
        for fit in self.fits:
            values, findings = _fitted(fit, batch.column(batch.schema.get_field_index(fit.source)))
            for found, reason in findings:
                bad: Any = found if good is None else pc.and_(found, good)  # bad once, for the first reason
                if not bad.true_count:
                    continue
                if self.task.on_error == "null" and fit.column.nullable and not fit.is_key:
                    self.task.bad_rows((), bad.true_count)
                    continue
                # Where null has no place either, on_error: null cannot help.
                way = "fail" if self.task.on_error == "null" else self.task.on_error
                self.task.bad_rows(self._bad_rows(batch, fit, bad, reason), bad.true_count, way)
                good = pc.invert(bad) if good is None else pc.and_not(good, bad)
            columns.append(self._without_lost(fit.column, values))
        names = [fit.column.name for fit in self.fits]
        return pa.RecordBatch.from_arrays(columns, names=names), good

    def _without_lost(self, column: Column, values: Array) -> Array:
        """Null for what the database would make null anyway, but not in silence."""
        lost = _lost(column, values)
        if lost is None or not lost.true_count:
            return values
        what = "NaN" if pa.types.is_floating(values.type) else "an empty text"
        note = f"{what} in column {column.name} became NULL"
        if note not in self.task.count.notes:
            self.task.log(f"{self.task.op}: {note}: the database cannot keep it")
        self.task.count.notes[note] = self.task.count.notes.get(note, 0) + lost.true_count
        return pc.if_else(lost, None, values)

    def _bad_rows(self, batch: pa.RecordBatch, fit: Fit, bad: Array, reason: str) -> Iterator[BadRow]:
        positions: list[Any] = pc.indices_nonzero(bad).to_pylist()
        for index in positions:
            row = batch.slice(index, 1).to_pylist()[0]
            yield BadRow(self.seen + index + 1, fit.source, row[fit.source], reason, row)


def _numbered(first: int, count: int) -> Array:
    """The numbers from `first` on; from a buffer, as pyarrow imports pandas to look at whatever else it is given."""
    numbers = np.arange(first, first + count, dtype=np.int64)
    return pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(numbers.tobytes())])


def _of_bounded_size(rows: pa.RecordBatchReader, size: int) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)


def _fitted(fit: Fit, source: Array) -> tuple[Array, list[tuple[Array, str]]]:
    """The values in the column's type, null where they do not fit; and which do not, with the reason."""
    column = fit.column
    source = array_literals(source) if column.is_array and is_list(source.type) else source
    if column.is_truth and is_text(source.type):
        is_true, is_false = (pc.match_like(source, word, ignore_case=True) for word in ("true", "false"))
        source = pc.if_else(is_true, "1", pc.if_else(is_false, "0", source))
    try:
        converted = convert(source, column.type)
    except DataError as error:
        raise DataError(f"column {fit.source!r} into {column.name!r} ({column.sql_type}): {error}") from None
    values: Any = converted.values
    findings: list[tuple[Array, str]] = [(converted.bad, f"does not fit column {column.name!r} ({column.sql_type})")]
    if column.stored is not None:
        stored = convert(values, column.stored)
        values = stored.values
        findings.append((stored.bad, f"cannot be kept exactly by column {column.name!r} ({column.sql_type})"))
    for bad, reason in misfits(column, values):
        values = pc.if_else(bad, None, values) if bad.true_count else values
        findings.append((bad, reason))
    must = fit.is_key or not column.nullable
    if must and (lost := _lost(column, values)) is not None:
        what = "NaN" if pa.types.is_floating(values.type) else "an empty text"
        findings.append((lost, f"{what} is NULL to column {column.name!r}"))
    if must:
        what = "a key" if fit.is_key else f"column {column.name!r}, which is NOT NULL,"
        findings.append((source.is_null(), f"{what} must have a value"))
    return values, findings


def _lost(column: Column, values: Array) -> Array | None:
    """Which values the database would make null; None where it never does."""
    if column.nan_is_null and pa.types.is_floating(values.type):
        found: Array = pc.is_nan(values)
        return pc.fill_null(found, False)
    if column.empty_is_null and (is_text(values.type) or pa.types.is_binary(values.type)):
        lengths: Array = pc.binary_length(values)
        found = pc.equal(lengths, pa.scalar(0, lengths.type))
        return pc.fill_null(found, False)
    return None
