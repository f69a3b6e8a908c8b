"""The rows of CSV files as Arrow batches, bad ones booked."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.connectors.csv.blocks import Block, CsvBlocks
from lumos_dagster.connectors.csv.columns import Columns
from lumos_dagster.connectors.csv.dialect import Dialect, Record
from lumos_dagster.connectors.csv.source import open_csv
from lumos_dagster.conversion import Converted, convert
from lumos_dagster.errors import DataError
from lumos_dagster.interface import BadRow, Task


@dataclass(frozen=True)
class Layout:
    """How each of the files is written."""

    dialect: Dialect = field(default_factory=Dialect)
    encoding: str = "utf-8"
    has_header: bool = True
    skip_rows: int = 0


class CsvFiles:
    """Files of one layout and the same columns."""

    def __init__(self, urls: list[str], layout: Layout, task: Task) -> None:
        self._urls = urls
        self._layout = layout
        self._task = task
        self._seen = 0

    def header(self) -> tuple[str, ...]:
        """The names of the columns, from the first file."""
        with self._open(self._urls[0]) as text:
            return header_of(self._urls[0], text, self._layout.has_header)

    def blocks(self, columns: Columns) -> Iterator[Block]:
        """All rows as text, bad records passed over."""
        for url in self._urls:
            yield from self._blocks_of(url, columns)

    def batches(self, columns: Columns, batch_size: int) -> Generator[pa.RecordBatch]:
        """All rows in their types; what does not fit is booked on the task."""
        for url in self._urls:
            for block in self._blocks_of(url, columns):
                batch = self._batch(url, block, columns)
                for start in range(0, batch.num_rows, batch_size):
                    yield batch.slice(start, batch_size)

    @contextmanager
    def _open(self, url: str) -> Iterator[CsvBlocks]:
        with open_csv(url, self._layout.encoding) as stream:
            yield CsvBlocks(url, stream, self._layout.dialect, self._layout.skip_rows)

    def _blocks_of(self, url: str, columns: Columns) -> Iterator[Block]:
        with self._open(url) as text:
            names = header_of(url, text, self._layout.has_header)
            if names != columns.found:
                raise DataError(
                    f"the columns of {url} are not those of {self._urls[0]}: "
                    f"{', '.join(names)} against {', '.join(columns.found)}. Read them by an extractor each."
                )
            yield from text.blocks(len(names), columns.positions)

    def _batch(self, url: str, block: Block, columns: Columns) -> pa.RecordBatch:
        if block.blank:
            notes = self._task.count.notes
            notes["blank lines"] = notes.get("blank lines", 0) + block.blank
        on_error = self._task.on_error
        misfits = (
            _misfit(url, record, self._seen + before + index + 1, len(columns.found))
            for index, (before, record) in enumerate(block.bad)
        )
        self._task.bad_rows(misfits, len(block.bad), "fail" if on_error == "null" else on_error)
        values = [convert(column, kind) for column, kind in zip(block.columns, columns.types, strict=True)]
        arrays = [converted.values for converted in values]
        if columns.filename:
            arrays.append(pa.repeat(url, block.rows))
        batch = pa.RecordBatch.from_arrays(arrays, schema=columns.schema)
        batch = self._without_bad_values(url, batch, block, values)
        self._seen += block.rows + len(block.bad)
        return batch

    def _without_bad_values(
        self, url: str, batch: pa.RecordBatch, block: Block, values: list[Converted]
    ) -> pa.RecordBatch:
        counts = [converted.bad.true_count for converted in values]
        if not any(counts):
            return batch
        if self._task.on_error == "null":
            self._task.bad_rows((), sum(counts))
            return batch
        bad = values[0].bad
        for converted in values[1:]:
            bad = pc.or_(bad, converted.bad)
        rows: list[int] = np.flatnonzero(bad).tolist()
        self._task.bad_rows((self._bad_row(url, row, block, values, batch.schema) for row in rows), len(rows))
        return batch.filter(pc.invert(bad))

    def _bad_row(self, url: str, row: int, block: Block, values: list[Converted], schema: pa.Schema) -> BadRow:
        column = next(index for index, converted in enumerate(values) if converted.bad[row].as_py())
        texts = [column[row].as_py() for column in block.columns]
        before = sum(1 for rows, _ in block.bad if rows <= row)
        return BadRow(
            number=self._seen + before + row + 1,
            field=schema.field(column).name,
            value=texts[column],
            reason=f"is not {schema.field(column).type} (in {url})",
            row=dict(zip(schema.names, texts, strict=False)),
        )


def header_of(url: str, text: CsvBlocks, has_header: bool) -> tuple[str, ...]:
    """The names that the header gives, or that stand in for them. DataError where they do not name columns."""
    record = text.first_record(take=has_header)
    if record is None:
        raise DataError(f"{url} is empty: there is {'no header' if has_header else 'no line to count the columns of'}")
    if not has_header:
        return tuple(f"column_{index}" for index in range(len(record.fields)))
    names = tuple((name or b"").decode() for name in record.fields)
    for index, name in enumerate(names):
        if not name.strip():
            raise DataError(_bad_header(url, record, f"the name of column {index + 1} is empty"))
        if name in names[:index]:
            raise DataError(
                _bad_header(url, record, f"columns {names.index(name) + 1} and {index + 1} are both {name!r}")
            )
    return names


def _bad_header(url: str, record: Record, reason: str) -> str:
    return (
        f"{url}, line {record.line}: the header is not usable: {reason}. Mend it, or read the file with "
        "has_header: false and skip_rows: 1, and the columns are column_0, column_1, .."
    )


def _misfit(url: str, record: Record, number: int, width: int) -> BadRow:
    text = record.text.decode(errors="backslashreplace")
    reason = f"{record.misfit(width)} ({url}, line {record.line})"
    return BadRow(number, "", text, reason, {"line": record.line, "text": text})
