"""What is wrong is told with the very line and byte of the file, in every encoding, and costs its own row only."""

import codecs
import gzip
import json
from encodings.aliases import aliases
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.connectors.csv.text import Text
from lumos_dagster_tests.connectors.csv.parts import load, read, rows_of

GOOD = 'é中1,"two\nlines"\n'


def rejects(book: Book) -> list[dict[str, Any]]:
    (path,) = Path(book.run.storage, "rejects", book.run.run_id).glob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("mark", [True, False], ids=["mark", "no mark"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32", "gb18030", "shift_jis", "iso2022_jp"])
def test_the_byte_is_that_of_the_file(tmp_path: Path, book: Book, encoding: str, mark: bool) -> None:
    good = GOOD.replace("é", "") if "jis" in encoding or "jp" in encoding else GOOD
    codec = encoding + ("-le" if encoding in ("utf-16", "utf-32") else "")
    begin = "" if codec == encoding and (not mark or "jp" in encoding or "jis" in encoding) else "\ufeff"
    before = (begin + "a,b\n" + good * 40_000).encode(codec)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(before + f'ragged\n{good}1,x"y\n'.encode(codec), 1))

    assert read(book, path, "reject", encoding=encoding).num_rows == 40_001

    ragged, stray = rejects(book)
    assert (ragged["row"]["line"], ragged["row"]["byte"]) == (80_002, len(before))
    assert stray["row"]["byte"] == len(before) + len(f"ragged\n{good}1,x".encode(codec))
    assert f"{path}, line 80005, byte {stray['row']['byte']})" in stray["reason"]


def test_a_value_of_the_wrong_type_has_its_place_too(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfa,n\n" + b'"x\ny",1\n\n' * 2 + b"z\nx,two\ny,3\nz,four\n")

    assert read(book, path, "reject", types={"n": "int"})["n"].to_pylist() == [1, 1, 3]

    assert [(bad["number"], bad["reason"].partition(", ")[2]) for bad in rejects(book)] == [
        (3, "line 8, byte 25)"),
        (4, "line 9, byte 27)"),
        (6, "line 11, byte 37)"),
    ]


@pytest.mark.parametrize(
    ("encoding", "line", "wrong"),
    [
        ("utf-8", b"\xff,2", "ff"),
        ("ascii", "é,2".encode(), "c3 a9"),
        ("gb18030", b"\x81\n2,\xff", "81"),
        ("shift_jis", b"2,\x81\n", "81"),
        ("euc_kr", b"\xb0\n", "b0"),
        ("cp1252", b"\x81,2", "81"),
        ("utf-16-le", b"\0\xd8,\x002\0", "00 d8"),
    ],
)
def test_wrong_bytes_cost_their_own_row(tmp_path: Path, book: Book, encoding: str, line: bytes, wrong: str) -> None:
    path = tmp_path / "a.csv"
    ends = "\n".encode(encoding)
    path.write_bytes("a,b\n1,2\n".encode(encoding) + line.removesuffix(b"\n") + ends + "5,6\n".encode(encoding))

    assert rows_of(read(book, path, "reject", encoding=encoding)) == [("1", "2"), ("5", "6")]

    reasons = [bad["reason"] for bad in rejects(book)]
    assert any(
        f"the bytes {wrong} are not {codecs.lookup(encoding).name}; if the whole" in text for text in reasons
    ) or (any("fields where 2 are expected" in text for text in reasons))


@pytest.mark.parametrize("encoding", sorted({codecs.lookup(name).name for name in set(aliases.values()) - {"mbcs"}}))
def test_every_encoding_of_python_keeps_the_text_or_is_refused(tmp_path: Path, book: Book, encoding: str) -> None:
    rows = pa.table({"a": ['x"\\u0041', "", None], "b": ["1\n2", "+", "~{"]})
    try:
        CsvExtractor(file_path="a.csv", encoding=encoding)
    except ValidationError as error:
        assert "is not an encoding" in str(error) or "does not give every text" in str(error)  # noqa: PT017
        return

    load(book, tmp_path / "a.csv", rows, encoding=encoding)

    assert read(book, tmp_path / "a.csv", encoding=encoding) == rows


def test_a_mark_is_found_however_few_bytes_come_at_once() -> None:
    class Slow:
        left = b"\xef\xbb\xbfa\n"

        def read(self, _: int) -> bytes:
            self.left, byte = self.left[1:], self.left[:1]
            return byte

    text = Text("slow", Slow(), "utf-8")

    assert text.read(100) + text.read(100) == b"a\n"
