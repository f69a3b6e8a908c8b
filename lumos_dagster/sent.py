"""Rows kept in the spool in the very bytes that their source sends, for a loader that takes the same bytes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Book, Task
from lumos_dagster.ahead import ahead
from lumos_dagster.cancellation import stoppable
from lumos_dagster.errors import DataError
from lumos_dagster.interface import Deferred, Extraction, Loader
from lumos_dagster.passage import SAMPLE_ROWS, Passage
from lumos_dagster.relation import Relation, Step
from lumos_dagster.spool import Spool, spool_writer, spooled, stop_reading

_PIECES = pa.schema(dict[str, pa.DataType](sent=pa.large_binary(), rows=pa.int64()))


@dataclass(frozen=True)
class Sent(Step):
    """The step from the pieces to the rows that they are, for all that read these as batches."""

    schema: pa.Schema
    form: str
    kinds: Sequence[str]
    parse: Callable[[bytes, pa.Schema], pa.Table]

    @contextmanager
    def apply(self, rows: pa.RecordBatchReader, book: Book) -> Iterator[pa.RecordBatchReader]:
        """DataError, once they are read, where a piece does not hold as many rows as were sent."""
        yield pa.RecordBatchReader.from_batches(self.schema, self._batches(rows))

    def _batches(self, pieces: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for piece, rows in _each(pieces):
            table = self.parse(piece, self.schema)
            if table.num_rows != rows:
                raise DataError(f"{table.num_rows} rows were read where {rows} had been sent. Run the job again.")
            yield from table.to_batches()


class _Kept(Passage):
    """What is in the spool, offered as the source offered it."""

    def __init__(self, kept: Spool, sent: Sent, book: Book) -> None:
        self._spool = kept
        self._sent = sent
        self._book = book

    def kinds(self, form: str) -> Sequence[str] | None:
        return self._sent.kinds if form == self._sent.form else None

    @contextmanager
    def open(self, form: str, sample: list[dict[str, Any]]) -> Iterator[Iterator[bytes]]:
        self.rows = self.size = 0
        with self._spool.open(self._book) as pieces:
            yield self._pieces(pieces, sample)

    def _pieces(self, pieces: pa.RecordBatchReader, sample: list[dict[str, Any]]) -> Iterator[bytes]:
        for piece, rows in _each(pieces):
            if not self.rows:
                with suppress(DataError):  # a value that batches have no place for cannot be shown
                    sample += self._sent.parse(piece, self._sent.schema).slice(0, SAMPLE_ROWS).to_pylist()
            self.rows += rows
            self.size += len(piece)
            yield piece


def keep(relation: Relation, taker: Deferred[Loader] | None, url: str, book: Book) -> Relation:
    """Read `relation` once, keep its rows at `url`, and give back a Relation over what was kept.

    They are kept as their source sends them where `taker`, the only one to read them, says that it takes them so.
    """
    with stoppable(book) as reading, relation.open(reading) as rows:
        if taker is not None and isinstance(relation.source, Extraction) and not relation.steps:
            task = book.tasks[relation.source.extractor.op]
            if task.passage is not None and (sent := _sent(task.passage, taker.build(), rows.schema)) is not None:
                return _as_sent(task, task.passage, sent, url, reading)
        return spooled(rows, url, reading)


def kept_passage(relation: Relation, book: Book) -> Passage | None:
    """What a loader of rows that were kept so may take instead of batches."""
    match relation:
        case Relation(Spool() as kept, (Sent() as sent,)):
            return _Kept(kept, sent, book)
    return None


def _sent(passage: Passage, taker: Loader, schema: pa.Schema) -> Sent | None:
    form = taker.takes_as_sent(passage, schema)
    if not form or (parse := passage.parser(form)) is None:
        return None
    return Sent(schema, form, tuple(passage.kinds(form) or ()), parse)


def _as_sent(task: Task, passage: Passage, sent: Sent, url: str, reading: Book) -> Relation:
    def numbered(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
        before = 0
        for piece in pieces:
            yield piece, passage.rows - before
            before = passage.rows
        if passage.rows != before:
            raise DataError(f"{passage.rows} rows were sent, but {before} arrived. Run the job again.")

    with (
        spool_writer(url, _PIECES) as kept,
        passage.open(sent.form, []) as pieces,
        ahead(numbered(pieces), partial(stop_reading, reading)) as made,
    ):
        for piece, rows in made:
            kept.write(pa.RecordBatch.from_pydict({"sent": [piece], "rows": [rows]}, schema=_PIECES))
    task.sent()
    task.log(f"{task.op}: the rows are kept as the source sent them")
    return kept.relation.pipe(sent)


def _each(pieces: pa.RecordBatchReader) -> Iterator[tuple[bytes, int]]:
    for batch in pieces:
        yield batch.column(0)[0].as_py(), batch.column(1)[0].as_py()
