"""The rows of one load on their way into the table, all at once or batch by batch, and the counts."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task, nobody
from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.connectors.jdbc.done import Done
from lumos_dagster.connectors.jdbc.fitting import Fitting, Part
from lumos_dagster.connectors.jdbc.options import LoadOptions
from lumos_dagster.connectors.jdbc.passing import Held, Sender
from lumos_dagster.connectors.jdbc.savepoint import savepoint
from lumos_dagster.connectors.jdbc.staging import KEYED, POSITION, Staging
from lumos_dagster.connectors.jdbc.tables import Matched, Table
from lumos_dagster.connectors.jdbc.together import Others
from lumos_dagster.errors import DataError
from lumos_dagster.interface import BATCH_ROWS, LoadResult


@dataclass
class Loading:
    """The rows of one load on their way into `table`, in the open transaction of `raw`."""

    raw: Any
    table: Table
    matched: Matched
    options: LoadOptions
    task: Task
    others: Others | None = None
    _fitting: Fitting = field(init=False)

    def __post_init__(self) -> None:
        rows = self.options.batch_size if self.table.database.sends_rows else BATCH_ROWS
        self._fitting = Fitting(self.matched.fits, self.task, rows)
        if self.matched.left_out:
            names = ", ".join(map(repr, self.matched.left_out))
            self.task.log(f"{self.task.op}: left out, as table {self.table.quoted} has no such column: {names}")

    def commits(self, rows: pa.RecordBatchReader, before: Done | None) -> Iterator[Done]:
        """Load all rows; the caller commits each time it is given what the load has come to, the last time for good.

        `before` is what earlier attempts have committed of a load by batches: of these rows only the bad ones
        are booked again.
        """
        if way := self.table.database.way_in(self.raw, [fit.column for fit in self.matched.fits]):
            self.task.log(f"{self.task.op}: rows go in by {way}")
        batch_rows = self.options.batch_size if self.options.commit == "batch" else None
        done = before or Done(LoadResult(), fits=self.matched.fits, batch_rows=batch_rows, upto=0)
        if before:
            self.task.log(
                f"{self.task.op}: {before.upto} rows were committed by earlier attempts; going on behind them"
            )
        for piece in _pieces(rows, done.batch_rows):
            if self._fitting.seen < (done.upto or 0):
                self._pass_on(piece, done)
                continue
            sent = self._send(piece)
            done = done.and_then(sent, self._fitting.seen)
            if done.batch_rows:
                yield done
        yield replace(done, upto=None).counted(self.task.count)

    def count_again(self, rows: pa.RecordBatchReader, done: Done) -> None:
        """Account for a committed load once more, whatever has become of the table since.

        Where children wait for its rows, or rejects are to be kept again, they are found by the columns
        that the table had. Else the input is only read to its end, and need not be what it was.
        """
        task, listens = self.task, self.task.accept is not nobody
        if listens or done.rejected:
            self._check_input(rows.schema)
            for piece in _pieces(rows, done.batch_rows):
                self._pass_on(piece, done)
        else:
            for _ in rows:
                pass
        if not listens:
            seen = task.count.rows_in
            done.give(task.count)
            if seen != task.count.rows_in:
                task.log(f"{task.op}: the input has {seen} rows now; when it was loaded it had {task.count.rows_in}")

    def _check_input(self, schema: pa.Schema) -> None:
        there = set(schema.names)
        if absent := [fit.source for fit in self.matched.fits if fit.source not in there]:
            raise DataError(
                f"the load into {self.table.quoted} was committed, but its input now lacks {', '.join(absent)}, so "
                "that its rows cannot be told again; start a new run"
            )

    def _pass_on(self, rows: pa.RecordBatchReader, done: Done) -> None:
        """Book the bad rows again, and give the others to whoever waits for them."""
        parts = (part.booked(done.refused, self.task) for part in self._parts(rows))
        if self.options.load_mode in KEYED and self.task.accept is not nobody:
            self._staged(rows.schema, parts, merges=False)
            return
        for part in parts:
            self.task.accept(part.source)

    def _send(self, rows: pa.RecordBatchReader) -> Done:
        if self.options.load_mode in KEYED:
            return self._staged(rows.schema, self._parts(rows), merges=True)
        columns = [fit.column for fit in self.matched.fits]
        if (passed := self._passed(columns)) is not None:
            return Done(LoadResult(inserted=passed))
        sender = Sender(self.raw, self.table, self.table.quoted, columns, self.task, self.others)
        sent = sender.send(self._parts(rows), lambda part: self.task.accept(part.source))
        return Done(LoadResult(inserted=sent), sender.refused)

    def _passed(self, columns: list[Column]) -> int | None:
        """How many rows came past the batches; None where they cannot, or where the database refuses one of them."""
        task, passage, database = self.task, self.task.passage, self.table.database
        if passage is None or self.matched.left_out or self.options.commit == "batch":
            return None
        with savepoint(database, self.raw) as tried:
            arrived = database.append_passage(self.raw, self.table.quoted, columns, passage, task.sample)
        if tried.refusal:
            task.log(f"{task.op}: the rows are sent once more, in batches, as one was refused: {tried.refusal}")
            return None
        if arrived is not None:
            task.passed(arrived)
            task.log(f"{task.op}: the rows went in as the source sent them")
        return arrived

    def _staged(self, schema: pa.Schema, parts: Iterator[Part], merges: bool) -> Done:
        careful = self.task.on_error in ("reject", "skip")
        staging = Staging(self.raw, self.table, self.matched.fits, self.options.load_mode)
        sender = Sender(self.raw, self.table, staging.name, staging.columns, self.task)
        result, refused = LoadResult(), dict[int, str]()
        with Held(schema, self.task) as held:
            staging.rows = sender.send(map(_positioned, parts), held.hold)
            if merges:
                most = self.task.may_reject()
                result, refused = staging.merge_without_refused(most) if careful else (staging.merge(), {})
            held.release(pa.nulls(0, pa.int64()) if self.task.accept is nobody else staging.lost(), refused)
        staging.drop()
        return Done(result, sender.refused | refused)

    def _parts(self, rows: pa.RecordBatchReader) -> Iterator[Part]:
        yield from self._fitting.parts(rows)
        for name in self.matched.left_out:
            self.task.count.notes[f"column {name} left out"] = self._fitting.seen


def _pieces(rows: pa.RecordBatchReader, batch_rows: int | None) -> Iterator[pa.RecordBatchReader]:
    """The rows all in one, or so many at a time."""
    if batch_rows is None:
        yield rows
        return
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in rows:
        start = 0
        while count + batch.num_rows - start >= batch_rows:
            taken = batch_rows - count
            yield _reader([*waiting, batch.slice(start, taken)], rows.schema)
            start, waiting, count = start + taken, [], 0
        if start < batch.num_rows:
            waiting.append(batch.slice(start))
            count += batch.num_rows - start
    if waiting:
        yield _reader(waiting, rows.schema)


def _reader(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatchReader:
    return pa.Table.from_batches(batches, schema).combine_chunks().to_reader()


def _positioned(part: Part) -> Part:
    return Part(part.rows.append_column(POSITION, part.numbers), part.source, part.numbers)
