"""What does not make sense in a CSV file is said, never shifted, merged or dropped."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv import blocks, structure
from lumos_dagster.connectors.csv.blocks import CsvBlocks
from lumos_dagster.connectors.csv.dialect import Dialect
from lumos_dagster.connectors.csv.text import Text
from lumos_dagster.errors import DataError
from lumos_dagster_tests.connectors.csv.parts import read, rows_of

FAULTS = {
    "too few": (b"3", "1 fields where 2 are expected"),
    "too many": (b"3,4,5", "3 fields where 2 are expected"),
    "behind a quote": (b'"abc"def,4', "text behind a closing quote"),
    "space behind a quote": (b'"abc" ,4', "text behind a closing quote"),
    "stray quote": (b'5" pipe,4', "a quote inside an unquoted field"),
    "two stray quotes": (b'a "b" c,4', "a quote inside an unquoted field"),
    "space before a quote": (b'3, "4"', "a quote inside an unquoted field"),
    "NUL": (b"3\0,4", "a NUL byte"),
    "wrong bytes": (b"\xe9t\xe9,4", "the bytes e9 are not utf-8"),
    "an end-of-file mark": (b"\x1a", "1 fields where 2 are expected"),
}
BAD = pytest.mark.parametrize(("line", "reason"), FAULTS.values(), ids=FAULTS)


@BAD
def test_a_fault_is_an_error_with_its_place_and_reason(tmp_path: Path, book: Book, line: bytes, reason: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n" + line + b"\n5,6\n")

    with pytest.raises(DataError, match=rf"read: row 2: .*{reason}.*a\.csv, line 3"):
        read(book, path)


@BAD
def test_a_faulty_row_can_be_rejected_alone(tmp_path: Path, book: Book, line: bytes, reason: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n" + line + b"\n5,6\n")

    assert rows_of(read(book, path, on_error="reject")) == [("1", "2"), ("5", "6")]

    count = book.tasks["read"].count
    assert (count.made, count.rows_out, count.rejected) == (3, 2, 1)
    (reject,) = Path(book.run.storage, "rejects", book.run.run_id).glob("*.jsonl")
    kept = json.loads(reject.read_text())
    assert (kept["number"], kept["row"]["file"], kept["row"]["line"]) == (2, str(path), 3)
    assert 8 <= kept["row"]["byte"] < 8 + len(line)
    assert reason in kept["reason"]


def test_a_faulty_row_can_be_skipped(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1\n3,4\n")

    assert rows_of(read(book, path, on_error="skip")) == [("3", "4")]
    assert book.tasks["read"].count.skipped == 1


def test_a_row_cannot_become_null(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1\n")

    with pytest.raises(DataError, match="1 fields where 2"):
        read(book, path, on_error="null")


@pytest.mark.parametrize("on_error", ["fail", "reject", "skip"])
def test_a_quote_that_is_never_closed_swallows_nothing(tmp_path: Path, book: Book, on_error: Any) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,2\n3,"four\n5,6\n7,8')

    with pytest.raises(DataError, match=r"a\.csv, line 3, byte 10: a quoted field is never closed"):
        read(book, path, on_error=on_error)


def test_lines_are_counted_through_fields_of_many_lines_and_many_blocks(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b'1,"x\ny"\r\n' * 300_000 + b"bad\n")

    with pytest.raises(DataError, match=r"row 300001: value 'bad': .*line 600002"):
        read(book, path)


def test_what_several_threads_read_comes_in_the_order_of_the_files(tmp_path: Path, book: Book) -> None:
    """Six blocks, each with rows of both kinds of faults, of which one has the strict scanner take the block."""
    long = b"x" * 1000
    lines = [b"%d,%s" % (number, long) for number in range(12_000)]
    for number in range(600, 12_000, 1100):
        lines[number], lines[number + 1] = b"none," + long, b"%d" % number
    for name, some in ("a.csv", lines[:6000]), ("b.csv", lines[6000:]):
        (tmp_path / name).write_bytes(b"\n".join([b"id,text", *some]))

    table = read(book, str(tmp_path / "?.csv"), on_error="reject", types={"id": "int"})

    bad = {number + more for number in range(600, 12_000, 1100) for more in (0, 1)}
    assert table["id"].to_pylist() == [number for number in range(12_000) if number not in bad]
    (rejects,) = Path(book.run.storage, "rejects", book.run.run_id).glob("*.jsonl")
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert {reject["number"] for reject in kept} == {number + 1 for number in bad}
    assert all(f"line {(reject['number'] - 1) % 6000 + 2}," in reject["reason"] for reject in kept)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"", "is empty: there is no header"),
        (b"a,b,a\n1,2,3\n", "columns 1 and 3 are both 'a'"),
        (b"a,,c\n1,2,3\n", "column 2 has no name"),
        (b"a,,a,\n1,2,3,4\n", "column 2 has no name; columns 1 and 3 are both 'a'; column 4 has no name. Mend it"),
        (b"," * 99 + b"\n", "column 20 has no name; 100 such in all. Mend it"),
        (b"\n1,2\n", "column 1 has no name"),
        (b'a,"b"c\n1,2\n', "line 1, byte 5: there is text behind a closing quote"),
        (b"a,\xff\n1,2\n", "line 1, byte 2: the bytes ff are not utf-8"),
        (b'a,"b\n1,2\n', "line 1, byte 2: a quoted field is never closed"),
    ],
)
def test_a_header_that_names_no_columns(tmp_path: Path, book: Book, header: bytes, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(header)

    with pytest.raises(DataError, match=message):
        read(book, path)


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (
            b"a\n1\n\xff\xff\n",
            "gb18030",
            r"value '\\\\xff\\\\xff': the bytes ff ff are not gb18030; if the whole file.*line 3, byte 4\)",
        ),
        (b"a\n1\n\xe9\n", "ascii", r"the bytes e9 are not ascii; .*line 3, byte 4\)"),
        ("a\n1\n".encode("utf-16")[:-1], "utf-16", r"the bytes 0a are not utf-16.*line 2, byte 8\)"),
        ("a\n1\n".encode("utf-16"), "utf-8", "byte order mark of UTF-16: set encoding: utf-16$"),
        ("a\n1\n".encode("utf-32"), "utf-8", "byte order mark of UTF-32: set encoding: utf-32$"),
        ("a\n1\n".encode("utf-16"), "latin-1", "byte order mark of UTF-16: set encoding: utf-16$"),
        (b"\xfe\xff\0a\0\n", "utf-16-le", "byte order mark of UTF-16: set encoding: utf-16$"),
        (b"\xef\xbb\xbfa\n1\n", "gb18030", "byte order mark of UTF-8: set encoding: utf-8$"),
        (b"\0a\0\n\01\0\n", "utf-16", "does not begin with a byte order mark: set encoding: utf-16-le or utf-16-be"),
    ],
)
def test_wrong_bytes_for_the_encoding(tmp_path: Path, book: Book, data: bytes, encoding: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)

    with pytest.raises(DataError, match=message):
        read(book, path, encoding=encoding)


def test_values_that_do_not_fit_their_type(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,price\n1,9.50\nx,1.00\n3,0.005\n")
    types = {"id": "int", "price": "decimal(9,2)"}

    with pytest.raises(DataError, match=r"row 2: field 'id': value 'x': is not int64 \(.*a\.csv, line 3, byte 16\)"):
        read(book, path, types=types)

    path.write_text("id,price\n1,9.50\n4\nx,1.00\n3,0.005\n")

    assert read(book, path, on_error="reject", types=types)["id"].to_pylist() == [1]

    (rejects,) = Path(book.run.storage, "rejects", book.run.run_id).glob("*.jsonl")
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(bad["number"], bad["field"], bad["value"]) for bad in kept] == [
        (2, "", "4"),
        (3, "id", "x"),
        (4, "price", "0.005"),
    ]
    assert kept[1]["row"] == {"id": "x", "price": "1.00"}


def test_a_value_that_does_not_fit_may_become_null(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,price\nx,1.00\n3,y\n")

    table = read(book, path, on_error="null", types={"id": "int", "price": "float"})

    assert rows_of(table) == [(None, 1.0), (3, None)]
    assert book.tasks["read"].count.nulled == 2


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("int64", "0 -1 9223372036854775807"),
        ("decimal128(38, 2)", "-0.10 12345678901234567890.00"),
        ("double", "1e+20 -1e-7 0.00001 1.5 -0.0 5e-324 NaN inf -inf 1.2345678901234568e+17"),
        ("bool", "true false"),
        ("date32[day]", "0001-01-01 9999-12-31"),
        ("timestamp[us]", "0001-01-01T00:00:00 2026-03-04T05:06:07.123 9999-12-31T23:59:59.999999"),
        ("timestamp[us, tz=UTC]", "0001-01-01T00:00:00Z 2026-03-04T05:06:07.123Z 9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_type_is_inferred_whichever_of_its_values_comes_first(
    tmp_path: Path, book: Book, kind: str, texts: str
) -> None:
    path = tmp_path / "a.csv"
    for first in texts.split():
        path.write_text("\n".join(["x", first, *texts.split()]))

        assert str(read(book, path, types="infer").schema.field("x").type) == kind, first


def test_inference_never_changes_what_is_written(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "int,money,float,zip,exp,plus,bool,date,time,mixed,none\n"
        "1,1.50,1.5,007,1e5,+1,true,2026-03-04,2026-03-04T05:06:07,1,\n"
        ",12.00,2.25,1,2,2,false,2026-03-05,2026-03-04T05:06:07.500,x,\n"
        "-9223372036854775808,-0.01,0.1,2,3,3,true,0001-01-01,1999-12-31T23:59:59,2,\n"
    )

    table = read(book, path, types="infer")

    assert {field.name: str(field.type) for field in table.schema} == {
        "int": "int64",
        "money": "decimal128(38, 2)",
        "float": "double",
        "zip": "string",
        "exp": "string",
        "plus": "string",
        "bool": "bool",
        "date": "date32[day]",
        "time": "timestamp[us]",
        "mixed": "string",
        "none": "string",
    }


def _read(data: bytes, delimiter: bytes, width: int, block_bytes: int = 1 << 20) -> tuple[Any, ...]:
    source = CsvBlocks(Text("file", io.BytesIO(data), "utf-8"), Dialect(delimiter=delimiter), block_bytes=block_bytes)
    rows: list[tuple[Any, ...]] = []
    bad: list[tuple[int, int, bytes, str]] = []
    lines: list[int] = []
    blank = 0
    try:
        for piece in source.pieces(width, list(range(width))):
            block = piece.read()
            bad += [
                (len(rows) + before, record.line, record.text.replace(b"||", b","), record.misfit(width))
                for before, record in block.bad
            ]
            for record in block.records(range(block.rows), width):
                lines.append(record.line)
                assert data.startswith(record.text, record.at)
            columns = [[value and value.replace("||", ",") for value in column.to_pylist()] for column in block.columns]
            rows += zip(*columns, strict=True)
            blank += block.blank
    except DataError as error:
        return (str(error).split(", byte")[0],)
    return rows, bad, lines, blank


_FIELD = st.sampled_from([b"a", b"", b'""', b'"x"', b'"a""b"', b'"\n"', b'";\r\n"', b'"\r"', b'""""', b"\xc3\xa9"])
_ODD = st.sampled_from([b'"', b'""', b"\n", b"\r", b",", b"a", b'"a"b', b"\xff", b"\0"])
_LINE = st.tuples(st.lists(_FIELD, min_size=1, max_size=3).map(b",".join), st.sampled_from([b"\n", b"\r\n", b"\r"]))
_TEXT = st.lists(st.one_of(_LINE.map(b"".join), _LINE.map(b"".join), _ODD), max_size=12).map(b"".join)


@given(
    data=_TEXT,
    width=st.integers(1, 3),
    block_bytes=st.sampled_from([1, 2, 5, 1 << 20]),
    stride=st.sampled_from([8, 64, 1 << 18]),
)
def test_the_fast_way_reads_as_the_strict_one(data: bytes, width: int, block_bytes: int, stride: int) -> None:
    """With a delimiter of two bytes every block with a quote goes the strict way; with one byte, hardly any."""
    strict = _read(data.replace(b",", b"||"), b"||", width)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structure, "STRIDE", stride)
        patch.setattr(blocks, "STRIDE", stride)
        assert _read(data, b",", width, block_bytes) == strict
