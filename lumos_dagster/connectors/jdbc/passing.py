"""Rows on their way to the table and on to the loader's children: refused one by one, or held back until they count."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from lumos_dagster.accounting import Task, nobody
from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.connectors.jdbc.fitting import Part
from lumos_dagster.connectors.jdbc.savepoint import savepoint
from lumos_dagster.connectors.jdbc.tables import Table
from lumos_dagster.connectors.jdbc.together import Others
from lumos_dagster.errors import DataError


@dataclass
class Sender:
    """Sends parts to a table. With `on_error: reject` or `skip` the rows that the database refuses are bad rows."""

    raw: Any
    table: Table
    name: str
    """The quoted name of the table to send to: `table` itself, or its staging table."""
    columns: list[Column]
    task: Task
    others: Others | None = None
    """What sends to it beside `raw`; where the rows that are refused are bad rows, nothing does."""
    refused: dict[int, str] = field(default_factory=dict)

    def send(self, parts: Iterator[Part], taken: Callable[[Part], None]) -> int:
        """Send them all, telling `taken` what has arrived; gives how many rows that is."""
        if self.task.on_error in ("reject", "skip"):
            return sum(self._carefully(part, taken) for part in parts)
        expected = 0

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal expected
            for part in parts:
                expected += part.rows.num_rows
                taken(part)
                yield part.rows

        return self._demand(self._append(batches()), expected)

    def _append(self, batches: Iterator[pa.RecordBatch]) -> int:
        def append(raw: Any, some: Iterator[pa.RecordBatch]) -> int:
            return self.table.database.append(raw, self.name, self.columns, some)

        return self.others.fill(self.raw, append, batches) if self.others else append(self.raw, batches)

    def _carefully(self, part: Part, taken: Callable[[Part], None]) -> int:
        """Halve what the database refuses until the rows are found that are to blame."""
        database, size = self.table.database, part.rows.num_rows
        if not size:
            return 0
        self.task.cancellation.check()
        arrived = 0
        with savepoint(database, self.raw) as tried:
            arrived = self._append(iter([part.rows]))
        if tried.refusal and size > 1:
            halves = (part.slice(0, size // 2), part.slice(size // 2, size - size // 2))
            return sum(self._carefully(half, taken) for half in halves)
        if tried.refusal:
            reason = str(tried.refusal)
            self.refused[part.numbers[0].as_py()] = reason
            self.task.bad_rows(part.bad_rows([reason]), 1)
            return 0
        taken(part)
        return self._demand(arrived, size)

    def _demand(self, arrived: int, expected: int) -> int:
        if arrived != expected:
            raise DataError(f"{expected} rows were sent to {self.name}, but {arrived} arrived; nothing was committed")
        return arrived


class Held:
    """Rows held back on disk until the database has said which of them count; nothing where nobody asks for them."""

    def __init__(self, schema: pa.Schema, task: Task) -> None:
        self._task = task
        self._asked_for = task.accept is not nobody or task.on_error == "reject"
        self._schema = schema.append(pa.field("", pa.int64()))

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile()
        self._writer = pa.ipc.new_stream(self._file, self._schema)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self._file.close()

    def hold(self, part: Part) -> None:
        """Take the rows."""
        if self._asked_for:
            columns = [*part.source.columns, part.numbers]
            self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def release(self, lost: "pa.Array[Any]", refused: Mapping[int, str]) -> None:
        """Pass on all but those with the numbers in `lost`; book those that were refused."""
        self._writer.close()
        self._file.seek(0)
        if refused and not self._asked_for:
            self._task.bad_rows((), len(refused))
        with pa.ipc.open_stream(self._file) as reader:
            for batch in reader:
                names = batch.schema.names[:-1]
                source = pa.RecordBatch.from_arrays(batch.columns[:-1], names=names)
                part = Part(source, source, batch.column(batch.num_columns - 1)).booked(refused, self._task)
                self._task.accept((part.without(lost) if len(lost) else part).source)
