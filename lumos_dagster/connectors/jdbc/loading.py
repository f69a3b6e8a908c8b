"""One load inside its transaction: the table made ready, the rows sent, the counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task, nobody
from lumos_dagster.connectors.jdbc.done import Done
from lumos_dagster.connectors.jdbc.fitting import Fitting, Part
from lumos_dagster.connectors.jdbc.options import LoadOptions
from lumos_dagster.connectors.jdbc.passing import Held, Sender
from lumos_dagster.connectors.jdbc.staging import KEYED, POSITION, STAGING, Staging, check_unique
from lumos_dagster.connectors.jdbc.tables import Matched, Matching, Table
from lumos_dagster.errors import DataError, TerminalError
from lumos_dagster.interface import LoadResult


@dataclass
class Loading:
    """The rows of one load on their way into `table`, in the open transaction of `raw`."""

    raw: Any
    table: Table
    options: LoadOptions
    task: Task

    def load(self, rows: pa.RecordBatchReader) -> Done:
        """Load all rows; the caller commits."""
        database = self.table.database
        for script in self.options.pre_sql:
            database.run_script(self.raw, script)
        into = self._prepared(rows.schema)
        if self.options.load_mode == "upsert":
            check_unique(self.raw, into)
        matched = self._matching().matched(self.raw, into, rows.schema)
        parts = self._parts(matched, rows)
        if self.options.load_mode in KEYED:
            done = self._staged(matched, rows.schema, parts, merges=True)
        else:
            sender = Sender(self.raw, into, into.quoted, [fit.column for fit in matched.fits], self.task)
            sent = sender.send(parts, lambda part: self.task.accept(part.source))
            done = Done(LoadResult(inserted=sent), sender.refused, matched.fits)
        if into is not self.table:
            self.raw.execute(f"DROP TABLE IF EXISTS {self.table.quoted}")
            self.raw.execute(f"ALTER TABLE {into.quoted} RENAME TO {database.quote(self.table.name)}")
        for script in self.options.post_sql:
            database.run_script(self.raw, script)
        return done.counted(self.task.count)

    def count_again(self, rows: pa.RecordBatchReader, done: Done) -> None:
        """Account for a committed load once more, whatever has become of the table since.

        Where children wait for its rows, or rejects are to be kept again, they are found by the columns
        that the table had. Else the input is only read to its end, and need not be what it was.
        """
        task, listens = self.task, self.task.accept is not nobody
        if listens or done.rejected:
            sources = [fit.source for fit in done.fits]
            matched = Matched(list(done.fits), [name for name in rows.schema.names if name not in sources])
            self._pass_on(matched, rows, done)
        else:
            for _ in rows:
                pass
        if not listens:
            seen = task.count.rows_in
            done.give(task.count)
            if seen != task.count.rows_in:
                task.log(f"{task.op}: the input has {seen} rows now; when it was loaded it had {task.count.rows_in}")

    def _pass_on(self, matched: Matched, rows: pa.RecordBatchReader, done: Done) -> None:
        """Book the bad rows again, and give the others to whoever waits for them."""
        if absent := [fit.source for fit in matched.fits if fit.source not in rows.schema.names]:
            raise DataError(
                f"the load into {self.table.quoted} was committed, but its input now lacks {', '.join(absent)}, so "
                "that its rows cannot be told again; start a new run"
            )
        parts = self._without_refused(self._parts(matched, rows), done.refused)
        if self.options.load_mode in KEYED and self.task.accept is not nobody:
            self._staged(matched, rows.schema, parts, merges=False)
            return
        for part in parts:
            self.task.accept(part.source)

    def _staged(self, matched: Matched, schema: pa.Schema, parts: Iterator[Part], merges: bool) -> Done:
        mode = self.options.load_mode
        staging = Staging(self.raw, self.table, matched.fits)
        sender = Sender(self.raw, self.table, STAGING, staging.columns, self.task)
        with Held(schema, self.task) as held:
            sender.send(map(_positioned, parts), held.hold)
            lost = pa.array([], pa.int64()) if self.task.accept is nobody else staging.lost(mode)
            result = staging.merge(mode) if merges else LoadResult()
            held.release(lost)
        staging.drop()
        return Done(result, sender.refused, matched.fits)

    def _parts(self, matched: Matched, rows: pa.RecordBatchReader) -> Iterator[Part]:
        fitting = Fitting(matched.fits, self.task)
        if matched.left_out:
            names = ", ".join(map(repr, matched.left_out))
            self.task.log(f"{self.task.op}: left out, as table {self.table.quoted} has no such column: {names}")
        yield from fitting.parts(rows)
        for name in matched.left_out:
            self.task.count.notes[f"column {name} left out"] = fitting.seen

    def _without_refused(self, parts: Iterator[Part], refused: dict[int, str]) -> Iterator[Part]:
        """Book the rows again that the database refused at the time."""
        numbers = pa.array(refused, pa.int64())
        for part in parts:
            if not refused:
                yield part
                continue
            bad = part.only(numbers)
            reasons = [refused[number] for number in bad.numbers.to_pylist()]
            self.task.bad_rows(bad.bad_rows(reasons), len(reasons))
            yield part.without(numbers)

    def _matching(self) -> Matching:
        options = self.options
        has_schema = options.table_schema is not None
        return Matching(options.columns, has_schema, options.schema_change, makes_rows=options.load_mode != "update")

    def _prepared(self, schema: pa.Schema) -> Table:
        """The table to fill: as it is, emptied, made where it is missing, or a new one beside it to be swapped in."""
        table = self.table
        columns = self._matching().renamed(schema)
        if self.options.load_mode == "replace":
            table.wait_turn(self.raw)
            return self._anew(columns)
        if not table.columns(self.raw):
            if not (self.options.create_table or self.options.table_schema):
                raise table.missing(self.raw, "; set create_table: true to make it")
            table.wait_turn(self.raw)
            if not table.columns(self.raw):  # nobody has made it meanwhile
                return self._made(columns)
        if self.options.load_mode == "truncate":
            self.raw.execute(f"DELETE FROM {table.quoted}")
        return table

    def _anew(self, columns: pa.Schema) -> Table:
        table = self.table
        if self.options.table_schema is not None or not table.database.swaps:
            self.raw.execute(f"DROP TABLE IF EXISTS {table.quoted}")
            return self._made(columns)
        beside = f"_lumos_{sha256(table.name.encode()).hexdigest()[:16]}"
        new = Table(table.database, table.schema, beside, table.key)
        self.raw.execute(f"DROP TABLE IF EXISTS {new.quoted}")
        new.make(self.raw, columns, with_key=False)
        return new

    def _made(self, columns: pa.Schema) -> Table:
        table = self.table
        if self.options.table_schema is None:
            table.make(self.raw, columns, with_key=self.options.load_mode == "upsert")
            return table
        table.database.run_script(self.raw, self.options.table_schema)
        if not table.columns(self.raw):
            raise TerminalError(f"table_schema was run, but {table.missing(self.raw)} Do the names agree?")
        return table


def _positioned(part: Part) -> Part:
    return Part(part.rows.append_column(POSITION, part.numbers), part.source, part.numbers)
