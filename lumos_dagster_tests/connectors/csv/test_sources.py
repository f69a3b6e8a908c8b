"""The files that a CSV extractor reads: compressed, many, missing, anywhere, big."""

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.errors import DataError, TerminalError
from lumos_dagster_tests.connectors.csv.parts import read, rows_of


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_compressed_files(tmp_path: Path, book: Book, suffix: str) -> None:
    import bz2
    import gzip
    import lzma

    text = ("a,b\n" + "1,x\n" * 1000).encode()
    zstd = pa.Codec("zstd")
    packed = {
        ".gz": gzip.compress(text[:1999]) + gzip.compress(text[1999:]),
        ".bz2": bz2.compress(text),
        ".xz": lzma.compress(text),
        ".zst": zstd.compress(text[:1999], asbytes=True) + zstd.compress(text[1999:], asbytes=True),
    }[suffix]
    path = tmp_path / f"a.csv{suffix}"
    path.write_bytes(packed)

    assert read(book, path).num_rows == 1000

    path.write_bytes(packed[:-9])
    with pytest.raises(DataError, match=r"a\.csv.*broken or cut"):
        read(book, path)


def test_globs_and_lists_in_order(tmp_path: Path, book: Book) -> None:
    for name in ("b1", "a2", "a1"):
        (tmp_path / f"{name}.csv").write_text(f"x\n{name}\n")

    table = read(book, [str(tmp_path / "b1.csv"), str(tmp_path / "a*.csv")])

    assert table["x"].to_pylist() == ["b1", "a1", "a2"]


def test_a_name_with_a_bracket_is_no_glob_if_the_file_is_there(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a[1].csv"
    path.write_text("x\n1\n")

    assert read(book, path).num_rows == 1


def test_files_anywhere(book: Book) -> None:
    import fsspec

    with fsspec.open("memory://lumos-csv/a.csv", "wb") as stream:
        stream.write(b"a\n1\n")

    assert rows_of(read(book, "memory://lumos-csv/*.csv")) == [("1",)]


def test_files_must_agree(tmp_path: Path, book: Book) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")

    with pytest.raises(DataError, match=r"b\.csv are not those of .*a\.csv: x, z against x, y"):
        read(book, str(tmp_path / "*.csv"))


def test_a_missing_file_is_told_with_what_is_there(tmp_path: Path, book: Book) -> None:
    (tmp_path / "orders.csv").write_text("x\n")

    with pytest.raises(TerminalError, match=r"order\.csv.*there is: orders\.csv"):
        read(book, tmp_path / "order.csv")
    with pytest.raises(TerminalError, match=f"x/y.csv. The folder {tmp_path} exists"):
        read(book, tmp_path / "x" / "y.csv")
    with pytest.raises(TerminalError, match=r"no file matches .*\*\.txt"):
        read(book, tmp_path / "*.txt")
    with pytest.raises(TerminalError, match=r"is a folder; write .*/\*\.csv"):
        read(book, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ""}, "delimiter"),
        ({"delimiter": "\n"}, "end of a line"),
        ({"delimiter": '"'}, "quote and delimiter are both"),
        ({"quote": "''"}, "one ASCII character"),
        ({"encoding": "utf-9"}, "not an encoding"),
        ({"encoding": "base64"}, "not an encoding"),
        ({"types": {"a": "integr"}}, "'integr' is not a type"),
        ({"types": "guess"}, "types"),
        ({"file_path": []}, "file_path"),
        ({"delimeter": ";"}, "unknown key"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CsvExtractor.model_validate({"file_path": "a.csv", **options})


def test_the_location_is_the_same_however_the_path_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert CsvExtractor(file_path="a.csv").location() == str(tmp_path / "a.csv")
    assert CsvExtractor(file_path=f"file://{tmp_path}/a.csv").location() == str(tmp_path / "a.csv")


def test_memory_does_not_grow_with_the_file(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "large.csv"
    line = b'%d,"some, words",1996-03-13,' + b"x" * 60 + b"\n"
    with path.open("wb") as stream:
        stream.write(b"a,b,c,d\n")
        for start in range(0, 500_000, 10_000):
            stream.write(b"".join(line % number for number in range(start, start + 10_000)))
    before = pa.total_allocated_bytes()
    rows = most = 0

    with book.task("read") as task, CsvExtractor(file_path=str(path)).read(task) as reader:
        for batch in reader:
            rows += batch.num_rows
            most = max(most, pa.total_allocated_bytes() - before)

    assert rows == 500_000
    assert path.stat().st_size > 40 << 20
    assert most < 12 << 20
