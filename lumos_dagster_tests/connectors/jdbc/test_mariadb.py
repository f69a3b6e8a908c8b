"""What MariaDB does its own way: a bulk path that forgives, DDL that commits, engines, collations, numbered columns."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.cancellation import Cancellation
from lumos_dagster.connectors.jdbc.mysql import sending
from lumos_dagster.errors import DataError, TerminalError, TransientError
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.connectors.jdbc.loads import Background
from lumos_dagster_tests.connectors.jdbc.proxy import CuttingProxy, through
from lumos_dagster_tests.servers.mariadb import MariadbDatabase

OLD = [{"id": 1, "v": "old"}, {"id": 2, "v": "old"}]


@pytest.fixture
def place(mariadb_place: Place) -> Place:
    return mariadb_place


@pytest.fixture
def filled(place: Place) -> Place:
    place.sql("create table t (id integer primary key, v tinytext)")
    place.sql("insert into t values (1, 'old'), (2, 'old')")
    return place


@pytest.fixture(params=["by file", "by insert"])
def way(request: pytest.FixtureRequest, place: Place) -> Iterator[str]:
    """Both ways in: MySQL 8 comes with the first one switched off."""
    place.sql(f"set global local_infile = {int(request.param == 'by file')}")
    yield request.param
    place.sql("set global local_infile = 1")


def _files(place: Place) -> int:
    return int(place.sql("show global status like 'Com_load'")[0][1])


def test_rows_go_by_file_where_the_server_takes_files(place: Place, way: str) -> None:
    place.sql("create table t (id integer, v longtext, b blob, f double, d decimal(38,10), x bit(3))")
    awkward = ["\\N", "NULL", "", "a\tb", "a\nb\r\n", 'say "hi"', "it's", "'), (1, \\'", "back\\", "\0", "😀", None]
    rows = [
        {"id": at, "v": text, "b": (text or "").encode(), "f": at / 3, "d": None, "x": at % 8}
        for at, text in enumerate(awkward)
    ]
    files = _files(place)
    place.load(rows)

    assert place.read(query="select id, v, b, f, x from t order by id").to_pylist() == [
        {name: row[name] for name in ("id", "v", "b", "f", "x")} for row in rows
    ]
    assert (_files(place) > files) == (way == "by file")
    told = "LOAD DATA" if way == "by file" else "INSERT, as the server allows no LOAD DATA (local_infile)"
    assert f"load: rows go in by {told}" in place.log


@pytest.mark.parametrize("statement_bytes", [1, 100, 1 << 20])
def test_rows_of_several_inserts(place: Place, statement_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_STATEMENT_BYTES", statement_bytes)
    place.sql("create table t (id integer, v text)")
    place.sql("set global local_infile = 0")
    rows = [{"id": at, "v": None if at % 3 else "x" * at} for at in range(100)]
    try:
        assert place.load(rows).inserted == 100
    finally:
        place.sql("set global local_infile = 1")

    assert place.read(query="select id, v from t order by id").to_pylist() == rows


@pytest.mark.parametrize("text", ["\\N", "NULL", "a\tb", "a\nb", "a\rb", "back\\", "\0", "naïve"])
def test_what_a_file_must_escape_is_found_whatever_it_is(place: Place, text: str) -> None:
    place.sql("create table t (id integer, v longtext, w text)")
    rows = [{"id": 1, "v": "plain", "w": "plain"}, {"id": 2, "v": None, "w": text}]
    files = _files(place)
    place.load(rows)

    assert place.read(query="select id, v, w from t order by id").to_pylist() == rows
    assert _files(place) > files


@pytest.mark.parametrize(
    ("bad", "message"),
    [({"id": 1, "v": "twice"}, "Duplicate entry '1'"), ({"id": 9, "v": "x" * 256}, "Data too long")],
)
def test_what_the_bulk_path_would_drop_or_cut_is_an_error(
    filled: Place, way: str, bad: dict[str, Any], message: str
) -> None:
    rows = [{"id": 3, "v": "new"}, bad, {"id": 4, "v": "new"}]
    with pytest.raises(DataError, match=message):
        filled.load(rows)
    assert filled.sql("select id from t order by id") == [(1,), (2,)]
    assert filled.load(rows, on_error="reject").inserted == 2
    assert filled.sql("select id from t order by id") == [(1,), (2,), (3,), (4,)]


def test_a_table_without_transactions_is_refused(place: Place) -> None:
    place.sql("create table t (id integer) engine=MyISAM")
    with pytest.raises(TerminalError, match=r"engine MyISAM, which knows no transactions.* ENGINE=InnoDB"):
        place.load([{"id": 1}])


def test_a_table_that_others_refer_to_is_not_replaced(filled: Place) -> None:
    filled.sql("create table child (t_id integer, foreign key (t_id) references t (id))")
    with pytest.raises(TerminalError, match=r"foreign keys of test_\w+.child refer to it.*load_mode: truncate"):
        filled.load(OLD, load_mode="replace")
    assert filled.sql("select count(*) from t") == [(2,)]


@pytest.mark.parametrize("script", ["alter table t add x int", "insert into t values (3, ''); commit", "TRUNCATE t"])
@pytest.mark.parametrize("where", ["pre_sql", "post_sql"])
def test_sql_that_commits_by_itself_is_refused_before_anything(filled: Place, where: str, script: str) -> None:
    with pytest.raises(TerminalError, match=r"commits by itself in MySQL.*a job of its own"):
        filled.load([{"id": 3, "v": "new"}], **{where: script})
    assert filled.sql("select count(*) from t") == [(2,)]


def test_sql_that_may_commit(filled: Place) -> None:
    filled.load([{"id": 3, "v": "a", "x": 1}], pre_sql="alter table t add x int; truncate t", pre_sql_commits=True)
    assert filled.sql("select * from t") == [(3, "a", 1)]
    temporary = "create temporary table few as select 1 as id; delete from t where id in (select id + 2 from few)"
    filled.load([{"id": 4, "v": "b", "x": 1}], "2", pre_sql=temporary)
    assert filled.sql("select id from t") == [(4,)]


def _breaks(*rows: dict[str, Any]) -> pa.RecordBatchReader:
    table = pa.Table.from_pylist(list(rows))

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches()
        raise TransientError("lost")

    return pa.RecordBatchReader.from_batches(table.schema, batches())


DDL = "create table if not exists `t` (id integer primary key, v varchar(9) default ';')"


@pytest.mark.parametrize("ddl", [None, DDL])
def test_a_replace_that_breaks_leaves_the_old_table_and_nothing_else_behind(filled: Place, ddl: str | None) -> None:
    options: dict[str, Any] = {"load_mode": "replace", "table_schema": ddl}
    with pytest.raises(TransientError):
        filled.load(_breaks({"id": 7, "v": "new"}), "broken", **options)
    assert filled.read().to_pylist() == OLD
    filled.load([{"id": 7, "v": "new"}], "whole", **options)
    assert filled.sql("select * from t") == [(7, "new")]
    assert sorted(filled.sql("show tables")) == [("_lumos_loads",), ("t",)]
    assert ("PRIMARY" in str(filled.sql("show index from t"))) == (ddl is not None)


def test_a_ddl_of_several_statements_cannot_replace(filled: Place) -> None:
    with pytest.raises(TerminalError, match="table_schema must be one CREATE TABLE statement here"):
        filled.load(OLD, load_mode="replace", table_schema=f"{DDL}; create index i on t (v);")
    assert filled.read().to_pylist() == OLD


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
@pytest.mark.parametrize("arrives", [True, False])
def test_a_line_cut_at_the_commit(filled: Place, mariadb: MariadbDatabase, mode: str, arrives: bool) -> None:
    filled.load([{"id": 3, "v": "before"}], "before")
    direct = filled.url
    with CuttingProxy(mariadb.server.port, b"\x03COMMIT", arrives) as proxy:
        filled.url = through(proxy, direct)
        if arrives:
            assert filled.load([{"id": 4, "v": "new"}], load_mode=mode).inserted == 1
        else:
            with pytest.raises(TransientError, match="the commit did not come through"):
                filled.load([{"id": 4, "v": "new"}], load_mode=mode)
        assert proxy.cut
        filled.load([{"id": 4, "v": "new"}], load_mode=mode)

    assert filled.sql("select id from t order by id") == ([(4,)] if mode == "replace" else [(1,), (2,), (3,), (4,)])
    assert [name for (name,) in filled.sql("show tables")] == ["_lumos_loads", "t"]


def test_sql_behind_a_replace_would_see_the_old_table(filled: Place) -> None:
    with pytest.raises(TerminalError, match="post_sql cannot go with load_mode: replace in mysql"):
        filled.load(OLD, load_mode="replace", post_sql="delete from t")


def test_keys_of_a_made_table_are_the_same_only_to_the_letter(place: Place) -> None:
    rows = [{"id": key} for key in ("a", "A", "a ", "á", "ß", "ss")]
    place.load(rows, create_table=True, load_mode="upsert")
    assert place.load(rows, "2", load_mode="upsert").unchanged == len(rows)
    assert place.sql("select count(*) from t") == [(len(rows),)]


def test_keys_that_the_table_takes_for_the_same_are_merged_and_counted(place: Place) -> None:
    place.sql("create table t (id varchar(9) collate utf8mb4_general_ci primary key, v integer)")
    result = place.load([{"id": "a", "v": 1}, {"id": "A", "v": 2}], load_mode="upsert")
    assert (result.inserted, result.merged) == (1, 1)
    assert place.sql("select * from t") == [("A", 2)]


def test_an_upsert_changes_no_row_that_only_shares_another_unique_value(place: Place) -> None:
    place.sql("create table t (id integer primary key, email varchar(20) unique)")
    place.sql("insert into t values (1, 'ann@example.org')")
    with pytest.raises(DataError, match=r"Duplicate entry 'ann@example.org'"):
        place.load([{"id": 2, "email": "ann@example.org"}], load_mode="upsert")
    assert place.sql("select * from t") == [(1, "ann@example.org")]


def test_numbered_columns_take_the_inputs_numbers(place: Place) -> None:
    place.sql("create table t (id integer auto_increment primary key, v text)")
    place.load([{"id": 0, "v": "zero"}, {"id": 7, "v": "seven"}])
    place.load([{"v": "numbered"}], "2")
    assert place.sql("select * from t order by id") == [
        (0, "zero"),
        (7, "seven"),
        (place.sql("select max(id) from t")[0][0], "numbered"),
    ]


def test_texts_of_all_scripts_in_a_database_of_another_character_set(place: Place, mariadb: MariadbDatabase) -> None:
    place.sql(f"alter database {mariadb.name} character set latin1")
    place.load([{"id": 1, "v": "日本😀"}], create_table=True)
    place.sql("create table l (id integer, v text)")
    assert place.sql("select v from t") == [("日本😀",)]
    with pytest.raises(DataError, match="Incorrect string value"):
        place.load([{"id": 1, "v": "日本"}], table_name="l")


def test_no_infinity_and_no_nan(place: Place) -> None:
    place.sql("create table t (id integer, v double)")
    rows = [{"id": 1, "v": float("nan")}, {"id": 2, "v": float("inf")}, {"id": 3, "v": 0.1}]
    with pytest.raises(DataError, match=r"row 1: field 'v': value nan: column 'v' \(double\) knows neither NaN nor"):
        place.load(rows)
    place.load(rows, on_error="null")
    assert place.sql("select v from t order by id") == [(None,), (None,), (0.1,)]


def test_a_cancelled_query_ends_on_the_server_too(place: Place, mariadb: MariadbDatabase) -> None:
    cancellation = Cancellation()
    book = place.book()
    book.cancellation = cancellation

    def work() -> Any:
        with (
            book.task("read") as task,
            place.extractor(query="select 1 as id union select sleep(600)").read(task) as rows,
        ):
            return rows.read_all()

    reading = Background(work)
    running = (
        "select count(*) from information_schema.processlist where info like '%sleep(600)%' and id <> connection_id()"
    )
    look = f"select sleep(0.01), ({running})"
    while not mariadb.rows(look)[0][1]:
        assert reading.error is None
    cancellation.cancel(TransientError("enough"))

    assert str(reading.join().error) == "enough"
    assert reading.seconds() < 60
    assert mariadb.rows(running) == [(0,)]


def test_one_table_under_two_names_is_one_place(place: Place, mariadb: MariadbDatabase) -> None:
    other = place.loader(table_name=f"{mariadb.name}.t").location()
    assert place.loader().location() == other == place.extractor().location()


def test_a_line_that_is_lost_while_a_file_is_sent(
    filled: Place, mariadb: MariadbDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's own error says something else then, and files that are to follow are made already."""
    direct, temporary = filled.url, tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    batch = pa.record_batch({"id": range(10, 60_010), "v": ["x" * 200] * 60_000})
    rows = pa.Table.from_batches([batch.slice(at, 10_000) for at in range(0, 60_000, 10_000)])
    with CuttingProxy(mariadb.server.port, 1 << 20, arrives=False) as proxy:
        filled.url = through(proxy, direct)
        with pytest.raises(TransientError) as lost:
            filled.load(rows)
    assert lost.value.__traceback__ is not None  # nothing that the failure still holds is left either
    assert list(temporary.iterdir()) == []
    filled.url = direct
    assert filled.read().to_pylist() == OLD
