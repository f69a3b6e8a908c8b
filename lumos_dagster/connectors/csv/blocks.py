"""Cuts CSV bytes into pieces, each to be read by itself: by pyarrow where it is sound, else by the strict scanner."""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv

from lumos_dagster.connectors.csv.dialect import UNCLOSED, Dialect, Record, Scanner
from lumos_dagster.connectors.csv.stretch import Block, Stretch
from lumos_dagster.connectors.csv.structure import STRIDE, Cut, cut
from lumos_dagster.connectors.csv.text import Text
from lumos_dagster.errors import DataError

BLOCK_BYTES = 2 << 20
MAX_RECORD_BYTES = 128 << 20
_STAND_IN = b"\x1f"
"""Takes the place of a delimiter of several bytes, in blocks that do not hold it."""


@dataclass(frozen=True)
class Piece:
    """Whole records, so many bytes of them. `read` needs none of those before, and may be called in any thread."""

    nbytes: int
    read: Callable[[], Block]


class CsvBlocks:
    """One CSV text. Records are told with the line and the byte at which they stand in the file."""

    def __init__(self, stream: Text, dialect: Dialect, skip_rows: int = 0, block_bytes: int = BLOCK_BYTES) -> None:
        self._stream = stream
        self._dialect = dialect
        self._buffer = b""
        self.line = 1
        self._end = stream.position
        self._eof = False
        self._block_bytes = block_bytes
        self._skip_lines(skip_rows)

    def first_record(self, take: bool) -> Record | None:
        """The first record, None where there is none; `take` it away, or leave it to be read as a row.

        No text means null in it: it may be the names of the columns.
        """
        while True:
            stretch = replace(self._stretch(), dialect=replace(self._dialect, nulls=frozenset()))
            scanner = stretch.scanner()
            record = next(stretch.placed(scanner.records()), None)
            if record is not None:
                if record.reason:
                    raise stretch.broken(record)
                if take:
                    self._advance(scanner)
                return record
            if self._eof:
                return None
            self._grow()

    def pieces(self, width: int, wanted: list[int]) -> Iterator[Piece]:
        """The `wanted` columns of all rows, which have `width` fields. A blank line is a row only if that is 1."""
        while True:
            if len(self._buffer) < self._block_bytes:
                self._fill()
            if not self._buffer:
                return
            piece = self._piece(width, wanted)
            if piece:
                yield piece
            else:
                self._grow()

    def _piece(self, width: int, wanted: list[int]) -> Piece | None:
        """The whole records of the buffer; None where there is not one. Where they end, only the scanner may know."""
        stretch, found = self._stretch(), cut(self._buffer, self._dialect, self._eof)
        taken: Scanner | Cut = found
        read = partial(_sound, stretch, found, width, wanted)
        if not found.sound:
            taken = scanner = stretch.scanner()
            read = partial(_same, _scanned(stretch, scanner, width, wanted, STRIDE))
        if not taken.end:
            return None
        self._advance(taken)
        return Piece(taken.end, read)

    def _skip_lines(self, many: int) -> None:
        while many:
            scanner = self._stretch().scanner()
            while many and scanner.skip_line():
                many -= 1
            self._advance(scanner)
            if many and self._eof and not self._buffer:
                return
            if many:
                self._grow()

    def _stretch(self) -> Stretch:
        return Stretch(self._buffer, self._dialect, self._stream, self.line, self._end, self._eof)

    def _fill(self) -> None:
        if self._eof:
            return
        data = self._stream.read(max(self._block_bytes, len(self._buffer)))
        self._buffer += data
        self._eof = not data
        self._end = self._stream.position
        last = self._buffer[-1:]
        if self._eof and last not in (b"", b"\n", b"\r", self._dialect.escape):
            self._buffer += b"\n"
            self._end += self._stream.length(memoryview(b"\n"))

    def _grow(self) -> None:
        if self._eof or len(self._buffer) >= MAX_RECORD_BYTES:
            limit = f"{MAX_RECORD_BYTES >> 20} MiB"
            raise DataError(
                f"{self._stream.name}, line {self.line}, byte {self._stretch().begins}: the record that begins here "
                f"does not end within {limit}, the most that one may have; is a quote never closed?"
            )
        self._fill()

    def _advance(self, taken: Scanner | Cut) -> None:
        self._buffer = self._buffer[taken.end :]
        self.line = taken.line if isinstance(taken, Scanner) else self.line + taken.lines


def _same(block: Block) -> Block:
    return block


def _sound(stretch: Stretch, found: Cut, width: int, wanted: list[int]) -> Block:
    """The records that were cut off, whatever is in them."""
    if fast := _fast(stretch, found, width, wanted):
        return fast
    scanner = stretch.scanner()
    scanned = _scanned(stretch, scanner, width, wanted, found.end)
    if scanner.end != found.end:
        raise RuntimeError(f"byte {found.end} was taken for the end of a record, and is not: {stretch.stream.name}")
    return scanned


def _fast(stretch: Stretch, found: Cut, width: int, wanted: list[int]) -> Block | None:
    """The sound records by pyarrow, but for ragged ones; None where it finds wrong bytes, or miscounts."""
    data, dialect = memoryview(stretch.buffer)[: found.end], stretch.dialect
    delimiter = dialect.delimiter
    if stretch.buffer.startswith(codecs.BOM_UTF8):  # pyarrow would take it away, whatever block this is
        return None
    if len(delimiter) > 1:
        if _STAND_IN in stretch.buffer:
            return None
        data, delimiter = memoryview(bytes(data).replace(delimiter, _STAND_IN)), _STAND_IN
    names = [f"f{index}" for index in range(width)]
    blank = found.blank if width > 1 else 0
    ragged: list[int] = []

    def pass_over(row: pyarrow.csv.InvalidRow) -> Literal["skip"]:
        ragged.append(cast(int, row.number) - 1)  # which is known where one thread reads
        return "skip"

    reads_all = len(wanted) == width
    try:
        if reads_all:  # then its bytes are checked at once, in a tenth of the time that it takes value by value
            _check_utf8(data)
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),  # type: ignore[arg-type] # the stubs know no Arrow files
            pyarrow.csv.ReadOptions(use_threads=False, block_size=found.end + 1, column_names=names),
            pyarrow.csv.ParseOptions(
                delimiter=delimiter.decode(),
                quote_char=dialect.quote.decode() or False,
                newlines_in_values=True,
                ignore_empty_lines=width > 1,
                invalid_row_handler=pass_over,
            ),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=[names[index] for index in wanted],
                null_values=[text.decode() for text in dialect.nulls],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=not reads_all,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows + len(ragged) != found.records - blank:
        return None
    records = stretch.placed(stretch.sound_records(ragged, found.end, width)) if ragged else ()
    bad = [(number - before, record) for before, (number, record) in enumerate(zip(ragged, records, strict=True))]
    if not all(record.misfit(width) for _, record in bad):
        return None
    # One chunk, as all was one block; none where there are only blank lines. To combine one would copy it.
    columns: list[Any] = [one.chunk(0) if one.num_chunks else one.combine_chunks() for one in table.columns]
    return Block(columns, table.num_rows, stretch, bad, blank, sound=found.end)


def _scanned(stretch: Stretch, scanner: Scanner, width: int, wanted: list[int], end: int) -> Block:
    """The complete records of the buffer, up to the first one that ends at its byte `end` or behind."""
    rows: list[tuple[bytes | None, ...]] = []
    before: list[int] = []
    bad: list[Record] = []
    blank = 0
    for record in scanner.records():
        if record.reason == UNCLOSED:
            raise stretch.broken(*stretch.placed([record]))
        if record.passed_over(width):
            blank += 1
        elif record.misfit(width):
            before.append(len(rows))
            bad.append(record)
        else:
            rows.append(record.fields)
        if scanner.end >= end:
            break
    columns: list[pa.Array[Any]] = [pa.array([_text(row[index]) for row in rows], pa.string()) for index in wanted]
    return Block(columns, len(rows), stretch, list(zip(before, stretch.placed(bad), strict=True)), blank)


def _check_utf8(text: memoryview) -> None:
    """pyarrow.ArrowInvalid where it is none."""
    ends = pa.py_buffer(np.array([0, len(text)], np.int32).tobytes())
    pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(text)]).cast(pa.string())


def _text(field_bytes: bytes | None) -> str | None:
    return None if field_bytes is None else field_bytes.decode()
