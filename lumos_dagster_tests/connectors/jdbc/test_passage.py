"""Rows past the batches: from PostgreSQL to PostgreSQL and to CSV in the server's own bytes, or not at all."""

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lumos_dagster.accounting import Book, Task
from lumos_dagster.catalog import project_catalog
from lumos_dagster.config import parse_job
from lumos_dagster.connectors.jdbc import JdbcExtractor
from lumos_dagster.errors import DataError, LumosError
from lumos_dagster.orchestration.reporting import progress_line
from lumos_dagster.orchestration.work import Launch, perform
from lumos_dagster.passage import Passage
from lumos_dagster.plan import make_plan
from lumos_dagster.relation import Relation
from lumos_dagster.values import RunContext
from lumos_dagster_tests.servers.postgres import PostgresDatabase

AS_SENT = "as the source sent them"
# Every type that goes as it is, with values at its edges; what Arrow has no place for among them.
KINDS = {
    "boolean": ["true", "false"],
    "smallint": ["-32768"],
    "integer": ["2147483647"],
    "bigint": ["-9223372036854775808"],
    "real": ["1.5", "NaN"],
    "double precision": ["5e-324", "-Infinity", "-0"],
    "numeric": ["123456789012345678901234567890.123456789012345678901234567890", "NaN"],
    "numeric(12,2)": ["0.10", "-9999999999.99"],
    "date": ["0001-01-01", "infinity", "0044-03-15 BC", "12026-11-29"],
    "bytea": ["\\x00ff5c"],
    "uuid": ["6f2c8e0a-5b1d-4c3e-9a7f-0123456789ab"],
    "json": ['{"b": 1, "a": [null]}'],
    "jsonb": ['{"a": [null]}'],
    "interval": ["1 year 2 mons 3 days 04:05:06.789"],
    "text": ["", "\\N", 'a "quoted", text\r\n', "naïve 😀", "\\."],
    "character varying(5)": ["", "ééééé"],
    "character(4)": ["ab"],
    "time(3) without time zone": ["23:59:59.999"],
    "time with time zone": ["10:00:00+05:30"],
    "timestamp without time zone": ["1999-12-31 23:59:59.999999", "-infinity"],
    "timestamp with time zone": ["2026-03-29 01:30:00+02"],
}


@dataclass
class Done:
    """What the ops of a job have come to."""

    tasks: dict[str, Task] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    @property
    def went_as_sent(self) -> bool:
        return any(AS_SENT in line for line in self.log)


def move(run: RunContext, source: dict[str, Any], target: dict[str, Any], mode: str = "streaming", **load: Any) -> Done:
    """Run a job of one extractor and one loader, of the database but for a target that names a file."""
    loader = {"type": "loader", "loader_type": "csv" if "file_path" in target else "jdbc", "options": target, **load}
    extractor = {"type": "extractor", "extractor_type": "jdbc", "options": source}
    jobs = {"read": extractor, "load": loader}
    written = {"version": 1, "name": "Move", "jobs": jobs, "dag": {"dependencies": {"load": ["read"]}}}
    plan = make_plan(
        parse_job(json.dumps(written), "move.yaml", project_catalog()), "staged" if mode == "staged" else "streaming"
    )
    done, given = Done(), dict[Any, Relation | None]()
    for path, node in plan.nodes.items():
        book = Book(run, log=done.log.append)
        inputs = {parent: rows for parent in node.parents if (rows := given[parent]) is not None}
        try:
            given[path] = perform(node, Launch(plan, run), inputs, book)
        finally:
            done.tasks |= book.tasks
    return done


def both(postgres: PostgresDatabase, **target: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    at = {"connection_string": postgres.url}
    return {**at, "table_name": "a"}, {**at, "table_name": "b", **target}


def elsewhere(postgres: PostgresDatabase) -> str:
    """The same database by another name: a query of the very one that is loaded is spooled first."""
    return postgres.url.replace("127.0.0.1", "localhost")


def make(postgres: PostgresDatabase, *statements: str) -> None:
    with postgres.connect() as raw:
        for statement in statements:
            raw.execute(statement)


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_of_a_type_arrives(postgres: PostgresDatabase, run: RunContext, kind: str) -> None:
    make(postgres, *(f"create table {name} (n bigint, x {kind})" for name in "ab"))
    with postgres.connect() as raw:
        for number, value in enumerate([None, *KINDS[kind]]):
            raw.execute(f"insert into a values ({number}, %s::{kind})", (value,))

    done = move(run, *both(postgres))

    assert done.went_as_sent
    read, load = done.tasks["read"].count, done.tasks["load"].count
    count = len(KINDS[kind]) + 1
    assert (read.made, read.rows_out, load.rows_in, load.inserted) == (count,) * 4
    assert postgres.rows("select n, x::text from b order by n") == postgres.rows("select n, x::text from a order by n")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("numeric(12,4)", "numeric(12,2)"),
        ("character varying(9)", "character varying(5)"),
        ("integer", "bigint"),
        ("text", "bytea"),
        ("timestamp without time zone", "timestamp with time zone"),
        ("mood", "mood"),
    ],
)
def test_other_types_go_in_batches(postgres: PostgresDatabase, run: RunContext, given: str, taken: str) -> None:
    make(
        postgres, "create type mood as enum ('sad', 'ok')", f"create table a (x {given})", f"create table b (x {taken})"
    )
    assert not move(run, *both(postgres)).went_as_sent


def test_a_row_that_the_table_refuses_is_found_as_ever(postgres: PostgresDatabase, run: RunContext) -> None:
    make(
        postgres,
        "create table a (n bigint, x text)",
        "insert into a select n, case when n <> 25000 then 'x' end from generate_series(1, 30000) n",
        "create table b (n bigint primary key, x text not null)",
        "insert into b values (7, 'old')",
    )

    with pytest.raises(DataError, match="row 25000"):
        move(run, *both(postgres))
    assert postgres.rows("select * from b") == [(7, "old")]

    done = move(replace(run, load_id="again"), *both(postgres), on_error="reject")

    assert not done.went_as_sent
    assert any("are sent once more, in batches" in line for line in done.log)
    assert (done.tasks["load"].count.inserted, done.tasks["load"].count.rejected) == (29_998, 2)
    assert postgres.rows("select count(*), sum(n) from b") == [(29_999, sum(range(1, 30_001)) - 25_000)]


def test_an_error_of_the_source_leaves_the_target_as_it_was(postgres: PostgresDatabase, run: RunContext) -> None:
    make(postgres, "create table b (n integer)")
    source = {
        "connection_string": elsewhere(postgres),
        "query": "select (1 / (40000 - n))::integer as n from generate_series(1, 50000) n",
    }
    with pytest.raises(LumosError, match=r"localhost.*division by zero"):
        move(run, source, both(postgres)[1])
    assert postgres.rows("select count(*) from b") == [(0,)]


def test_a_query_is_run_once(postgres: PostgresDatabase, run: RunContext, tmp_path: Path) -> None:
    make(postgres, "create sequence s", "create table b (n bigint)")
    source = {
        "connection_string": elsewhere(postgres),
        "query": "select nextval('s') as n from generate_series(1, 5) -- n",
    }

    assert move(run, source, both(postgres)[1]).went_as_sent
    assert postgres.rows("select n from b order by 1") == [(1,), (2,), (3,), (4,), (5,)]


def test_what_was_loaded_is_not_loaded_again(postgres: PostgresDatabase, run: RunContext) -> None:
    make(postgres, "create table a as select 1 as n", "create table b (n integer)")
    for _ in range(2):
        assert move(run, *both(postgres)).tasks["load"].count.inserted == 1
    assert postgres.rows("select count(*) from b") == [(1,)]


@pytest.mark.parametrize("more", [{"commit": "batch"}, {"load_mode": "upsert", "key_column": "n"}])
def test_loads_that_need_batches_have_them(postgres: PostgresDatabase, run: RunContext, more: dict[str, str]) -> None:
    make(postgres, "create table a as select 1 as n", "create table b (n integer primary key)")
    done = move(run, *both(postgres, **more))
    assert (done.went_as_sent, postgres.rows("select n from b")) == (False, [(1,)])


@pytest.mark.parametrize("more", [{"load_mode": "replace"}, {"load_mode": "truncate"}])
def test_a_table_made_anew_or_emptied_takes_them(
    postgres: PostgresDatabase, run: RunContext, more: dict[str, str]
) -> None:
    make(postgres, "create table a as select 1 as n, 'x'::varchar(3) as x", "create table b as select 2 as n, 'y' as x")
    assert move(run, *both(postgres, **more)).went_as_sent
    assert postgres.rows("select n, x from b") == [(1, "x")]


def test_the_sample_and_the_sizes_are_told(postgres: PostgresDatabase, run: RunContext, tmp_path: Path) -> None:
    make(postgres, "create table a (n integer, d date, j jsonb)", "create table b (n integer, d date, j jsonb)")
    make(postgres, """insert into a select n, '2026-11-29', '{"a": null}' from generate_series(1, 12) n""")
    source, target = both(postgres)
    for where in (target, {"file_path": str(tmp_path / "b.csv")}):
        load = move(run, source, where).tasks["load"]
        assert [row["n"] for row in load.sample] == list(range(1, 11))
        assert {(str(row["d"]), row["j"]) for row in load.sample} == {("2026-11-29", '{"a": null}')}
        assert load.count.bytes > 12 * 20


def test_what_was_taken_is_told_and_what_was_begun_can_be_read_as_batches(
    postgres: PostgresDatabase, run: RunContext
) -> None:
    make(postgres, "create table a as select n from generate_series(1, 30000) n")
    extractor = JdbcExtractor.model_validate(both(postgres)[0])
    book = Book(run)
    with book.task("read") as task, extractor.read(task) as rows:
        passage = task.passage
        assert passage is not None
        with suppress(InterruptedError), passage.open("csv", []) as pieces:
            assert next(pieces).startswith(b"1\n2\n")
            assert progress_line(book).startswith("read: 10,000 rows so far")
            raise InterruptedError
        assert rows.read_all().num_rows == 30_000


def test_rows_that_do_not_all_arrive_are_an_error(run: RunContext) -> None:
    class Two(Passage):
        rows = 2

        def kinds(self, form: str) -> None: ...
        def open(self, form: str, sample: list[dict[str, Any]]) -> Any: ...

    source, load = Task("read", Book(run)), Task("load", Book(run))
    source.passage = Two()
    load.offer(source)
    with pytest.raises(DataError, match="2 rows were sent, but 1 arrived"):
        load.passed(1)
