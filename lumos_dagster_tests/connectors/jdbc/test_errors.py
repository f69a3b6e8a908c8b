"""What goes wrong outside: the right class, a message that helps, no secret, and an end within a moment of a cancel."""

import os
import sqlite3
import time
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from lumos_dagster.accounting import OnError
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.connectors.jdbc.postgresql import POSTGRESQL
from lumos_dagster.errors import ConfigError, DataError, LumosError, TerminalError, TimeoutExceeded, TransientError
from lumos_dagster_tests.connectors.jdbc.conftest import SAVING, Place
from lumos_dagster_tests.connectors.jdbc.loads import SOMEBODY_WAITS, Background, load_in_background, wait_until
from lumos_dagster_tests.servers.postgres import PASSWORD, PASSWORD_USER, PostgresDatabase

ONE = pa.table({"id": [1]})


def _as(postgres: PostgresDatabase, user: str) -> str:
    return postgres.url.replace("lumos@", f"{user}@")


def test_a_password_works_and_a_wrong_one_is_not_shown(postgres_place: Place, postgres: PostgresDatabase) -> None:
    assert postgres_place.read(
        query="select current_user as who", connection_string=_as(postgres, PASSWORD_USER), password=PASSWORD
    ).to_pylist() == [{"who": PASSWORD_USER}]
    wrong = PASSWORD[::-1]
    for url in (_as(postgres, f"{PASSWORD_USER}:{wrong}"), f"{_as(postgres, PASSWORD_USER)}?password={wrong}"):
        with pytest.raises(TerminalError, match='password authentication failed for user "careful"') as raised:
            postgres_place.read(connection_string=url)
        assert wrong not in "".join(traceback.format_exception(raised.value))
    with pytest.raises(TerminalError, match="password"):
        postgres_place.read(connection_string=_as(postgres, PASSWORD_USER))
    with pytest.raises(DataError, match=r'invalid input syntax for type integer: "\*\*\*"'):
        postgres_place.read(
            query=f"select '{PASSWORD}'::integer", connection_string=_as(postgres, PASSWORD_USER), password=PASSWORD
        )


def test_who_and_where_must_exist(postgres_place: Place, postgres: PostgresDatabase) -> None:
    with pytest.raises(TerminalError, match='role "nobody_here" does not exist'):
        postgres_place.read(connection_string=_as(postgres, "nobody_here"))
    with pytest.raises(TerminalError, match='database "test_nowhere" does not exist'):
        postgres_place.load(ONE, connection_string=postgres.server.url("test_nowhere"))
    with pytest.raises(TransientError, match="refused"):
        postgres_place.load(ONE, connection_string="postgresql://lumos@127.0.0.1:1/x")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("FATAL:  the database system is starting up", TransientError),
        ("FATAL:  sorry, too many clients already", TransientError),
        ("SSL connection has been closed unexpectedly", TransientError),
        ("server closed the connection unexpectedly", TransientError),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', TerminalError),
        ("server does not support SSL, but SSL was required", TerminalError),
        ('root certificate file "/x/root.crt" does not exist', TerminalError),
    ],
)
def test_a_refused_connection_is_judged_by_its_text(text: str, kind: type[LumosError]) -> None:
    assert type(POSTGRESQL.error(psycopg.OperationalError(text))) is kind


def test_a_missing_table_or_column_is_answered_with_near_names(place: Place) -> None:
    place.sql("create table users (id integer, name text)")
    for work in (place.read, lambda **more: place.load(ONE, **more)):
        with pytest.raises(TerminalError, match=r'there is no table ["`]user["`].*Did you mean \'users\'\?'):
            work(table_name="user")
    with pytest.raises(ConfigError, match=r"has no 'nam'; allowed: id, name. Did you mean 'name'\?"):
        place.read(table_name="users", columns=["id", "nam"])
    with pytest.raises(TerminalError, match="nam"):
        place.read(query="select nam from users")
    with pytest.raises(TerminalError, match=r"syntax error|error in your SQL syntax"):
        place.read(query="selec 1")


def test_a_table_with_a_dot_in_its_name_is_no_schema(place: Place) -> None:
    with pytest.raises(TerminalError, match=r'"no"|[Uu]nknown database'):
        place.load(ONE, table_name="no.t", create_table=True)


def test_an_error_in_the_middle_of_the_rows(postgres_place: Place, sqlite_place: Place) -> None:
    query = "select 1 / (5000 - i) as x from generate_series(1, 9999) as i"
    with pytest.raises(DataError, match=rf"postgresql 127.0.0.1:\d+ {'test_'}\w+: division by zero"):
        postgres_place.read(query=query, batch_size=100)
    numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 9999) select abs(case i when "
    sqlite_place.sql("create table t (id integer)")
    with pytest.raises(TerminalError, match=r"sqlite .*: integer overflow"):
        sqlite_place.read(query=f"{numbers} 5000 then -9223372036854775807 - 1 else i end) as x from n", batch_size=100)


def test_a_user_without_rights(postgres_place: Place, postgres: PostgresDatabase) -> None:
    url = _as(postgres, PASSWORD_USER)
    place = postgres_place
    place.sql("create table t (id bigint)")
    with pytest.raises(TerminalError, match=r'the table "_lumos_loads".* cannot be made: permission denied'):
        place.load(ONE, connection_string=url, password=PASSWORD)
    place.load(ONE, "1")
    with pytest.raises(TerminalError, match="permission denied for table _lumos_loads"):
        place.load(ONE, "2", connection_string=url, password=PASSWORD)
    place.sql(f"grant select, insert, update on _lumos_loads, t to {PASSWORD_USER}")
    place.load(ONE, "2", connection_string=url, password=PASSWORD)

    assert place.sql("select count(*) from t") == [(2,)]


def test_a_file_that_is_none(sqlite_place: Place, sqlite_file: Path, tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match="there is no database file"):
        sqlite_place.read()
    sqlite_file.write_text("no database, but a long enough text " * 20)
    for work in (sqlite_place.read, lambda: sqlite_place.load(ONE)):
        with pytest.raises(TerminalError, match="file is not a database"):
            work()
    with pytest.raises(TerminalError, match=r"the folder .* cannot be made: Not a directory"):
        sqlite_place.load(ONE, connection_string=f"sqlite:///{sqlite_file}/below/x.db", create_table=True)
    with pytest.raises(TerminalError, match="unable to open database file"):
        sqlite_place.load(ONE, connection_string=f"sqlite:///{tmp_path}")


def test_a_file_that_may_only_be_read(sqlite_place: Place) -> None:
    """A file system that refuses writing, to the superuser too."""
    with pytest.raises(TerminalError, match=r"unable to open database file|cannot be made"):
        sqlite_place.load(ONE, connection_string="sqlite:////proc/lumos/x.db", create_table=True)


def test_a_load_into_a_wrong_path_makes_nothing(sqlite_place: Place, tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match=r"there is no database file .*set create_table: true"):
        sqlite_place.load(ONE, connection_string=f"sqlite:///{tmp_path}/wrong/x.db")
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("blocks", ["query", "pre_sql", "lock", "ledger"])
def test_a_cancel_breaks_what_blocks_in_postgresql(
    postgres_place: Place, postgres: PostgresDatabase, blocks: str
) -> None:
    place, cancellation = postgres_place, Cancellation()
    place.load(ONE, "1", create_table=True)
    with postgres.connect() as holder, postgres.connect() as watcher:
        holder.autocommit = False
        waits = "select count(*) > 0 from pg_stat_activity where wait_event = 'PgSleep' and pid <> pg_backend_pid()"
        if blocks == "query":
            work = _reading(place, cancellation, query="select pg_sleep(60)::text as x")
        elif blocks == "pre_sql":
            work = load_in_background(place, ONE, cancellation, load_id="2", pre_sql="select pg_sleep(60)")
        else:
            waits = SOMEBODY_WAITS
            holder.execute(f"lock table {'t' if blocks == 'lock' else '_lumos_loads'}")
            work = load_in_background(place, ONE, cancellation, load_id="2")
        wait_until(watcher, waits)
        _ends_at_once(work, cancellation)


@pytest.mark.parametrize("when", ["begin", "commit", "read"])
def test_a_cancel_ends_the_wait_for_a_file(sqlite_place: Place, sqlite_file: Path, when: str) -> None:
    place, cancellation = sqlite_place, Cancellation()
    place.load(ONE, "1", create_table=True)
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as holder:
        holder.execute({"begin": "begin immediate", "commit": "begin", "read": "begin exclusive"}[when])
        holder.execute("select * from t").fetchone()
        if when == "read":
            work = _reading(place, cancellation)
        else:
            work = load_in_background(place, ONE, cancellation, load_id="2")
        _until(lambda: work.seconds() > 0.2)
        _ends_at_once(work, cancellation)

    assert place.read().to_pylist() == [{"id": 1}]


def test_a_cancel_breaks_a_long_statement_of_sqlite(sqlite_place: Place) -> None:
    place, cancellation = sqlite_place, Cancellation()
    place.load(ONE, "1", create_table=True)
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as x from n"
    work = _reading(place, cancellation, query=endless)
    _until(lambda: work.seconds() > 0.1)
    _ends_at_once(work, cancellation)


def test_what_others_hold_may_be_free_later(postgres_place: Place, postgres: PostgresDatabase) -> None:
    place = postgres_place
    place.sql("create table t (id bigint primary key)")
    with postgres.connect() as holder:
        holder.autocommit = False
        holder.execute("insert into t values (1)")
        for setting, message in (("lock_timeout", "lock timeout"), ("statement_timeout", "statement timeout")):
            with pytest.raises(TransientError, match=message):
                place.load(ONE, pre_sql=f"set local {setting} = 50")
        holder.rollback()
    assert place.load(ONE).inserted == 1


def test_a_deadlock_may_work_the_next_time(postgres_place: Place, postgres: PostgresDatabase) -> None:
    place = postgres_place
    place.sql("create table t (id bigint primary key); create table u (id bigint)")
    reading, go = Event(), Event()

    def rows() -> Iterator[pa.RecordBatch]:
        reading.set()
        go.wait(30)
        yield from ONE.to_batches()

    with postgres.connect() as holder, postgres.connect() as watcher:
        holder.autocommit = False
        holder.execute("set deadlock_timeout = '60s'; lock table u")
        reader = pa.RecordBatchReader.from_batches(ONE.schema, rows())
        load = load_in_background(
            place, reader, pre_sql="set local deadlock_timeout = 1; lock table t", post_sql="lock table u"
        )
        reading.wait(30)
        waits = Background(lambda: holder.execute("lock table t"))
        wait_until(watcher, SOMEBODY_WAITS)
        go.set()
        load.join()
        waits.join()
        holder.rollback()

    assert isinstance(load.error, TransientError)
    assert "deadlock detected" in str(load.error)


def test_nothing_stays_open_after_an_error(place: Place) -> None:
    """A connection that is not closed would warn when it is collected, and warnings are errors here."""
    place.load(ONE, "1", create_table=True)
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    for _ in range(3):
        with pytest.raises(LumosError):
            place.read(query="select nothing")
        with pytest.raises(LumosError):
            place.load(ONE, "2", table_name="missing")
        with pytest.raises(LumosError):
            place.load(ONE, "2", pre_sql="nonsense")
    after = len(list(Path("/proc/self/fd").iterdir())) if before else 0
    assert after <= before


def _reading(place: Place, cancellation: Cancellation, **options: Any) -> Background:
    book = place.book()
    book.cancellation = cancellation

    def work() -> int:
        with book.task("read") as task, place.extractor(**options).read(task) as rows:
            return rows.read_all().num_rows

    return Background(work)


def _ends_at_once(work: Background, cancellation: Cancellation) -> None:
    started = time.monotonic()
    cancellation.cancel(TimeoutExceeded("longer than its timeout"))
    work.join()

    assert time.monotonic() - started < 1
    assert isinstance(work.error, TimeoutExceeded), work.error


def _until(condition: Any) -> None:
    while not condition():
        os.sched_yield()


@pytest.mark.parametrize("place", SAVING, indirect=True)
@pytest.mark.parametrize("on_error", ["reject", "skip"])
def test_a_source_that_fails_behind_a_row_that_is_refused_is_told(place: Place, on_error: OnError) -> None:
    place.sql("create table t (id integer primary key)")
    place.sql("insert into t values (1)")
    schema = pa.schema({"id": pa.int64()})

    def batches() -> Iterator[pa.RecordBatch]:
        for ids in ([2, 1], [3, 4], [5, 6]):
            yield pa.RecordBatch.from_pydict({"id": ids}, schema)
        raise TransientError("the source is gone")

    with pytest.raises(TransientError, match="the source is gone"):
        place.load(pa.RecordBatchReader.from_batches(schema, batches()), on_error=on_error)

    assert place.sql("select id from t") == [(1,)]
