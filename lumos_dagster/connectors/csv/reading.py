"""The rows of CSV files as Arrow batches, bad ones booked."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.ahead import in_order, most_workers
from lumos_dagster.connectors.csv.blocks import CsvBlocks, Piece
from lumos_dagster.connectors.csv.columns import Columns
from lumos_dagster.connectors.csv.dialect import Dialect, Record
from lumos_dagster.connectors.csv.packing import Compression
from lumos_dagster.connectors.csv.source import open_csv
from lumos_dagster.connectors.csv.stretch import Block
from lumos_dagster.connectors.csv.text import legible
from lumos_dagster.conversion import Converted, convert
from lumos_dagster.errors import DataError
from lumos_dagster.files import shown
from lumos_dagster.interface import BadRow, Task

_SHOWN_PROBLEMS = 20
_READERS = max(1, most_workers() - 1)
"""Threads that read pieces: one core less than there are, as another thread finds where the pieces end."""


@dataclass(frozen=True)
class Layout:
    """How each of the files is written."""

    dialect: Dialect
    has_header: bool = True
    skip_rows: int = 0
    compression: Compression | None = None


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
            return header_of(shown(self._urls[0]), text, self._layout)

    def blocks(self, columns: Columns) -> Iterator[Block]:
        """All rows as text, bad records passed over."""
        return in_order(self._pieces(columns), lambda piece: piece.read(), _READERS)

    def batches(self, columns: Columns, batch_size: int) -> Generator[pa.RecordBatch]:
        """All rows in their types; what does not fit is booked on the task."""
        for block, values in in_order(self._pieces(columns), partial(_typed, columns.types), _READERS):
            batch = self._batch(block, values, columns)
            for start in range(0, batch.num_rows, batch_size):
                yield batch.slice(start, batch_size)

    @contextmanager
    def _open(self, url: str) -> Iterator[CsvBlocks]:
        layout = self._layout
        with open_csv(url, layout.dialect.encoding, layout.compression) as stream:
            yield CsvBlocks(stream, layout.dialect, layout.skip_rows)

    def _pieces(self, columns: Columns) -> Iterator[Piece]:
        for url in self._urls:
            yield from self._pieces_of(url, columns)

    def _pieces_of(self, url: str, columns: Columns) -> Iterator[Piece]:
        with self._open(url) as text:
            names = header_of(shown(url), text, self._layout)
            if names != columns.found:
                raise DataError(
                    f"the columns of {shown(url)} are not those of {shown(self._urls[0])}: "
                    f"{', '.join(names)} against {', '.join(columns.found)}. Read them by an extractor each."
                )
            yield from text.pieces(len(names), columns.positions)

    def _batch(self, block: Block, values: list[Converted], columns: Columns) -> pa.RecordBatch:
        if block.blank:
            notes = self._task.count.notes
            notes["blank lines"] = notes.get("blank lines", 0) + block.blank
        on_error = self._task.on_error
        misfits = (
            self._misfit(block.name, record, self._seen + before + index + 1, len(columns.found))
            for index, (before, record) in enumerate(block.bad)
        )
        self._task.bad_rows(misfits, len(block.bad), "fail" if on_error == "null" else on_error)
        arrays = [converted.values for converted in values]
        if columns.filename:
            arrays.append(pa.repeat(block.name, block.rows))
        batch = pa.RecordBatch.from_arrays(arrays, schema=columns.schema)
        batch = self._without_bad_values(batch, block, values, columns)
        self._seen += block.rows + len(block.bad)
        return batch

    def _misfit(self, name: str, record: Record, number: int, width: int) -> BadRow:
        text = legible(record.text, self._layout.dialect.encoding)
        reason = f"{record.misfit(width)} {_where(name, record)}"
        return BadRow(number, "", text, reason, {"file": name, "line": record.line, "byte": record.at, "text": text})

    def _without_bad_values(
        self, batch: pa.RecordBatch, block: Block, values: list[Converted], columns: Columns
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
        self._task.bad_rows(self._bad_rows(rows, block, values, columns), len(rows))
        return batch.filter(pc.invert(bad))

    def _bad_rows(self, rows: list[int], block: Block, values: list[Converted], columns: Columns) -> Iterator[BadRow]:
        for row, record in zip(rows, block.records(rows, len(columns.found)), strict=True):
            column = next(index for index, converted in enumerate(values) if converted.bad[row].as_py())
            texts = [column[row].as_py() for column in block.columns]
            yield BadRow(
                number=self._seen + block.bad_before(row) + row + 1,
                field=columns.names[column],
                value=texts[column],
                reason=f"is not {columns.types[column]} {_where(block.name, record)}",
                row=dict(zip(columns.names, texts, strict=True)),
            )


def _typed(types: Sequence[pa.DataType], piece: Piece) -> tuple[Block, list[Converted]]:
    """The rows as text, and as their types."""
    block = piece.read()
    return block, [convert(column, kind) for column, kind in zip(block.columns, types, strict=True)]


def header_of(name: str, text: CsvBlocks, layout: Layout) -> tuple[str, ...]:
    """The names that the header gives, or that stand in for them. DataError where they do not name columns."""
    record = text.first_record(take=layout.has_header)
    if record is None:
        behind = f" behind the {layout.skip_rows} skipped lines" if layout.skip_rows else ""
        wanted = "header" if layout.has_header else "line to count the columns of"
        raise DataError(f"{name} is empty{behind}: there is no {wanted}")
    if not layout.has_header:
        return tuple(f"column_{index}" for index in range(len(record.fields)))
    names = tuple((name or b"").decode() for name in record.fields)
    if reasons := list(_header_problems(names)):
        more = f"; {len(reasons)} such in all" if len(reasons) > _SHOWN_PROBLEMS else ""
        raise DataError(
            f"{name}, line {record.line}, byte {record.at}: the header is not usable: "
            f"{'; '.join(reasons[:_SHOWN_PROBLEMS])}{more}. Mend it, or "
            f"read the file with has_header: false and skip_rows: {text.line - 1}, and the columns are column_0, "
            "column_1, .."
        )
    return names


def _header_problems(names: tuple[str, ...]) -> Iterator[str]:
    for index, column in enumerate(names):
        first = names.index(column)
        if not column:
            yield f"column {index + 1} has no name"
        elif first != index:
            yield f"columns {first + 1} and {index + 1} are both {column!r}"


def _where(name: str, record: Record) -> str:
    return f"({name}, line {record.line}, byte {record.at})"
