"""The spool: rows kept between ops as compressed Arrow IPC, anywhere fsspec reaches."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from lumos_dagster.accounting import Book
from lumos_dagster.ahead import ahead, most_workers
from lumos_dagster.cancellation import stoppable
from lumos_dagster.errors import DataError, Interrupted, TransientError
from lumos_dagster.files import filesystem, open_atomic, open_input
from lumos_dagster.lineage import Lineage
from lumos_dagster.relation import Relation

_THREADS = most_workers() > 2
"""Whether the columns of a batch are packed at the same time: the op's other threads have two cores to themselves."""
_WRITTEN = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=_THREADS)
_READ = pa.ipc.IpcReadOptions(use_threads=_THREADS)


@dataclass(frozen=True)
class Spool:
    """A Source over a spooled file: where it is, how many rows it must give back, its size, and their origin."""

    url: str
    rows: int
    bytes: int
    lineage: Lineage | None = None

    @contextmanager
    def open(self, book: Book) -> Iterator[pa.RecordBatchReader]:
        """A reader over the file; DataError when it does not hold the rows that were written."""
        with (
            open_input(self.url) as stream,
            pa.ipc.open_stream(pa.PythonFile(stream, mode="r"), options=_READ) as reader,
        ):
            yield pa.RecordBatchReader.from_batches(reader.schema, self._counted(reader))

    def _counted(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        seen = 0
        for batch in reader:
            seen += batch.num_rows
            yield batch
        if seen != self.rows:
            raise DataError(
                f"the spool {self.url} holds {seen} of {self.rows} rows: it was cut or changed. Run the job again."
            )


class SpoolWriter:
    """Takes batches one by one; `spool` tells what was written, once the block of `spool_writer` has ended."""

    def __init__(self, url: str, writer: pa.ipc.RecordBatchStreamWriter) -> None:
        self.url = url
        self.rows = 0
        self.bytes = 0
        self._writer = writer

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the batch. TransientError where there is no room for it, say."""
        try:
            self._writer.write_batch(batch)
        except OSError as error:
            raise _cannot_be_written(self.url, error) from error
        self.rows += batch.num_rows

    @property
    def relation(self) -> Relation:
        """The spooled rows."""
        return Relation(Spool(self.url, self.rows, self.bytes))


@contextmanager
def spool_writer(url: str, schema: pa.Schema) -> Iterator[SpoolWriter]:
    """Write a spool file that appears only when the block ends without an error; readable by its owner only."""
    of_the_block: OSError | None = None
    try:
        with open_atomic(url, mode=0o600) as stream:
            with pa.ipc.new_stream(pa.PythonFile(stream, mode="w"), schema, options=_WRITTEN) as writer:
                kept = SpoolWriter(url, writer)
                try:
                    yield kept
                except OSError as error:
                    of_the_block = error
                    raise
            kept.bytes = stream.tell()
    except OSError as error:
        if error is of_the_block:  # the rows' own trouble, not the spool's
            raise
        raise _cannot_be_written(url, error) from error


def _cannot_be_written(url: str, error: OSError) -> TransientError:
    return TransientError(f"the spool {url} cannot be written: {error.strerror or error}")


def spool(relation: Relation, url: str, book: Book) -> Relation:
    """Read `relation` once, keep its rows at `url`, and give back a Relation over what was kept."""
    with stoppable(book) as reading, relation.open(reading) as rows:
        return spooled(rows, url, reading)


def spooled(rows: pa.RecordBatchReader, url: str, reading: Book) -> Relation:
    """As `spool`, of rows that were opened under the accounts `reading`, which can be stopped by themselves."""
    with (
        spool_writer(url, rows.schema) as kept,
        ahead(rows, partial(stop_reading, reading)) as batches,
    ):
        for batch in batches:
            kept.write(batch)
    return kept.relation


def stop_reading(reading: Book) -> None:
    """Break off what is being read where it cannot be written any more."""
    reading.cancellation.cancel(Interrupted("the rows can no longer be kept"))


def spool_once(relation: Relation, url: str, book: Book) -> Relation:
    """As `spool`, but what an earlier attempt kept at `url` is taken as it is: the same input for every attempt."""
    told = f"{url}.json"
    file_system, path = filesystem(told)
    if not file_system.exists(path):
        kept = spool(relation, url, book)
        assert isinstance(kept.source, Spool)  # noqa: S101 - spool gives nothing else
        with open_atomic(told, mode=0o600) as stream:
            stream.write(json.dumps({"rows": kept.source.rows, "bytes": kept.source.bytes}).encode())
        return kept
    with open_input(told) as stream:
        return Relation(Spool(url, **json.load(stream)))
