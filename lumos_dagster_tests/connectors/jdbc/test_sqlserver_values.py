"""Errors and values of SQL Server, which was NEVER RUN ON A LIVE SERVER: none was to be had.

The real driver speaks to a stand-in over the wire, which keeps the statements and plays back canned answers. That
shows which statements are sent in which order, with which rows; not that a SQL Server takes them.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.cancellation import Cancellation
from lumos_dagster.errors import DataError, LumosError, TerminalError, TimeoutExceeded, TransientError
from lumos_dagster.values import RunContext
from lumos_dagster_tests.connectors.jdbc.standing_in import ROWS, SECRET, place, stand_in
from lumos_dagster_tests.servers.tds import Failure, TdsServer


@pytest.fixture
def server() -> Iterator[TdsServer]:
    with stand_in() as told:
        yield told


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1205, TransientError), (1222, TransientError), (40613, TransientError), (40501, TransientError),
        (2627, DataError), (2601, DataError), (515, DataError), (547, DataError), (8152, DataError), (2628, DataError),
        (245, DataError), (8114, DataError), (8115, DataError), (208, TerminalError), (229, TerminalError),
    ],
)  # fmt: skip
def test_errors_are_classified_by_their_number(
    server: TdsServer, run: RunContext, number: int, expected: type[LumosError]
) -> None:
    server.answers.insert(0, ("INSERT BULK", Failure(number, f"no, {SECRET}")))
    with pytest.raises(expected, match=rf"sqlserver 127.0.0.1:\d+ shop: no, \*\*\* \({number}\)"):
        place(server, run).load(ROWS)


def test_a_refused_login_is_told_at_once_and_is_not_retried(server: TdsServer, run: RunContext) -> None:
    server.login = Failure(18456, "Login failed for user 'sa'.", 14)
    with pytest.raises(TerminalError, match=r"Login failed for user 'sa'. \(18456\)"):
        place(server, run).read()
    server.login = Failure(4060, "Cannot open database 'shop'", 11)
    with pytest.raises(TerminalError, match="4060"):
        place(server, run).read()


def test_a_server_without_tls_is_not_spoken_to_unless_the_url_says_so(server: TdsServer, run: RunContext) -> None:
    here = place(server, run)
    here.url = here.url.replace("encrypt=false;", "")
    with pytest.raises(TerminalError, match="ncryption"):
        here.read()
    assert server.heard == []


def test_a_cancelled_attempt_ends_at_once(server: TdsServer, run: RunContext) -> None:
    """The server, which is asked for its snapshots, does not answer."""
    asked, cancellation = threading.Event(), Cancellation()

    def never(_: str) -> Any:
        asked.set()
        threading.Event().wait(20)
        return []

    server.answers.insert(0, ("FROM sys.databases", never))
    here = place(server, run)
    book = here.book()
    book.cancellation = cancellation
    ended: list[LumosError] = []

    def work() -> None:
        try:
            with book.task("read") as task, here.extractor().read(task):
                pass
        except LumosError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert asked.wait(20)
    started = time.monotonic()
    cancellation.cancel(TimeoutExceeded("longer than its timeout"))
    thread.join()
    assert time.monotonic() - started < 5
    assert isinstance(ended[0], TimeoutExceeded)


def test_nobody_there_may_pass(server: TdsServer, run: RunContext) -> None:
    here = place(server, run)
    here.url = here.url.replace("encrypt", "loginTimeout=1;encrypt")
    server.silent = True
    with pytest.raises(TransientError, match="timed out") as raised:
        here.read()
    assert SECRET not in str(raised.value)


def test_reading_gives_exact_types(server: TdsServer, run: RunContext) -> None:
    described = [
        ("id", "bigint"),
        ("price", "decimal(10,2)"),
        ("at", "datetime2(7)"),
        ("zone", "datetimeoffset(7)"),
        ("100%", "uniqueidentifier"),
    ]
    rows = [
        (
            1,
            "1.50",
            "2026-01-02 03:04:05.1234560",
            "2026-01-02 03:04:05.0000000 +08:00",
            "0e37df36-f698-11e6-8dd4-cb9ced3df976",
        )
    ]
    server.answers[:0] = [("error_number > 0", []), ("is_hidden", described), ("sp_executesql", rows)]
    found = place(server, run).read(query="SELECT * FROM x WHERE a = :a ORDER BY 1", parameters={"a": 1})

    assert found.schema.types == [
        pa.int64(),
        pa.decimal128(10, 2),
        pa.timestamp("us"),
        pa.timestamp("us", "UTC"),
        pa.string(),
    ]
    assert [str(value) for value in found.slice(0, 1).to_pylist()[0].values()] == [
        "1", "1.50", "2026-01-02 03:04:05.123456", "2026-01-01 19:04:05+00:00", "0e37df36-f698-11e6-8dd4-cb9ced3df976",
    ]  # fmt: skip
    assert (
        "EXEC sys.sp_executesql @P1, @P2, @a = @P3 WITH RESULT SETS (([id] bigint NULL, [price] decimal(10,2) NULL, "
        "[at] varchar(27) NULL, [zone] varchar(34) NULL, [100%] char(36) NULL))" in server.heard
    )


def test_a_digit_that_would_be_lost_is_an_error(server: TdsServer, run: RunContext) -> None:
    rows = [("2026-01-02 03:04:05.1234567",)]
    server.answers[:0] = [("error_number > 0", []), ("is_hidden", [("at", "datetime2(7)")]), ("sp_executesql", rows)]
    with pytest.raises(DataError, match=r"05.1234567'.*cast it in the query to datetime2\(6\)"):
        place(server, run).read(query="SELECT at FROM x")


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        (("v", "varchar", 20, 0, 0, 1, 0, 0, "Latin1_General_CI_AS", 1252), "Zoë €", "漢字"),
        (("v", "datetime", 8, 23, 3, 1, 0, 0, None, None), "1969-12-31T23:59:59.997", "2026-01-02T03:04:05.001"),
        (("v", "smalldatetime", 4, 16, 0, 1, 0, 0, None, None), "2026-01-02T03:04:00", "2026-01-02T03:04:05"),
        (("v", "float", 8, 53, 0, 1, 0, 0, None, None), "1.5", "NaN"),
        (("v", "uniqueidentifier", 16, 0, 0, 1, 0, 0, None, None), "0e37df36-f698-11e6-8dd4-cb9ced3df976", "x"),
        (("v", "money", 8, 19, 4, 1, 0, 0, None, None), "1.2345", "1.23456"),
        (("v", "time", 5, 16, 3, 1, 0, 0, None, None), "03:04:05.123", "03:04:05.1234"),
        (("v", "nvarchar", 4, 0, 0, 1, 0, 0, "Latin1_General_CI_AS", 1252), "ab", "abc"),
    ],
)  # fmt: skip
def test_what_a_column_would_change_is_a_bad_row(
    server: TdsServer, run: RunContext, column: tuple[Any, ...], good: str, bad: str
) -> None:
    here = place(server, run, [column])
    assert here.load([{"v": good}, {"v": bad}], on_error="reject").inserted == 1
    assert len(server.copied[-1]) == 1
