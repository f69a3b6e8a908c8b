"""Every row of a CSV file arrives as it stands, whatever the file's layout."""

from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.errors import ConfigError
from lumos_dagster_tests.connectors.csv.parts import read, rows_of


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_will_do(tmp_path: Path, book: Book, end: str, last: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(("a,b" + end + '1,"x' + end + 'y"' + end + "2,z" + (end if last else "")).encode())

    assert rows_of(read(book, path)) == [("1", f"x{end}y"), ("2", "z")]


def test_null_is_unquoted_and_empty_text_is_quoted(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a,b,c\n,"",x\nNULL,"NULL",\n')

    assert rows_of(read(book, path)) == [(None, "", "x"), ("NULL", "NULL", None)]
    assert rows_of(read(book, path, null_values=["NULL"])) == [("", "", "x"), (None, "NULL", "")]


def test_text_stays_as_written(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,c,d\n007,1e5,+1, x \n")

    table = read(book, path)

    assert table.schema.types == [pa.string()] * 4
    assert rows_of(table) == [("007", "1e5", "+1", " x ")]


def test_a_file_of_one_column_keeps_its_empty_lines_as_nulls(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a\n1\n\n""\n2\n')

    assert rows_of(read(book, path)) == [("1",), (None,), ("",), ("2",)]


def test_blank_lines_between_rows_are_counted_not_read(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n\n3,4\n\n")

    assert rows_of(read(book, path)) == [("1", "2"), ("3", "4")]
    assert book.tasks["read"].count.notes == {"blank lines": 2}


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "a,b\n1,é😀\n"),
        ("utf-8-sig", "a,b\n1,é😀\n"),
        ("utf-16", "a,b\n1,é😀\n"),
        ("utf-16-le", "a,b\n1,é😀\n"),
        ("gb18030", "名,b\n中国,😀\n"),
        ("latin-1", "a,b\n1,é\n"),
        ("cp1252", "a,b\n1,€\n"),
        ("shift_jis", "a,b\n1,表\n"),
    ],
)
def test_encodings(tmp_path: Path, book: Book, encoding: str, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    header, row = text.split()

    table = read(book, path, encoding=encoding)

    assert table.column_names == header.split(",")
    assert rows_of(table) == [tuple(row.split(","))]


def test_a_character_may_lie_across_two_reads(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{index},{'é中😀' * 7}" for index in range(60_000)]
    path.write_bytes("\n".join(["a,b", *rows]).encode("gb18030"))

    assert [",".join(row) for row in rows_of(read(book, path, encoding="gb18030"))] == rows


def test_a_byte_order_mark_is_dropped_without_being_told(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfa\n1\n")

    assert read(book, path).column_names == ["a"]


def test_options_of_layout(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("made by 'us'\na;b\n#note 'x\n1;'x;''y'''\n2;z\n")

    rows = read(book, path, delimiter=";", quote="'", skip_rows=1, comment="#")

    assert rows_of(rows) == [("1", "x;'y'"), ("2", "z")]


def test_escapes(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1\\,2,\\N\n"say \\"x\\"",3\n')

    rows = read(book, path, escape="\\", null_values=["\\N"])

    assert rows_of(rows) == [("1,2", None), ('say "x"', "3")]


@pytest.mark.parametrize("delimiter", ["||", "§", "\t", "::"])
def test_a_delimiter_of_any_length(tmp_path: Path, book: Book, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'a{delimiter}b\n1{delimiter}|:x\n"2{delimiter}"{delimiter}""\n')

    assert rows_of(read(book, path, delimiter=delimiter)) == [("1", "|:x"), (f"2{delimiter}", "")]


def test_without_quotes_a_quote_is_text(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a,b\n5" pipe,"x\n')

    assert rows_of(read(book, path, quote="")) == [('5" pipe', '"x')]


def test_without_a_header_columns_are_numbered(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1,2\n3,4\n")

    table = read(book, path, has_header=False)

    assert table.column_names == ["column_0", "column_1"]
    assert rows_of(table) == [("1", "2"), ("3", "4")]


def test_columns_are_chosen_and_ordered(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n1,2,3\n")

    table = read(book, path, columns=["c", "a"], filename_column="file")

    assert table.column_names == ["c", "a", "file"]
    assert rows_of(table) == [("3", "1", str(path))]


@pytest.mark.parametrize("options", [{"columns": ["a", "nmae"]}, {"types": {"nmae": "int"}}])
def test_an_unknown_column_is_named_with_its_neighbour(tmp_path: Path, book: Book, options: dict[str, object]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,name\n1,2\n")

    with pytest.raises(ConfigError, match=r"'nmae'.*allowed: a, name.*Did you mean 'name'"):
        read(book, path, **options)


def test_only_a_header_gives_columns_without_rows(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b")

    table = read(book, path)

    assert (table.column_names, table.num_rows) == (["a", "b"], 0)


def test_batches_are_no_larger_than_told(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n" + "1\n" * 25)

    with book.task("read") as task, CsvExtractor(file_path=str(path), batch_size=10).read(task) as rows:
        assert [batch.num_rows for batch in rows] == [10, 10, 5]
