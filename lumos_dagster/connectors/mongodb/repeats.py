"""Rows of which only the last with each key is sent: exact over a whole load, in bounded memory."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa

_IN_MEMORY = 8 << 20
_NUMBERS = pa.field("", pa.int64())
_REPEATED = """
    SELECT number FROM (SELECT number, lead(number) OVER (PARTITION BY key ORDER BY number) AS later FROM seen)
    WHERE later IS NOT NULL ORDER BY number
"""

Numbered = tuple[pa.RecordBatch, list[int]]
"""Rows and their numbers in the input, which only grow."""


def last_of_each_key(
    batches: Iterable[tuple[pa.RecordBatch, list[int], list[bytes]]], schema: pa.Schema, merged: Callable[[int], None]
) -> Iterator[Numbered]:
    """The rows that no later row has the key of. They are kept in a temporary file until all keys are known.

    The keys go to a temporary database, which sorts them on disk; `merged` is told how many rows drop out.
    """
    # An empty name makes a database that is in memory while it is small, on disk when it grows, and then gone.
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as kept, closing(sqlite3.connect("")) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("CREATE TABLE seen (key BLOB, number INTEGER)")
        numbered = schema.append(_NUMBERS)
        with pa.ipc.new_stream(kept, numbered) as writer:
            for batch, numbers, keys in batches:
                database.executemany("INSERT INTO seen VALUES (?, ?)", zip(keys, numbers, strict=True))
                columns: list[Any] = [*batch.columns, pa.array(numbers, pa.int64())]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=numbered))
        repeated = (number for (number,) in database.execute(_REPEATED))
        kept.seek(0)
        with pa.ipc.open_stream(kept) as reader:
            yield from _without(reader, schema, repeated, merged)


def _without(
    reader: Iterable[pa.RecordBatch], schema: pa.Schema, repeated: Iterator[int], merged: Callable[[int], None]
) -> Iterator[Numbered]:
    next_one = next(repeated, None)
    for batch in reader:
        numbers: list[Any] = batch.columns[-1].to_pylist()
        gone: set[int] = set()
        while next_one is not None and numbers and next_one <= numbers[-1]:
            gone.add(next_one)
            next_one = next(repeated, None)
        rows = pa.RecordBatch.from_arrays(batch.columns[:-1], schema=schema)
        if gone:
            merged(len(gone))
            places = [place for place, number in enumerate(numbers) if number not in gone]
            rows, numbers = rows.take(pa.array(places, pa.int64())), [numbers[place] for place in places]
        yield rows, numbers
