"""SQL Server, which was NEVER RUN ON A LIVE SERVER: none was to be had.

The real driver speaks to a stand-in over the wire, which keeps the statements and plays back canned answers. That
shows which statements are sent in which order, with which rows; not that a SQL Server takes them.
"""

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
import sqlglot

from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError
from lumos_dagster.values import RunContext
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.servers.tds import Failure, TdsServer, tds_server

SECRET = "hunter2-canary"
_ID = ("id", "int", 4, 10, 0, 0, 0, 0, None, None)
_NAME = ("name", "nvarchar", 40, 0, 0, 1, 0, 0, "Latin1_General_CI_AS", 1252)
_LEDGER = [("load_key", "nvarchar", 128, 0, 0, 0, 0, 0, "Latin1_General_CI_AS", 1252)]
ROWS = [{"id": 1, "name": "a"}, {"id": 2, "name": None}]
_UNGRAMMATICAL = re.compile(r"^(SAVE TRANSACTION|INSERT BULK|SET |EXEC|BEGIN|COMMIT|ROLLBACK|DECLARE)")
"""What sqlglot does not parse."""


@pytest.fixture
def server() -> Iterator[TdsServer]:
    with tds_server() as told:
        told.answers += [
            (r"SELECT epoch, result", [(1, None)]),
            (r"FROM sys.databases", [(0,)]),
            (r"sp_getapplock", [(0,)]),
            (r"CURRENT_TRANSACTION_ID", [(7,)]),
            (r"SELECT count\(\*\) FROM #_lumos_staging", [(2,)]),
            (r"SELECT count\(\*\) FROM \(SELECT DISTINCT.*EXISTS", [(1,)]),
            (r"SELECT count\(\*\) FROM \(SELECT DISTINCT", [(2,)]),
            (r"FROM sys.indexes", [(1, "id")]),
            (r"FROM sys.objects", [("t",)]),
            (r"UPDATE .*_lumos_loads", 1),
        ]
        yield told


def place(server: TdsServer, run: RunContext, table: list[Any] | None = None, **more: Any) -> Place:
    """With a table t of these columns."""
    tables = iter(more.get("tables", []))
    known = {"_lumos_loads": _LEDGER, "": [_ID, _NAME] if table is None else table}
    calls: list[int] = []

    def columns(statement: str) -> Any:
        calls.append(1)
        return known["_lumos_loads"] if len(calls) == 1 else next(tables, known[""])

    server.answers.insert(0, (r"FROM sys.columns", columns))
    url = f"jdbc:sqlserver://127.0.0.1:{server.port};databaseName=shop;encrypt=false;user=sa;password={SECRET}"
    found = Place("sqlserver", url, run, lambda _: [])
    found.listens = False
    return found


def sent(server: TdsServer) -> list[str]:
    """What changes something, once the ledger's entry is claimed."""
    said = [text for text in server.heard if not re.match(r"SELECT|SET (XACT|DATEFORMAT|LOCK)|BEGIN$", text)]
    first = next(at for at, text in enumerate(said) if "epoch = epoch + 1" in text)
    return [text for text in said[first + 1 :] if "_lumos_loads" not in text]


def test_rows_are_bulk_copied_in_one_transaction_with_the_ledger(server: TdsServer, run: RunContext) -> None:
    result = place(server, run).load(ROWS)

    assert result.inserted == 2
    assert server.copied == [[(1, "a"), (2, None)]]
    assert sent(server) == [
        "INSERT BULK [t]([id] INT,[name] NVARCHAR(20)) WITH (CHECK_CONSTRAINTS,FIRE_TRIGGERS,KEEP_NULLS)",
        "COMMIT",
        "ROLLBACK",
    ]
    assert [text for text in server.heard if "_lumos_loads" in text][-1].startswith("UPDATE [_lumos_loads] SET result")
    assert "WITH (UPDLOCK, HOLDLOCK) WHERE load_key = @P" in " ".join(server.heard)


_RANKED = (
    "(SELECT [id], [name], [_lumos_position] FROM (SELECT s.*, row_number() OVER (PARTITION BY [id] ORDER BY "
    "[_lumos_position] DESC) lumos_nth FROM #_lumos_staging s) staged WHERE lumos_nth = 1 AND 1 = 1) staged"
)
_MAKE = "CREATE TABLE #_lumos_staging ([id] int, [name] nvarchar(20) COLLATE Latin1_General_CI_AS, [_lumos_position] bigint)"
_COPY = "INSERT BULK [#_lumos_staging]([id] INT,[name] NVARCHAR(20),[_lumos_position] BIGINT) WITH (CHECK_CONSTRAINTS,FIRE_TRIGGERS,KEEP_NULLS)"
_DROP = ["DROP TABLE #_lumos_staging", "COMMIT", "ROLLBACK"]


@pytest.mark.parametrize(
    ("mode", "statements"),
    [
        (
            "upsert",
            [f"MERGE INTO [t] WITH (HOLDLOCK) USING {_RANKED} ON [t].[id] = staged.[id] WHEN MATCHED THEN UPDATE SET "
             "[name] = staged.[name] WHEN NOT MATCHED THEN INSERT ([id], [name]) VALUES (staged.[id], staged.[name]);"],
        ),
        ("update", [f"UPDATE [t] SET [name] = staged.[name] FROM {_RANKED} WHERE [t].[id] = staged.[id]"]),
        (
            "delete_insert",
            ["DELETE FROM [t] WHERE EXISTS (SELECT 1 FROM (SELECT DISTINCT [id] FROM #_lumos_staging) staged WHERE "
             "[t].[id] = staged.[id])",
             "INSERT INTO [t] ([id], [name]) SELECT [id], [name] FROM (SELECT [id], [name], [_lumos_position] FROM "
             "#_lumos_staging WHERE 1 = 1) staged ORDER BY [_lumos_position]"],
        ),
    ],
)  # fmt: skip
def test_rows_that_meet_others_are_staged_and_merged(
    server: TdsServer, run: RunContext, mode: str, statements: list[str]
) -> None:
    place(server, run).load(ROWS, load_mode=mode)

    assert sent(server) == [_MAKE, _COPY, *statements, *_DROP]
    assert server.copied == [[(1, "a", 1), (2, None, 2)]]


def test_truncate_empties_within_the_transaction(server: TdsServer, run: RunContext) -> None:
    place(server, run).load(ROWS, load_mode="truncate")
    assert sent(server)[0] == "DELETE FROM [t]"


def test_replace_swaps_names_within_the_transaction(server: TdsServer, run: RunContext) -> None:
    place(server, run).load(ROWS, load_mode="replace", table_name="sal's.t")

    turn, made, copied, dropped, renamed, *_ = sent(server)
    new = made.partition("[sal's].[")[2].partition("]")[0]
    assert "sp_getapplock" in turn
    assert made == f"CREATE TABLE [sal's].[{new}] ([id] bigint, [name] nvarchar(max))"
    assert f"INSERT BULK [sal's].[{new}]" in copied
    assert dropped == "DROP TABLE [sal's].[t]"
    assert renamed == f"EXEC sp_rename N'[sal''s].[{new}]', N't', N'OBJECT'"
    assert sent(server)[5:] == ["COMMIT", "ROLLBACK"]


def test_numbers_of_an_identity_column_are_given(server: TdsServer, run: RunContext) -> None:
    numbered = ("id", "int", 4, 10, 0, 0, 1, 1, None, None)
    place(server, run, [numbered, _NAME]).load(ROWS, load_mode="upsert")
    switches = [
        text.split()[0] if "MERGE" in text else text for text in sent(server) if "MERGE" in text or "IDENTITY" in text
    ]
    assert switches == ["SET IDENTITY_INSERT [t] ON", "MERGE", "SET IDENTITY_INSERT [t] OFF"]

    server.heard.clear()
    place(server, run, [numbered, _NAME]).load(ROWS, load_id="load-2")
    assert [text.split()[0:2] for text in sent(server)][:3] == [
        ["SET", "IDENTITY_INSERT"],
        ["INSERT", "BULK"],
        ["SET", "IDENTITY_INSERT"],
    ]


def test_a_table_is_made_with_a_key_that_can_be_one(server: TdsServer, run: RunContext) -> None:
    rows = [{"id": "a", "name": "b"}, {"id": "c", "name": "d"}]
    made = [("id", "nvarchar", 900, 0, 0, 0, 0, 0, "Latin1_General_CI_AS", 1252), _NAME]
    place(server, run, made, tables=[[], []]).load(rows, load_mode="upsert", create_table=True)
    assert "CREATE TABLE [t] ([id] nvarchar(450), [name] nvarchar(max), PRIMARY KEY ([id]))" in sent(server)


def test_rows_that_the_server_refuses_are_found(server: TdsServer, run: RunContext) -> None:
    """A failing copy is rolled back to its savepoint, and halved."""
    answers: list[Any] = [Failure(2627, "Violation of PRIMARY KEY"), 0, Failure(2627, "Violation of PRIMARY KEY")]
    server.answers.insert(0, ("INSERT BULK", lambda _: answers.pop(0) if answers else 0))
    here = place(server, run)
    assert here.load(ROWS, on_error="reject").inserted == 1
    assert here.count.rejected == 1
    tries = [text for text in sent(server) if "TRANSACTION" in text]
    assert tries == [
        "SAVE TRANSACTION lumos_try", "ROLLBACK TRANSACTION lumos_try", "SAVE TRANSACTION lumos_try", "SAVE TRANSACTION lumos_try", "ROLLBACK TRANSACTION lumos_try",
    ]  # fmt: skip


def test_scripts_are_run_batch_by_batch_and_may_not_end_the_transaction(server: TdsServer, run: RunContext) -> None:
    here = place(server, run)
    here.load(ROWS, pre_sql="update a set b = 1\nGO\nupdate c set d = 2")
    assert sent(server)[:2] == ["update a set b = 1", "update c set d = 2"]

    numbers = iter(range(9))
    server.answers.insert(0, ("CURRENT_TRANSACTION_ID", lambda _: [(next(numbers),)]))
    with pytest.raises(TerminalError, match="ended the transaction"):
        place(server, run).load(ROWS, load_id="2", pre_sql="COMMIT")


def test_every_statement_is_grammatical(server: TdsServer, run: RunContext) -> None:
    for mode in ("insert", "upsert", "update", "delete_insert", "truncate", "replace"):
        place(server, run).load(ROWS, load_id=mode, load_mode=mode, schema_change="add_columns")
    for text in server.heard:
        if not _UNGRAMMATICAL.match(text):
            sqlglot.parse_one(text.replace("%s", "NULL"), dialect="tsql")


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
        ("uid", "uniqueidentifier"),
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
        "[at] varchar(27) NULL, [zone] varchar(34) NULL, [uid] char(36) NULL))" in server.heard
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
