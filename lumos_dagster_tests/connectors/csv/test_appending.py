"""Rows are appended all or nothing, and once for each load, whatever dies in between."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.errors import ConfigError, DataError, Interrupted, TerminalError
from lumos_dagster_tests.connectors.csv.parts import failing, load

FIRST = pa.table({"id": [1], "name": ["Ann"]})
SECOND = pa.table({"id": [2], "name": ["Bo"]})


def of_load(book: Book, load_id: str) -> Book:
    return Book(replace(book.run, load_id=load_id))


def test_a_new_or_empty_file_gets_a_header_an_old_one_does_not(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.touch()

    load(of_load(book, "1"), path, FIRST, append=True)
    result = load(of_load(book, "2"), path, SECOND, mode="append")

    assert path.read_text() == "id,name\n1,Ann\n2,Bo\n"
    assert (result.inserted, result.bytes) == (1, len("2,Bo\n"))


def test_a_last_line_without_an_end_gets_one(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,name\n1,Ann")

    load(book, path, SECOND, append=True)

    assert path.read_text() == "id,name\n1,Ann\n2,Bo\n"


def test_the_header_must_agree(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    path.write_text("name,id\nAnn,1\n")

    with pytest.raises(DataError, match=r"a\.csv are name, id, but the new ones are id, name"):
        load(book, path, SECOND, append=True)
    assert path.read_text() == "name,id\nAnn,1\n"

    load(book, path, SECOND, append=True, fields=["name", "id"])
    assert path.read_text() == "name,id\nAnn,1\nBo,2\n"


def test_other_encodings_go_on_without_a_second_byte_order_mark(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    load(of_load(book, "1"), path, FIRST, append=True, encoding="utf-8-sig")
    load(of_load(book, "2"), path, SECOND, append=True, encoding="utf-8-sig")
    assert path.read_bytes() == b"\xef\xbb\xbfid,name\n1,Ann\n2,Bo\n"

    wide = tmp_path / "wide.csv"
    wide.write_bytes("id,name\n1,Ann".encode("utf-16-le"))
    load(book, wide, SECOND, append=True, encoding="utf-16-le")
    assert wide.read_bytes().decode("utf-16-le") == "id,name\n1,Ann\n2,Bo\n"


def test_a_failed_load_is_cut_off(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    load(of_load(book, "1"), path, FIRST, append=True)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}

    with pytest.raises(DataError, match="broken input"):
        load(of_load(book, "2"), path, failing(SECOND, DataError("broken input")), append=True)

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == before


def test_a_failed_first_load_leaves_nothing(tmp_path: Path, book: Book) -> None:
    with pytest.raises(DataError, match="broken input"):
        load(book, tmp_path / "a.csv", failing(FIRST, DataError("broken input")), append=True)

    assert [file for file in tmp_path.iterdir() if file.is_file()] == []


def test_a_load_that_was_finished_is_not_appended_again(tmp_path: Path, book: Book) -> None:
    """The op may die between the end of the append and the moment at which Dagster knows."""
    path = tmp_path / "a.csv"
    load(of_load(book, "1"), path, FIRST, append=True)
    load(of_load(book, "2"), path, SECOND, append=True)
    travelled: list[pa.RecordBatch] = []

    with of_load(book, "1").task("load") as task:
        task.accept = travelled.append
        result = CsvLoader(file_path=str(path), append=True).write(FIRST.to_reader(), task)

    assert path.read_text() == "id,name\n1,Ann\n2,Bo\n"
    assert result.inserted == 1
    assert pa.Table.from_batches(travelled) == FIRST


def test_another_op_of_the_same_load_is_another_load(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    load(book, path, FIRST, "left", append=True)
    load(book, path, SECOND, "right", append=True)

    assert path.read_text() == "id,name\n1,Ann\n2,Bo\n"


def test_a_file_made_anew_since_is_appended_to_again(tmp_path: Path, book: Book) -> None:
    path = tmp_path / "a.csv"
    load(book, path, FIRST, append=True)
    path.unlink()
    load(book, path, FIRST, append=True)

    assert path.read_text() == "id,name\n1,Ann\n"


_KILLED = """
import os, pathlib, signal, sys
import pyarrow as pa
from datetime import UTC, datetime
from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.values import RunContext

def batches():
    yield pa.record_batch({"id": [2], "name": ["half written"]})
    while "half written" not in pathlib.Path(sys.argv[1]).read_text():  # batches are taken before they are written
        yield pa.RecordBatch.from_pylist([], schema)
    os.kill(os.getpid(), signal.SIGKILL)

schema = pa.schema([("id", pa.int64()), ("name", pa.string())])
run = RunContext("job", "run", "killed", datetime.now(UTC), sys.argv[2])
with Book(run).task("load") as task:
    rows = pa.RecordBatchReader.from_batches(schema, batches())
    CsvLoader(file_path=sys.argv[1], append=True).write(rows, task)
"""


@pytest.fixture
def half_written(tmp_path: Path, book: Book) -> Path:
    """A file to which a process of the load `killed` was appending when it was killed."""
    path = tmp_path / "a.csv"
    load(of_load(book, "1"), path, FIRST, append=True)
    done = subprocess.run([sys.executable, "-c", _KILLED, str(path), str(tmp_path / "storage")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "id,name\n1,Ann\n2,half written\n"
    return path


def test_after_a_kill_the_same_load_cuts_back_first(half_written: Path, book: Book) -> None:
    load(of_load(book, "killed"), half_written, SECOND, append=True)

    assert half_written.read_text() == "id,name\n1,Ann\n2,Bo\n"


def test_after_a_kill_another_load_refuses_and_cuts_nothing(half_written: Path, book: Book) -> None:
    old = half_written.read_bytes()

    with pytest.raises(TerminalError, match=r"half written by op 'load' of job 'job' \(load killed\).*Resume that run"):
        load(of_load(book, "3"), half_written, SECOND, append=True)

    assert half_written.read_bytes() == old


def test_after_a_kill_a_file_that_became_shorter_is_not_filled_up(half_written: Path, book: Book) -> None:
    os.truncate(half_written, 3)

    with pytest.raises(TerminalError, match="shorter than when this load began"):
        load(of_load(book, "killed"), half_written, SECOND, append=True)

    assert half_written.stat().st_size == 3


def test_the_wait_for_another_writer_ends_with_the_attempt(tmp_path: Path, book: Book) -> None:
    import fcntl

    path = tmp_path / "a.csv"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        book.cancellation.cancel(Interrupted("told to end"))
        with pytest.raises(Interrupted):
            load(book, path, FIRST, append=True)

    assert path.read_text() == ""


def test_a_file_elsewhere_cannot_be_appended_to(book: Book) -> None:
    loader = CsvLoader(file_path="memory://lumos-append/a.csv", append=True)

    with pytest.raises(ConfigError, match="only be appended to a file on this machine"), book.task("load") as task:
        loader.write(FIRST.to_reader(), task)
