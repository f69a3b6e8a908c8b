"""The way of rows into the bytes of a file; a row that cannot be written as it is is a bad row."""

import codecs
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from lumos_dagster.ahead import Numbered, in_order, numbered
from lumos_dagster.connectors.csv.rendering import Renderer, formula_rows, formulas_in
from lumos_dagster.conversion import as_text
from lumos_dagster.errors import DataError
from lumos_dagster.interface import BadRow, Task

_Fault: TypeAlias = tuple[str, str, str]
"""The field, its text, and why that cannot be written."""


class Encoder:
    """One encoder for the whole file, so that a byte order mark is written once."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self._encoder = codecs.getincrementalencoder(encoding)()

    def encode(self, text: str | None) -> bytes | None:
        """The bytes, None where there is no text or the file cannot hold it."""
        if text is None or "\0" in text:
            return None
        before = self._encoder.getstate()
        try:
            return self._encoder.encode(text)
        except UnicodeEncodeError:
            self._encoder.setstate(before)
            return None

    def why_not(self, value: str) -> str:
        """Why the value cannot be written, "" where it can."""
        if "\0" in value:
            return "it holds a NUL, which no reader of CSV would take"
        try:
            value.encode(self.encoding)
        except UnicodeEncodeError as error:
            lost = error.object[error.start : error.end]
            return f"{lost!r} does not exist in {self.encoding}; choose encoding: utf-8, or convert it"
        return ""


class Pour:
    """The rows of one load on their way; `names` are the columns that are written."""

    def __init__(self, renderer: Renderer, names: list[str], rejects_formulas: bool, task: Task) -> None:
        self.names = names
        self.task = task
        self._renderer = renderer
        self._rejects_formulas = rejects_formulas

    @property
    def written_names(self) -> list[str]:
        """The names as a reader finds them in the header."""
        return self._renderer.named(self.names)

    def header(self, encoder: Encoder) -> bytes:
        """The line of names. DataError for one that cannot be written."""
        for name in self.names:
            if reason := self._why_not(name, encoder):
                raise DataError(f"the column name {name!r} cannot be written: {reason}. Rename it (rename_field).")
        if self._rejects_formulas and (formulas := formulas_in(self.names)):
            raise DataError(
                f"the column name {formulas[0]!r} would be taken as a formula. Rename it (rename_field), or set "
                "formula_guard: escape"
            )
        return self._encoded(self._renderer.header(self.names), encoder)

    def into(self, rows: pa.RecordBatchReader, encoder: Encoder, write: Callable[[bytes], Any]) -> int:
        """Write every batch; how many rows that were."""
        written = 0
        for read, formulas, lines in in_order(numbered(rows), self._rendered):
            kept, data = read.batch, encoder.encode(lines)
            numbers = np.arange(read.first, read.first + kept.num_rows)
            if formulas is not None:
                kept, numbers = self._without(kept, numbers, dict(self._formulas(kept, formulas)))
                data = encoder.encode(self._lines(kept))
            if data is None:
                kept, numbers = self._without(kept, numbers, dict(self._unwritable(kept, encoder)))
                data = self._encoded(self._lines(kept), encoder)
            write(data)
            self.task.accept(kept)
            written += kept.num_rows
        return written

    def _rendered(self, read: Numbered) -> tuple[Numbered, pa.BooleanArray | None, str | None]:
        """The batch, which of its rows are bad since they hold formulas (None where no row does), and the lines of one
        without such.
        """
        if self._rejects_formulas and (formulas := formula_rows(read.batch.select(self.names))).true_count:
            return read, formulas, None
        return read, None, self._lines(read.batch)

    def _lines(self, batch: pa.RecordBatch) -> str | None:
        """None where a value would need a quote and there are none."""
        return self._renderer.rows(batch.select(self.names))

    def _without(
        self, batch: pa.RecordBatch, numbers: "np.ndarray[Any, Any]", faults: dict[int, _Fault]
    ) -> tuple[pa.RecordBatch, "np.ndarray[Any, Any]"]:
        """The rows without the faulty ones, which are booked, and their numbers in the input."""
        if not faults:
            return batch, numbers
        bad = (
            BadRow(int(numbers[index]), *fault, batch.slice(index, 1).to_pylist()[0]) for index, fault in faults.items()
        )
        on_error = self.task.on_error
        self.task.bad_rows(bad, len(faults), "fail" if on_error == "null" else on_error)
        kept = np.ones(batch.num_rows, dtype=bool)
        kept[list(faults)] = False
        return batch.filter(pa.array(kept)), numbers[kept]

    def _formulas(self, batch: pa.RecordBatch, mask: pa.BooleanArray) -> Iterator[tuple[int, _Fault]]:
        for index in np.flatnonzero(mask).tolist():
            row = batch.select(self.names).slice(index, 1).to_pylist()[0]
            field = next(name for name, value in row.items() if isinstance(value, str) and formulas_in([value]))
            yield index, (field, row[field], "it would be taken as a formula")

    def _unwritable(self, batch: pa.RecordBatch, encoder: Encoder) -> Iterator[tuple[int, _Fault]]:
        columns = {name: as_text(batch.column(name)).to_pylist() for name in self.names}
        for index in range(batch.num_rows):
            for name, column in columns.items():
                value = column[index]
                if value is not None and (reason := self._why_not(value, encoder)):
                    yield index, (name, value, reason)
                    break

    def _why_not(self, value: str, encoder: Encoder) -> str:
        return self._renderer.why_not(value) or encoder.why_not(value)

    def _encoded(self, text: str | None, encoder: Encoder) -> bytes:
        data = encoder.encode(text)
        if data is None:
            raise DataError(f"the rows cannot be written in {encoder.encoding}; choose encoding: utf-8")
        return data
