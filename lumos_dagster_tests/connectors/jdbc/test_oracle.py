"""Oracle, which was NEVER RUN ON A LIVE SERVER: none was to be had, nor a stand-in for its protocol.

A recording connection under the connector's own code keeps the statements and plays back canned answers. That shows
which statements are sent in which order, with which rows; not that an Oracle Database takes them.
"""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import oracledb
import pyarrow as pa
import pytest
import sqlglot

from lumos_dagster.connectors.jdbc.oracle import Oracle
from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError
from lumos_dagster.values import RunContext
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.connectors.jdbc.recording import Recorder, Told
from lumos_dagster_tests.servers.dagster_ui import free_port

SECRET = "hunter2-canary"
_KEY = ("LOAD_KEY", "VARCHAR2", 256, 64, "C", None, None, "N", 0, "NO")
_ID = ("ID", "NUMBER", 22, 0, None, 10, 0, "N", 0, "NO")
_NAME = ("NAME", "VARCHAR2", 20, 20, "C", None, None, "Y", 0, "NO")
ROWS = [{"id": 1, "name": "a"}, {"id": 2, "name": None}]


Make = Callable[..., tuple[Place, Recorder]]


@pytest.fixture
def make(run: RunContext, monkeypatch: pytest.MonkeyPatch) -> Make:
    def made(table: list[Any] | None = None, first: list[Any] | None = None) -> tuple[Place, Recorder]:
        recorder = Recorder()
        tables = iter([[_KEY], *(first or [])])
        recorder.answers = [
            ("FROM all_tab_cols", lambda _: next(tables, table or [_ID, _NAME])),
            ("SELECT epoch, result", lambda _: [(1, None)]),
            ("FROM all_indexes", lambda _: [("PK", "ID")]),
            (r"SELECT count\(\*\) FROM ORA\S+ staged WHERE EXISTS", lambda _: [(1,)]),
            (r"SELECT count\(\*\) FROM ORA", lambda _: [(2,)]),
            (r"SELECT count\(\*\) FROM \(SELECT DISTINCT.*EXISTS", lambda _: [(1,)]),
            (r"SELECT count\(\*\) FROM \(SELECT DISTINCT", lambda _: [(2,)]),
            ("UPDATE .*_lumos_loads", 1),
        ]
        monkeypatch.setattr(Oracle, "connect", lambda *_: recorder)
        place = Place("oracle", f"jdbc:oracle:thin:sh/{SECRET}@//h:1521/shop", run, lambda _: [])
        place.listens = False
        return place, recorder

    return made


def sent(recorder: Recorder) -> list[str]:
    """What changes something, once the ledger's entry is claimed for good."""
    said = [text for text in recorder.heard if not text.startswith(("SELECT", "ALTER SESSION", "CLOSE"))]
    claims = [at for at, text in enumerate(said) if "epoch = epoch + " in text]
    return [text for text in said[claims[0] + 1 :] if "_lumos_loads" not in text]


def test_rows_go_as_arrays_from_arrow(make: Make) -> None:
    place, recorder = make()
    assert place.load(ROWS).inserted == 2
    assert sent(recorder) == ['INSERT INTO "T" ("ID", "NAME") VALUES (:1, :2)', "COMMIT", "ROLLBACK"]
    assert recorder.bound[0].to_pylist() == [{"c0": 1, "c1": "a"}, {"c0": 2, "c1": None}]


_STAGE = [
    'CREATE PRIVATE TEMPORARY TABLE ORA$PTT_LUMOS_STAGING ("ID" NUMBER(10,0), "NAME" VARCHAR2(20 CHAR), '
    '"_lumos_position" NUMBER(19)) ON COMMIT DROP DEFINITION',
    'INSERT INTO ORA$PTT_LUMOS_STAGING ("ID", "NAME", "_lumos_position") VALUES (:1, :2, :3)',
]
_EACH = '(SELECT "ID", "NAME", "_lumos_position" FROM ORA$PTT_LUMOS_STAGING WHERE 1 = 1 AND 1 = 1) staged'
_RANKED = (
    '(SELECT "ID", "NAME", "_lumos_position" FROM (SELECT s.*, row_number() OVER (PARTITION BY "ID" ORDER BY '
    '"_lumos_position" DESC) lumos_nth FROM ORA$PTT_LUMOS_STAGING s) staged WHERE lumos_nth = 1 AND 1 = 1) staged'
)
_MERGE = 'MERGE INTO "T" USING <rows> ON ("T"."ID" = staged."ID") WHEN MATCHED THEN UPDATE SET "NAME" = staged."NAME"'


@pytest.mark.parametrize(
    ("mode", "statements"),
    [
        ("update", [_MERGE]),
        ("upsert", [_MERGE + ' WHEN NOT MATCHED THEN INSERT ("ID", "NAME") VALUES (staged."ID", staged."NAME")']),
        (
            "delete_insert",
            ['DELETE FROM "T" WHERE EXISTS (SELECT 1 FROM (SELECT DISTINCT "ID" FROM ORA$PTT_LUMOS_STAGING) staged '
             'WHERE "T"."ID" = staged."ID")',
             'INSERT INTO "T" ("ID", "NAME") SELECT "ID", "NAME" FROM (SELECT "ID", "NAME", "_lumos_position" FROM '
             'ORA$PTT_LUMOS_STAGING WHERE 1 = 1) staged ORDER BY "_lumos_position"'],
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("keys", [1, 2])
def test_rows_that_meet_others_are_staged_and_merged(make: Make, keys: int, mode: str, statements: list[str]) -> None:
    place, recorder = make()
    recorder.answers.insert(0, (r"SELECT count\(\*\) FROM \(SELECT DISTINCT", lambda _: [(keys,)]))
    place.load(ROWS, load_mode=mode)
    merged = [text.replace("<rows>", _EACH if keys == len(ROWS) else _RANKED) for text in statements]
    assert sent(recorder) == [*_STAGE, *merged, "DROP TABLE ORA$PTT_LUMOS_STAGING", "COMMIT", "ROLLBACK"]


def test_truncate_deletes_as_truncate_would_commit(make: Make) -> None:
    place, recorder = make()
    place.load(ROWS, load_mode="truncate")
    assert sent(recorder)[0] == 'DELETE FROM "T"'


def test_replace_swaps_names_when_the_rows_are_committed(make: Make) -> None:
    place, recorder = make()
    place.load(ROWS, load_mode="replace")

    turn, made, copied, *rest = sent(recorder)
    new = made.partition('"')[2].partition('"')[0]
    assert "DBMS_LOCK.REQUEST" in turn
    assert made == f'CREATE TABLE "{new}" ("ID" NUMBER(19), "NAME" CLOB)'
    assert copied.startswith(f'INSERT INTO "{new}"')
    old = f"{new.rpartition('_')[0]}_old"
    assert rest[:2] == ["COMMIT", turn]
    assert rest[2:-1] == [
        f'ALTER TABLE "T" RENAME TO "{old}"', f'ALTER TABLE "{new}" RENAME TO "T"', f'DROP TABLE "{old}" PURGE',
    ]  # fmt: skip


def test_a_table_is_made_with_a_key_that_can_be_one(make: Make) -> None:
    key = ("ID", "VARCHAR2", 4000, 1000, "C", None, None, "N", 0, "NO")
    place, recorder = make([key, _NAME], first=[[], []])
    place.load([{"id": "a", "name": "b"}, {"id": "c", "name": "d"}], load_mode="upsert", create_table=True)
    assert 'CREATE TABLE "T" ("ID" VARCHAR2(1000 CHAR), "NAME" CLOB, PRIMARY KEY ("ID"))' in sent(recorder)


def test_every_statement_is_grammatical(make: Make) -> None:
    for mode in ("insert", "upsert", "update", "delete_insert", "truncate", "replace"):
        place, recorder = make()
        place.load(ROWS, load_id=mode, load_mode=mode)
        for text in recorder.heard:
            if not re.match("BEGIN|ALTER SESSION|COMMIT|ROLLBACK|CLOSE|CREATE PRIVATE", text):
                sqlglot.parse_one(re.sub(r":\d", "NULL", text.replace(" PURGE", "")), dialect="oracle")


def test_an_empty_text_is_null_and_is_told(make: Make) -> None:
    place, recorder = make()
    place.load([{"id": 1, "name": ""}])
    assert place.count.notes == {"an empty text in column name became NULL": 1}
    assert recorder.bound[0].column(1).to_pylist() == [None]

    key = ("ID", "VARCHAR2", 80, 20, "C", None, None, "N", 0, "NO")
    place, recorder = make([key, _NAME])
    assert place.load([{"id": "", "name": "x"}, {"id": "a", "name": "y"}], on_error="reject").inserted == 1
    assert place.count.rejected == 1


@pytest.mark.parametrize(
    ("column", "good", "bad", "bound"),
    [
        (("V", "VARCHAR2", 3, 3, "B", None, None, "Y", 0, "NO"), "é", "éé", "é"),
        (("V", "VARCHAR2", 12, 3, "C", None, None, "Y", 0, "NO"), "ééé", "éééé", "ééé"),
        (("V", "DATE", 7, 0, None, None, None, "Y", 0, "NO"), "2026-01-02T03:04:05", "2026-01-02T03:04:05.5", "2026-01-02T03:04:05"),
        (("V", "TIMESTAMP(3)", 11, 0, None, None, 3, "Y", 0, "NO"), "2026-01-02T03:04:05.123", "2026-01-02T03:04:05.1234", "2026-01-02T03:04:05.123000"),
        (("V", "TIMESTAMP(6) WITH TIME ZONE", 13, 0, None, None, 6, "Y", 0, "NO"), "2026-01-02T03:04:05+08:00", "x", "2026-01-01T19:04:05.000000+00:00"),
        (("V", "NUMBER", 22, 0, None, None, None, "Y", 0, "NO"), "1.5", "x", "1.5"),
        (("V", "NUMBER", 22, 0, None, 5, 2, "Y", 0, "NO"), "123.45", "1234.5", "123.45"),
    ],
)  # fmt: skip
def test_what_a_column_would_change_is_a_bad_row(make: Make, column: Any, good: str, bad: str, bound: str) -> None:
    place, recorder = make([column])
    assert place.load([{"v": good}, {"v": bad}], on_error="reject").inserted == 1
    assert str(recorder.bound[-1].column(0)[0].as_py()) == bound


def test_moments_are_spelled_whatever_the_session_says(make: Make) -> None:
    place, recorder = make([("V", "DATE", 7, 0, None, None, None, "Y", 0, "NO")])
    place.load([{"v": "2026-01-02"}])
    assert sent(recorder)[0] == 'INSERT INTO "T" ("V") VALUES (TO_DATE(:1, \'YYYY-MM-DD"T"HH24:MI:SS\'))'


@pytest.mark.parametrize(
    "script", ["CREATE INDEX i ON t (id)", "-- hm\ntruncate table t", "delete from a; drop table b"]
)
def test_ddl_is_refused_where_it_would_commit(make: Make, script: str) -> None:
    place, recorder = make()
    with pytest.raises(TerminalError, match="commits by itself in Oracle"):
        place.load(ROWS, pre_sql=script)
    place, recorder = make()
    place.load(ROWS, pre_sql=script, pre_sql_commits=True)
    assert " ".join(script.split(";", maxsplit=1)[0].split()) in sent(recorder)


def test_scripts_are_run_statement_by_statement(make: Make) -> None:
    place, recorder = make()
    place.load(ROWS, pre_sql="update a set b = ';'; -- ;\nupdate c set d = 1;\n/\nbegin x; y; end;\n/\n")
    assert sent(recorder)[:3] == ["update a set b = ';'", "-- ; update c set d = 1", "begin x; y; end;"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ORA-00001", DataError), ("ORA-01400", DataError), ("ORA-12899", DataError), ("ORA-01438", DataError),
        ("ORA-02291", DataError), ("ORA-00060", TransientError), ("ORA-12541", TransientError),
        ("ORA-03113", TransientError), ("ORA-03114", TransientError), ("ORA-01033", TransientError),
        ("ORA-08177", TransientError), ("ORA-01017", TerminalError), ("ORA-00942", TerminalError),
    ],
)  # fmt: skip
def test_errors_are_classified_by_their_code(make: Make, code: str, expected: type[LumosError]) -> None:
    place, recorder = make()
    recorder.answers.insert(0, ('INSERT INTO "T"', oracledb.DatabaseError(Told(code, f"no, {SECRET}"))))
    with pytest.raises(expected, match=rf"oracle h:1521 shop: {code}: no, \*\*\*$"):
        place.load(ROWS)


def test_without_the_right_to_lock_a_load_goes_on(make: Make) -> None:
    place, recorder = make()
    recorder.answers.insert(0, ("DBMS_LOCK", oracledb.DatabaseError(Told("ORA-06550", "PLS-00201"))))
    assert place.load(ROWS, load_mode="replace").inserted == 2


def test_reading_gives_exact_types_and_names_in_small_letters(make: Make) -> None:
    place, recorder = make()

    def described(name: str, kind: str, precision: int = 0, scale: int = 0) -> tuple[Any, ...]:
        return (name, SimpleNamespace(name=f"DB_TYPE_{kind}"), 0, 0, precision, scale, True)

    columns = [
        described("ID", "NUMBER", 10), described("ANY", "NUMBER", 0, -127), described("PRICE", "NUMBER", 30, 2),
        described("At", "TIMESTAMP"), described("ZONE", "TIMESTAMP_TZ"), described("NOTE", "CLOB"),
    ]  # fmt: skip
    row = ("1", "1E+99", "1.5", " 2026-01-02T03:04:05.123456000", " 2026-01-02T03:04:05.000000000Z", "x")
    recorder.answers[:0] = [("1 = 0$", SimpleNamespace(columns=columns)), (r"\) q$", [row])]
    found = place.read(query="WITH a AS (SELECT 1) SELECT * FROM a ORDER BY :n", parameters={"n": 1})

    assert found.schema.names == ["id", "any", "price", "At", "zone", "note"]
    assert found.schema.types == [
        pa.int64(), pa.string(), pa.decimal128(30, 2), pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.string(),
    ]  # fmt: skip
    assert [str(value) for value in found.to_pylist()[0].values()] == [
        "1", "1E+99", "1.50", "2026-01-02 03:04:05.123456", "2026-01-02 03:04:05+00:00", "x",
    ]  # fmt: skip
    assert "SET TRANSACTION READ ONLY" in recorder.heard
    recorder.answers[1] = (r"\) q$", [("1", "1", "1", " 2026-01-02T03:04:05.123456789", None, None)])
    with pytest.raises(DataError, match=r"123456789.*CAST"):
        place.read(query="SELECT 1")


def test_nobody_there_may_pass(run: RunContext) -> None:
    """The real driver, and a port at which nobody listens."""
    url = f"jdbc:oracle:thin:sh/{SECRET}@//127.0.0.1:{free_port()}/shop?oracle.net.CONNECT_TIMEOUT=1000"
    with pytest.raises(TransientError) as raised:
        Place("oracle", url, run, lambda _: []).read()
    assert SECRET not in str(raised.value)
