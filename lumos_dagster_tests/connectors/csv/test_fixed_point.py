"""What was written is read back and written again byte for byte; what could not be is refused or a bad row."""

import bz2
import csv
import io
import lzma
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv import blocks
from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.errors import DataError
from lumos_dagster_tests.connectors.csv.parts import load, read, rows_of

_PIECES = st.sampled_from(["a", "1.50", "007", ",", '"', '""', "\n", "\r\n", "é", " ", "true", "-0", '"x"', ",,"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(pieces=st.lists(_PIECES, max_size=20), infer=st.booleans())
def test_a_second_pass_changes_nothing(tmp_path: Path, book: Book, pieces: list[str], infer: bool) -> None:
    first, second, third = (tmp_path / name for name in ("1.csv", "2.csv", "3.csv"))
    text = "".join(pieces)
    first.write_bytes(text.encode())
    options = {"has_header": False, "types": "infer" if infer else "text"}
    try:
        rows = read(book, first, **options)
    except DataError:
        return

    load(book, second, rows, write_header=False)
    load(book, third, read(book, second, **options), write_header=False)

    assert third.read_bytes() == second.read_bytes()
    # Python's reader is laxer, and knows no null: what ours took it reads alike.
    known = [tuple(row) or ("",) for row in csv.reader(io.StringIO(text, newline=""))]
    kept = known if rows.num_columns == 1 else [row for row in known if row != ("",)]
    assert [tuple(value or "" for value in row) for row in rows_of(read(book, first, has_header=False))] == kept


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "a.csv.bz2", "a.csv.xz"])
def test_rows_are_appended_to_a_compressed_file(tmp_path: Path, book: Book, name: str) -> None:
    for value in ("1", "2"):
        load(Book(replace(book.run, load_id=value)), tmp_path / name, pa.table({"a": [value]}), append=True)

    assert rows_of(read(book, tmp_path / name)) == [("1",), ("2",)]


@pytest.mark.parametrize("old", ["utf-16-le", "utf-16-be"])
def test_rows_are_appended_in_the_byte_order_that_is_found(tmp_path: Path, book: Book, old: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffa\n1".encode(old))

    load(book, path, pa.table({"a": ["2é"]}), append=True, encoding="utf-16")

    assert path.read_bytes() == "\ufeffa\n1\n2é\n".encode(old)


@pytest.mark.parametrize(("name", "pack"), [("a.csv.bz2", bz2.compress), ("a.csv.xz", lzma.compress)])
def test_rows_behind_the_packed_ones_are_not_passed_over(tmp_path: Path, book: Book, name: str, pack: object) -> None:
    assert callable(pack)
    (tmp_path / name).write_bytes(pack(b"a\n1\n") + pack(b"2\n"))
    assert rows_of(read(book, tmp_path / name)) == [("1",), ("2",)]

    (tmp_path / name).write_bytes(pack(b"a\n1\n") + b"2\n")
    with pytest.raises(DataError, match="broken or cut"):
        read(book, tmp_path / name)


def test_a_record_has_a_limit_and_says_so(tmp_path: Path, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_bytes(b'a,b\n1,"' + b"x" * (9 << 20) + b'"\n')
    assert len(read(book, tmp_path / "a.csv")["b"][0].as_py()) == 9 << 20

    monkeypatch.setattr(blocks, "MAX_RECORD_BYTES", 4 << 20)
    with pytest.raises(DataError, match=r"line 2, byte 4: the record that begins here does not end within 4 MiB"):
        read(book, tmp_path / "a.csv")


def test_a_text_that_ends_like_the_delimiter_begins_does_not_move_it(tmp_path: Path, book: Book) -> None:
    rows = pa.table({"a|": ["x|", "|"], "b": ["|y", ""]})

    load(book, tmp_path / "a.csv", rows, delimiter="||")

    assert read(book, tmp_path / "a.csv", delimiter="||") == rows


def test_a_name_is_never_null(tmp_path: Path, book: Book) -> None:
    (tmp_path / "a.csv").write_text("NA, \nNA,1\n")

    assert read(book, tmp_path / "a.csv", null_values=["NA"]).to_pylist() == [{"NA": None, " ": "1"}]


def test_what_cannot_be_written_is_a_bad_row(tmp_path: Path, book: Book) -> None:
    loader = CsvLoader(file_path=str(tmp_path / "a.csv"), encoding="latin-1")
    with book.task("load", "reject") as task:
        assert loader.write(pa.table({"a": ["é", "5 €", "x\0", None]}).to_reader(), task).inserted == 2
        assert task.count.rejected == 2

    assert (tmp_path / "a.csv").read_bytes() == b"a\n\xe9\n\n"


def test_names_are_guarded_too(tmp_path: Path, book: Book) -> None:
    rows = pa.table({"=1+1": ["＝x"]})

    for run in ("1", "2"):
        load(Book(replace(book.run, load_id=run)), tmp_path / "a.csv", rows, formula_guard="escape", append=True)
    assert (tmp_path / "a.csv").read_text() == "'=1+1\n'＝x\n'＝x\n"
    with pytest.raises(DataError, match="'=1\\+1' would be taken as a formula"):
        load(book, tmp_path / "b.csv", rows, formula_guard="reject")


def test_a_file_knows_whether_it_is_read_whatever_leads_to_it(tmp_path: Path, book: Book) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x\n1\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    extractor = CsvExtractor(file_path=[str(tmp_path / "b.csv"), str(tmp_path / "?.csv")])

    for name, found in (("a.csv", True), ("b.csv", True), ("link.csv", True), ("c.csv", False)):
        assert extractor.reads(CsvLoader(file_path=str(tmp_path / name)).location()) is found
    assert read(book, [str(tmp_path / "b.csv"), str(tmp_path / "*.csv")]).num_rows == 2  # each file once
