"""A stretch of a CSV text and the rows read from it, which are found in it again where one of them turns out bad."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from lumos_dagster.connectors.csv.dialect import Dialect, Record, Scanner
from lumos_dagster.connectors.csv.structure import places
from lumos_dagster.connectors.csv.text import Text
from lumos_dagster.errors import DataError


@dataclass(frozen=True)
class Stretch:
    """A buffer and where in the file it ends; kept with a block, to find a row's place when it turns out bad."""

    buffer: bytes
    dialect: Dialect
    stream: Text
    line: int
    end: int
    eof: bool

    @property
    def begins(self) -> int:
        """The byte of the file at which the buffer begins; measured for those who ask, since it takes time."""
        return self.end - self.stream.length(memoryview(self.buffer))

    def scanner(self) -> Scanner:
        """What cuts the buffer."""
        return Scanner(self.dialect, self.buffer, self.line, self.eof)

    def placed(self, records: Iterable[Record]) -> Iterator[Record]:
        """Some of its records in their order, with their bytes counted from the beginning of the file."""
        buffer, here, offset = memoryview(self.buffer), 0, self.begins
        for record in records:
            offset += self.stream.length(buffer[here : record.at])
            here = record.at
            yield replace(record, at=offset)

    def broken(self, record: Record) -> DataError:
        """What is wrong with a placed record that nothing behind it can be read for."""
        start = repr(record.text[:60].decode(errors="replace"))
        return DataError(f"{self.stream.name}, line {record.line}, byte {record.at}: {record.reason}: {start}")

    def rows(self, width: int) -> Iterator[Record]:
        """The records that are rows of so many fields."""
        return (row for row in self.scanner().records() if not row.misfit(width) and not row.passed_over(width))

    def sound_records(self, numbers: Iterable[int], end: int, width: int) -> Iterator[Record]:
        """Some of the records up to byte `end`, all of which are sound, by their numbers, from 0.

        Blank lines are not counted where they are passed over. None of the others is read.
        """
        ends, lines = places(memoryview(self.buffer)[:end], self.dialect)
        begins = np.concatenate(([0], ends[:-1]))
        if width > 1:
            first = np.frombuffer(self.buffer, np.uint8)[begins]
            begins, ends = (some[(first != ord("\n")) & (first != ord("\r"))] for some in (begins, ends))
        for number in numbers:
            begin, line = begins[number], self.line + int(np.searchsorted(lines, begins[number], side="right"))
            (record,) = Scanner(self.dialect, self.buffer[begin : ends[number]], line, eof=True).records()
            yield replace(record, at=int(begin) + record.at)


@dataclass(frozen=True)
class Block:
    """Rows as one text array per column; the records that are no rows, each with how many rows stand before it."""

    columns: list["pa.Array[Any]"]
    rows: int
    stretch: Stretch
    bad: list[tuple[int, Record]] = field(default_factory=list)
    blank: int = 0
    sound: int = 0
    """Up to which byte of the stretch it is known to be sound."""

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self.stretch.stream.name

    def bad_before(self, row: int) -> int:
        """How many of the bad records stand before the row."""
        return bisect_right(self.bad, row, key=itemgetter(0))

    def records(self, rows: Sequence[int], width: int) -> Iterator[Record]:
        """What some of the rows, in their order, were read from."""
        if self.sound:
            numbers = (row + self.bad_before(row) for row in rows)
            return self.stretch.placed(self.stretch.sound_records(numbers, self.sound, width))
        wanted = set(rows)  # more rows may stand behind the block
        found = (record for row, record in enumerate(self.stretch.rows(width)) if row in wanted)
        return self.stretch.placed(islice(found, len(rows)))
