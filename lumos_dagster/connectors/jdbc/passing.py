"""Rows on their way to the table and on to the loader's children: refused one by one, or held back until they count."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
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

_TOGETHER, _TOGETHER_BYTES = 8, 8 << 20
"""Parts that are sent, and kept, until the database has taken them all."""


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
            filled = (part for part in parts if part.rows.num_rows)
            return sum(self._some(chain([first], filled), taken) for first in filled)
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

    def _some(self, parts: Iterator[Part], taken: Callable[[Part], None]) -> int:
        """Send the first few of the parts together, without their rows that the database refuses."""
        self.task.cancellation.check()
        some: list[Part] = []
        failed: list[Exception] = []
        """What making a part has raised: where the database refuses a row in the same moment, that alone is told."""

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for part in parts:
                    some.append(part)
                    yield part.rows
                    if len(some) == _TOGETHER or sum(one.rows.nbytes for one in some) >= _TOGETHER_BYTES:
                        return
            except Exception as error:
                failed.append(error)
                raise

        with savepoint(self.table.database, self.raw) as tried:
            arrived = self._append(batches())
        if failed:
            raise failed[0]
        if tried.refusal:
            return self._to_blame(some, tried.refusal, taken)
        for part in some:
            taken(part)
        return self._demand(arrived, sum(part.rows.num_rows for part in some))

    def _to_blame(self, refused: Sequence[Part], refusal: DataError, taken: Callable[[Part], None]) -> int:
        """Send each part by itself, and halves of a single one, until the rows are found that the database refuses."""
        if len(refused) == 1:
            (part,), size = refused, refused[0].rows.num_rows
            if size == 1:
                self.refused[part.numbers[0].as_py()] = str(refusal)
                self.task.bad_rows(part.bad_rows([str(refusal)]), 1)
                return 0
            refused = (part.slice(0, size // 2), part.slice(size // 2, size - size // 2))
        return sum(self._some(iter([part]), taken) for part in refused)

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
