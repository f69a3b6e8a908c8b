"""A CSV file is written whole or not at all, and reads back as it was."""

import csv
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.errors import ConfigError, DataError, Interrupted, TerminalError
from lumos_dagster_tests.connectors.csv.parts import failing, load, read, rows_of

PEOPLE = pa.table({"id": [1, 2], "name": ["Ann", "Bo"]})


def text_table(rows: list[tuple[str | None, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [(), ()]
    return pa.table({f"c{place}": pa.array(column, pa.string()) for place, column in enumerate(columns)})


def test_values_are_written_exactly(tmp_path: Path, book: Book) -> None:
    table = pa.table({
        "int": pa.array([9223372036854775807, None]),
        "float": pa.array([0.1, float("nan")]),
        "decimal": pa.array([Decimal("1.10"), Decimal("-0.01")]),
        "bool": pa.array([True, False]),
        "date": pa.array([date(2026, 3, 4), None]),
        "time": pa.array([time(5, 6, 7, 89), None]),
        "naive": pa.array([datetime(2026, 3, 4, 5, 6, 7), datetime(2026, 3, 4, 5, 6, 7, 89)]),
        "utc": pa.array([datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        "bytes": pa.array([b"\x00\xff", b""]),
        "nested": pa.array([{"a": [1, None], "b": 'x"y'}, None]),
    })  # fmt: skip

    result = load(book, tmp_path / "a.csv", table)

    text = (tmp_path / "a.csv").read_bytes()
    assert text.decode().splitlines() == [
        "int,float,decimal,bool,date,time,naive,utc,bytes,nested",
        "9223372036854775807,0.1,1.10,true,2026-03-04,05:06:07.000089,2026-03-04T05:06:07,2026-03-04T05:06:07Z,00ff,"
        '"{""a"":[1,null],""b"":""x\\""y""}"',
        ',NaN,-0.01,false,,,2026-03-04T05:06:07.000089,,"",',
    ]
    assert (result.inserted, result.bytes) == (2, len(text))


def test_other_readers_understand_it(tmp_path: Path, book: Book) -> None:
    rows = [("a,b", 'say "x"'), ("two\nlines", "cr\rlf\r\n"), (" spaces ", "é😀"), ("'", "\\")]

    load(book, tmp_path / "a.csv", text_table(list(rows)), line_terminator="\r\n")

    with (tmp_path / "a.csv").open(newline="") as stream:
        assert [tuple(row) for row in csv.reader(stream, strict=True)] == [("c0", "c1"), *rows]


NASTY = st.none() | st.text(
    st.sampled_from(list("ab,;|\"'\r\n\t \\#é😀\ufeff=-0")) | st.characters(codec="utf-8", exclude_characters="\0")
)
DIALECTS: list[dict[str, Any]] = [
    {},
    {"delimiter": ";", "line_terminator": "\r\n"},
    {"delimiter": "||", "quote": "'"},
    {"quoting": "all", "line_terminator": "\r"},
    {"quoting": "non_numeric", "null_value": "NULL"},
    {"encoding": "utf-16"},
    {"encoding": "gb18030", "delimiter": "\t"},
    {"write_header": False},
]


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(rows=st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[NASTY] * width), min_size=1, max_size=6)))
def test_any_text_survives(tmp_path: Path, book: Book, dialect: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
    path = tmp_path / "a.csv"
    load(book, path, text_table(rows), **dialect)

    kept = {key: value for key, value in dialect.items() if key in ("delimiter", "quote", "encoding")}
    header = dialect.get("write_header", True)
    found = read(book, path, null_values=[dialect.get("null_value", "")], has_header=header, **kept)

    assert rows_of(found) == rows


def test_a_failed_load_leaves_the_old_file(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    load(book, path, PEOPLE)
    old = path.read_bytes()

    with pytest.raises(DataError, match="broken input"):
        load(book, path, failing(PEOPLE, DataError("broken input")))

    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["a.csv"]


def test_a_cancelled_load_leaves_the_old_file(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    book.cancellation.cancel(Interrupted("told to end"))

    with pytest.raises(Interrupted):
        load(book, path, PEOPLE)

    assert path.read_text() == "old"


def test_no_rows_leave_a_header(tmp_path: Path, book: Book) -> None:
    load(book, tmp_path / "deep" / "a.csv", PEOPLE.slice(0, 0))

    assert (tmp_path / "deep" / "a.csv").read_text() == "id,name\n"


def test_what_was_loaded_travels_on(tmp_path: Path, book: Book) -> None:
    travelled: list[pa.RecordBatch] = []
    with book.task("load") as task:
        task.accept = travelled.append
        CsvLoader(file_path=str(tmp_path / "a.csv"), fields=["name"]).write(PEOPLE.to_reader(), task)

    assert pa.Table.from_batches(travelled) == PEOPLE
    assert (tmp_path / "a.csv").read_text() == "name\nAnn\nBo\n"


def test_names_are_quoted_where_they_must_be(tmp_path: Path, book: Book) -> None:
    load(book, tmp_path / "a.csv", pa.table({"a,b": [1], 'say "x"': [2], "two\nlines": [3]}))

    assert read(book, tmp_path / "a.csv").column_names == ["a,b", 'say "x"', "two\nlines"]


@pytest.mark.parametrize(
    ("quoting", "expected"),
    [
        ("minimal", 'id,name\n1,a\n2,""\n,\n'),
        ("all", '"id","name"\n"1","a"\n"2",""\n,\n'),
        ("non_numeric", '"id","name"\n1,"a"\n2,""\n,\n'),
    ],
)
def test_quoting(tmp_path: Path, book: Book, quoting: str, expected: str) -> None:
    load(book, tmp_path / "a.csv", pa.table({"id": [1, 2, None], "name": ["a", "", None]}), quoting=quoting)

    assert (tmp_path / "a.csv").read_text() == expected


def test_what_cannot_be_written_without_quotes_is_an_error(tmp_path: Path, book: Book) -> None:
    with pytest.raises(DataError, match=r"row 2: field 'a': value 'x,y': with quoting: none no value can hold a del"):
        load(book, tmp_path / "a.csv", pa.table({"a": ["x", "x,y"]}), quoting="none")
    with pytest.raises(DataError, match=r"value '': with quoting: none it would be read as null; .*null_value"):
        load(book, tmp_path / "a.csv", pa.table({"a": ["x", ""]}), quoting="none")

    load(book, tmp_path / "a.csv", pa.table({"a": ["x", "", None]}), quoting="none", null_value="-")
    assert (tmp_path / "a.csv").read_text() == "a\nx\n\n-\n"


def test_a_character_that_the_encoding_lacks_is_an_error(tmp_path: Path, book: Book) -> None:
    with pytest.raises(DataError, match="'€' does not exist in iso8859-1"):
        load(book, tmp_path / "a.csv", pa.table({"a": ["5 €"]}), encoding="latin-1")

    assert list(tmp_path.glob("*.csv")) == []


FORMULAS = pa.table({"id": [-1, 2, 3], "text": ["-5.5", "=1+1", "fine"]})


def test_formulas_are_escaped(tmp_path: Path, book: Book) -> None:
    load(book, tmp_path / "a.csv", FORMULAS, formula_guard="escape")

    assert (tmp_path / "a.csv").read_text() == "id,text\n-1,-5.5\n2,'=1+1\n3,fine\n"


def test_formulas_are_rejected(tmp_path: Path, book: Book) -> None:
    loader = CsvLoader(file_path=str(tmp_path / "a.csv"), formula_guard="reject")
    with pytest.raises(DataError, match=r"row 2: .*'=1\+1'.*taken as a formula"), book.task("load") as task:
        loader.write(FORMULAS.to_reader(), task)

    with book.task("load", "reject") as task:
        assert loader.write(FORMULAS.to_reader(), task).inserted == 2
        assert task.count.rejected == 1
    assert (tmp_path / "a.csv").read_text() == "id,text\n-1,-5.5\n3,fine\n"
    (rejects,) = Path(book.run.storage, "rejects", book.run.run_id).glob("*.jsonl")
    assert json.loads(rejects.read_text())["row"] == {"id": 2, "text": "=1+1"}


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz", "zstd"])
def test_compression_by_suffix_or_name(tmp_path: Path, book: Book, compression: str) -> None:
    suffix = {"gzip": ".gz", "bz2": ".bz2", "xz": ".xz", "zstd": ".zst"}[compression]
    named, suffixed = tmp_path / "named", tmp_path / f"a.csv{suffix}"

    load(book, named, PEOPLE, compression=compression)
    load(book, suffixed, PEOPLE)

    assert named.read_bytes() == suffixed.read_bytes()
    assert rows_of(read(book, suffixed)) == [("1", "Ann"), ("2", "Bo")]


def test_a_missing_or_doubled_field_is_named(tmp_path: Path, book: Book) -> None:
    with pytest.raises(ConfigError, match=r"no column 'nmae'; allowed: id, name. Did you mean 'name'"):
        load(book, tmp_path / "a.csv", PEOPLE, fields=["nmae"])
    with pytest.raises(ConfigError, match="two columns are named 'id'"):
        load(book, tmp_path / "a.csv", PEOPLE, fields=["id", "id"])


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, book: Book) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(TerminalError, match=r"file/a\.csv cannot be written"):
        load(book, tmp_path / "file" / "a.csv", PEOPLE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"append": True, "mode": "overwrite"}, "contradict"),
        ({"delimiter": "§", "encoding": "ascii"}, "the delimiter '§' does not exist in ascii"),
        ({"delimiter": "||", "null_value": "a|"}, "null_value"),
        ({"quote": ""}, "quoting must be none"),
        ({"null_value": "a,b"}, "null_value"),
        ({"delimiter": '"'}, "are both"),
        ({"line_terminator": ";"}, "line_terminator"),
        ({"mode": "replace"}, "mode"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CsvLoader.model_validate({"file_path": "a.csv", **options})
