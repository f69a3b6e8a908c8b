"""Spooled rows come back all, or an error says that they do not."""

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book
from lumos_dagster.errors import DataError, TransientError
from lumos_dagster.relation import Relation
from lumos_dagster.spool import Spool, spool, spool_once, spool_writer

TABLE = pa.table({"n": list(range(10_000)), "text": ["same text"] * 10_000})


@pytest.mark.parametrize("where", ["local", "memory"])
def test_rows_come_back_compressed_and_as_often_as_asked(tmp_path: Path, book: Book, where: str) -> None:
    base = str(tmp_path) if where == "local" else f"memory://spool-{tmp_path.name}"
    kept = spool(Relation.of(TABLE), f"{base}/run/op.arrow", book)

    assert kept.to_table() == kept.to_table() == TABLE
    assert isinstance(kept.source, Spool)
    assert (kept.source.rows, kept.source.bytes < TABLE.nbytes // 2) == (10_000, True)


def test_only_its_owner_may_read_it(tmp_path: Path, book: Book) -> None:
    spool(Relation.of(TABLE), str(tmp_path / "op.arrow"), book)

    assert (tmp_path / "op.arrow").stat().st_mode & 0o777 == 0o600


def test_no_rows_keep_their_columns(tmp_path: Path, book: Book) -> None:
    kept = spool(Relation.of(TABLE.slice(0, 0)), str(tmp_path / "op.arrow"), book)

    assert kept.to_table().schema == TABLE.schema


def test_a_failed_spool_leaves_nothing(tmp_path: Path, book: Book) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        raise DataError("broken")

    @dataclass(frozen=True)
    class Broken:
        @contextmanager
        def open(self, book: Book) -> Iterator[pa.RecordBatchReader]:
            yield pa.RecordBatchReader.from_batches(TABLE.schema, failing())

    with pytest.raises(DataError, match="broken"):
        spool(Relation(Broken()), str(tmp_path / "op.arrow"), book)

    assert list(tmp_path.iterdir()) == []


def test_a_spool_that_lost_rows_is_not_believed(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "op.arrow"
    spool(Relation.of(TABLE), str(path), book)
    with spool_writer(str(path), TABLE.schema) as writer:
        writer.write(TABLE.to_batches()[0].slice(0, 9_999))

    with pytest.raises(DataError, match="holds 9999 of 10000 rows"):
        Relation(Spool(str(path), 10_000, 0)).to_table()


def test_every_attempt_gets_the_input_of_the_first(tmp_path: Path, book: Book) -> None:
    url = str(tmp_path / "input.arrow")
    spool_once(Relation.of(TABLE), url, book)

    again = spool_once(Relation.of(TABLE.slice(0, 1)), url, book)

    assert again.to_table() == TABLE


def test_a_spool_without_room_says_where_and_may_be_tried_again(tmp_path: Path, book: Book) -> None:
    url = str(tmp_path / "op.arrow")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(TransientError, match=f"the spool {re.escape(url)} cannot be written: File too large"):
            spool(Relation.of(TABLE), url, book)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_the_rows_is_not_taken_for_the_spool(tmp_path: Path, book: Book) -> None:
    with (
        pytest.raises(OSError, match=r"^the line is cut$"),
        spool_writer(str(tmp_path / "op.arrow"), TABLE.schema),
    ):
        raise OSError("the line is cut")
