"""Rows on the console: a few are shown, all are counted."""

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.console import ConsoleLoader
from lumos_dagster.errors import DataError


def show(book: Book, table: pa.Table, limit: int = 20) -> int:
    with book.task("show") as task:
        return ConsoleLoader(limit=limit).write(table.to_reader(max_chunksize=7), task).inserted


def test_the_first_rows_are_shown_and_all_are_counted(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    table = pa.table({"id": list(range(100, 150)), "name": [f"name {number}" for number in range(50)]})

    assert show(book, table, limit=10) == 50

    printed = capsys.readouterr().out
    assert "109" in printed
    assert "name 9" in printed
    assert "110" not in printed
    assert "10 of 50 rows" in printed


def test_values_cannot_disturb_the_table(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    show(book, pa.table({"text": ["[red]x[/red]", "two\nlines", "\x1b[2J", None, ""], "n": [1.5, None, 2, 3, 4]}))

    printed = capsys.readouterr().out
    assert "[red]x[/red]" in printed
    assert "two\\nlines" in printed
    assert "\\x1b[2J" in printed
    assert "\x1b" not in printed
    assert "null" in printed


def test_wide_tables_are_not_squeezed(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    show(book, pa.table({f"column_{place}": [f"value_{place}"] for place in range(30)}))

    printed = capsys.readouterr().out
    assert [place for place in range(30) if f"value_{place} " not in printed] == []


def test_no_rows_and_no_columns(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(book, pa.table({})) == 0
    assert capsys.readouterr().out == "0 rows\n"


def test_nothing_is_printed_of_a_load_that_fails(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    def batches() -> object:
        yield pa.record_batch({"id": [1]})
        raise DataError("broken")

    rows = pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), batches())
    with pytest.raises(DataError, match="broken"), book.task("show") as task:
        ConsoleLoader().write(rows, task)

    assert capsys.readouterr().out == ""


def test_what_was_shown_travels_on(book: Book) -> None:
    travelled: list[pa.RecordBatch] = []
    with book.task("show") as task:
        task.accept = travelled.append
        ConsoleLoader(limit=0).write(pa.table({"id": [1, 2]}).to_reader(), task)

    assert pa.Table.from_batches(travelled)["id"].to_pylist() == [1, 2]
