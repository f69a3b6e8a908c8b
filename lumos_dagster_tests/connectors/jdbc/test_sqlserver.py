"""SQL Server, which was NEVER RUN ON A LIVE SERVER: none was to be had.

The real driver speaks to a stand-in over the wire, which keeps the statements and plays back canned answers. That
shows which statements are sent in which order, with which rows; not that a SQL Server takes them.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlglot

from lumos_dagster.errors import TerminalError
from lumos_dagster.values import RunContext
from lumos_dagster_tests.connectors.jdbc.standing_in import NAME, ROWS, place, stand_in
from lumos_dagster_tests.servers.tds import Failure, TdsServer

_UNGRAMMATICAL = re.compile(r"^(SAVE TRANSACTION|INSERT BULK|SET |EXEC|BEGIN|COMMIT|ROLLBACK|DECLARE)")
"""What sqlglot does not parse."""


@pytest.fixture
def server() -> Iterator[TdsServer]:
    with stand_in() as told:
        yield told


def sent(server: TdsServer) -> list[str]:
    """What changes something, once the ledger's entry is claimed."""
    said = [text for text in server.heard if not re.match(r"SELECT|SET (XACT|DATEFORMAT|LOCK)|BEGIN$", text)]
    first = next(at for at, text in enumerate(said) if "epoch = epoch + " in text)
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


_EACH = "(SELECT [id], [name], [_lumos_position] FROM #_lumos_staging WHERE 1 = 1 AND 1 = 1) staged"
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
            ["MERGE INTO [t] WITH (HOLDLOCK) USING <rows> ON [t].[id] = staged.[id] WHEN MATCHED THEN UPDATE SET "
             "[name] = staged.[name] WHEN NOT MATCHED THEN INSERT ([id], [name]) VALUES (staged.[id], staged.[name]);"],
        ),
        ("update", ["UPDATE [t] SET [name] = staged.[name] FROM <rows> WHERE [t].[id] = staged.[id]"]),
        (
            "delete_insert",
            ["DELETE FROM [t] WHERE EXISTS (SELECT 1 FROM (SELECT DISTINCT [id] FROM #_lumos_staging) staged WHERE "
             "[t].[id] = staged.[id])",
             "INSERT INTO [t] ([id], [name]) SELECT [id], [name] FROM (SELECT [id], [name], [_lumos_position] FROM "
             "#_lumos_staging WHERE 1 = 1) staged ORDER BY [_lumos_position]"],
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("keys", [1, 2])
def test_rows_that_meet_others_are_staged_and_merged(
    server: TdsServer, run: RunContext, keys: int, mode: str, statements: list[str]
) -> None:
    server.answers.insert(0, (r"SELECT count\(\*\) FROM \(SELECT DISTINCT", [(keys,)]))
    place(server, run).load(ROWS, load_mode=mode)

    merged = [text.replace("<rows>", _EACH if keys == len(ROWS) else _RANKED) for text in statements]
    assert sent(server) == [_MAKE, _COPY, *merged, *_DROP]
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
    place(server, run, [numbered, NAME]).load(ROWS, load_mode="upsert")
    switches = [
        text.split()[0] if "MERGE" in text else text for text in sent(server) if "MERGE" in text or "IDENTITY" in text
    ]
    assert switches == ["SET IDENTITY_INSERT [t] ON", "MERGE", "SET IDENTITY_INSERT [t] OFF"]

    server.heard.clear()
    place(server, run, [numbered, NAME]).load(ROWS, load_id="load-2")
    assert [text.split()[0:2] for text in sent(server)][:3] == [
        ["SET", "IDENTITY_INSERT"],
        ["INSERT", "BULK"],
        ["SET", "IDENTITY_INSERT"],
    ]


def test_a_table_is_made_with_a_key_that_can_be_one(server: TdsServer, run: RunContext) -> None:
    rows = [{"id": "a", "name": "b"}, {"id": "c", "name": "d"}]
    made = [("id", "nvarchar", 900, 0, 0, 0, 0, 0, "Latin1_General_CI_AS", 1252), NAME]
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
