"""Rows of a staged job that are kept as PostgreSQL sends them, where the CSV file that alone takes them is spelled so."""

import json
import pickle
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book, Task
from lumos_dagster.catalog import project_catalog
from lumos_dagster.config import parse_job
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.errors import DataError, TransientError
from lumos_dagster.interface import Deferred, Extraction, Extractor, Loader
from lumos_dagster.orchestration.work import Launch, perform
from lumos_dagster.passage import Passage
from lumos_dagster.plan import make_plan
from lumos_dagster.relation import Relation
from lumos_dagster.sent import keep
from lumos_dagster.values import RunContext
from lumos_dagster_tests.servers.postgres import PostgresDatabase

KEPT, AS_SENT = "read: the rows are kept as the source sent them", "load: the rows were written as the source sent them"
ROWS = 30_000
TABLE = f"""
    create table a as
    select n, case when n % 3 > 0 then 'naïve "' || n || E'"\\r\\n' end as text, (n / 8.0)::numeric(12,3) as price,
        date '2026-12-01' - n as day, n % 2 = 0 as even
    from generate_series(1, {ROWS}) n
"""


@dataclass
class Run:
    """The ops of a staged job, one by one."""

    run: RunContext
    jobs: dict[str, Any]
    parents: dict[str, list[str]]
    tasks: dict[str, Task] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    given: dict[Any, Relation] = field(default_factory=dict)

    def op(self, name: str) -> Relation | None:
        """Do one, as a process of its own would: with what came to it pickled."""
        written = {"version": 1, "name": "Move", "jobs": self.jobs, "dag": {"dependencies": self.parents}}
        plan = make_plan(parse_job(json.dumps(written), "move.yaml", project_catalog()), "staged")
        node, book = plan.nodes[(name,)], Book(self.run, log=self.log.append)
        inputs = {parent: pickle.loads(pickle.dumps(self.given[parent])) for parent in node.parents}
        try:
            done = perform(node, Launch(plan, self.run), inputs, book)
        finally:
            self.tasks |= book.tasks
        book.check()
        if done is not None:
            self.given[(name,)] = done
        return done


@pytest.fixture
def table(postgres: PostgresDatabase) -> str:
    with postgres.connect() as raw:
        raw.execute(TABLE)
    return postgres.url


def job(run: RunContext, url: str, **target: Any) -> Run:
    extractor = {
        "type": "extractor",
        "extractor_type": "jdbc",
        "options": {"connection_string": url, "table_name": "a"},
    }
    loader = {"type": "loader", "loader_type": "csv", "options": target}
    return Run(run, {"read": extractor, "load": loader}, {"load": ["read"]})


def test_the_file_is_the_same_and_every_row_is_counted(table: str, run: RunContext, tmp_path: Path) -> None:
    sent = job(run, table, file_path=str(tmp_path / "sent.csv"))
    sent.op("read")
    sent.op("load")
    batches = job(replace(run, run_id="2"), table, file_path=str(tmp_path / "batches.csv"), formula_guard="escape")
    batches.op("read")
    batches.op("load")

    assert (sent.log, batches.log) == ([KEPT, AS_SENT], [])
    assert (tmp_path / "sent.csv").read_bytes() == (tmp_path / "batches.csv").read_bytes()
    for done in (sent, batches):
        read, load = done.tasks["read"].count, done.tasks["load"].count
        assert (read.made, read.rows_out, load.rows_in, load.rows_out, load.inserted) == (ROWS,) * 5
        assert read.bytes > ROWS * 20
    assert sent.tasks["load"].sample == batches.tasks["load"].sample
    assert sent.tasks["load"].lineage == batches.tasks["load"].lineage


def test_a_load_may_be_tried_again(table: str, run: RunContext, tmp_path: Path) -> None:
    done = job(run, table, file_path=str(tmp_path / "b.csv"))
    done.op("read")
    done.op("load")
    first = (tmp_path / "b.csv").read_bytes()
    done.op("load")

    assert (tmp_path / "b.csv").read_bytes() == first
    assert done.tasks["load"].count.inserted == ROWS


def test_what_is_kept_so_is_read_as_batches_by_all_others(table: str, run: RunContext, tmp_path: Path) -> None:
    sent = job(run, table, file_path=str(tmp_path / "b.csv")).op("read")
    batches = job(replace(run, run_id="2"), table, file_path=str(tmp_path / "b.csv"), delimiter=";").op("read")
    assert sent is not None
    assert batches is not None
    assert (len(sent.steps), len(batches.steps)) == (1, 0)

    assert sent.schema == batches.schema
    assert sent.to_table() == batches.to_table()


def test_a_loader_that_wants_them_otherwise_now_gets_batches(table: str, run: RunContext, tmp_path: Path) -> None:
    done = job(run, table, file_path=str(tmp_path / "b.csv"))
    done.op("read")
    done.jobs["load"]["options"]["delimiter"] = ";"
    done.op("load")

    assert (tmp_path / "b.csv").read_text().splitlines()[0] == "n;text;price;day;even"
    assert done.log == [KEPT]
    assert done.tasks["load"].count.inserted == ROWS


@pytest.mark.parametrize(
    "more",
    [
        {"delimiter": "\t"},
        {"mode": "append"},
        {"fields": ["n"]},
        {"null_value": "NULL"},
        {"encoding": "utf-16"},
        {"formula_guard": "reject"},
    ],
)
def test_for_another_file_batches_are_kept(table: str, run: RunContext, tmp_path: Path, more: dict[str, Any]) -> None:
    done = job(run, table, file_path=str(tmp_path / "b.csv"), **more)
    done.op("read")
    done.op("load")

    assert done.log == []
    assert done.tasks["load"].count.inserted == ROWS


def test_batches_are_kept_for_several_and_for_what_lies_between(table: str, run: RunContext, tmp_path: Path) -> None:
    done = job(run, table, file_path=str(tmp_path / "b.csv"))
    done.jobs["other"] = {**done.jobs["load"], "options": {"file_path": str(tmp_path / "c.csv")}}
    done.parents["other"] = ["read"]
    done.op("read")
    assert done.log == []

    done = job(run, table, file_path=str(tmp_path / "b.csv"))
    done.jobs["next"] = {**done.jobs["load"], "options": {"file_path": str(tmp_path / "c.csv")}}
    done.parents["next"] = ["load"]
    for name in ("read", "load", "next"):
        done.op(name)
    assert done.log == []
    assert done.tasks["next"].count.inserted == ROWS

    done = job(run, table, file_path=str(tmp_path / "b.csv"))
    done.jobs["more"] = done.jobs["read"]
    done.parents["load"] = ["read", "more"]
    for name in ("read", "more", "load"):
        done.op(name)
    assert done.log == []
    assert done.tasks["load"].count.inserted == 2 * ROWS


def test_values_that_batches_have_no_place_for_are_kept(
    postgres: PostgresDatabase, run: RunContext, tmp_path: Path
) -> None:
    with postgres.connect() as raw:
        raw.execute("create table a as select date 'infinity' as d")
    done = job(run, postgres.url, file_path=str(tmp_path / "b.csv"))
    kept = done.op("read")
    done.op("load")

    assert (tmp_path / "b.csv").read_text() == "d\ninfinity\n"
    assert kept is not None
    with pytest.raises(DataError, match="cannot be read exactly"):
        kept.to_table()


def test_a_spool_without_room_breaks_off_what_is_read(postgres: PostgresDatabase, run: RunContext) -> None:
    query = "select md5(n::text) as text from generate_series(1, 25000) n union all select pg_sleep(600)::text"
    done = job(run, postgres.url, file_path="b.csv")
    done.jobs["read"]["options"] = {"connection_string": postgres.url, "query": query}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(TransientError, match=r"the spool .*read\.arrow cannot be written: File too large"):
            done.op("read")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class _Two(Passage):
    """Says that it sent two rows, whatever came."""

    def kinds(self, form: str) -> list[str]:
        return ["integer"]

    def parser(self, form: str) -> Any:
        return _parsed

    @contextmanager
    def open(self, form: str, sample: list[dict[str, Any]]) -> Iterator[Iterator[bytes]]:
        def pieces() -> Iterator[bytes]:
            self.rows += 1
            yield b"1\n"
            self.rows = 2

        yield pieces()


def _parsed(piece: bytes, schema: pa.Schema) -> pa.Table:
    return pa.table({"n": [1]})


class _Lossy(Extractor):
    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        task.passage = _Two()
        yield pa.table({"n": [1, 2]}).to_reader()


def test_rows_that_did_not_arrive_are_not_kept(run: RunContext, tmp_path: Path) -> None:
    rows = Relation(Extraction(Deferred("read", _Lossy, {}, run)))
    loader: Deferred[Loader] = Deferred("load", CsvLoader, {"file_path": str(tmp_path / "b.csv")}, run)

    with pytest.raises(DataError, match="2 rows were sent, but 1 arrived"):
        keep(rows, loader, str(tmp_path / "kept.arrow"), Book(run))
    assert list(tmp_path.glob("*.arrow")) == []


def test_a_piece_that_lost_rows_is_not_believed(table: str, run: RunContext, tmp_path: Path) -> None:
    kept = job(run, table, file_path=str(tmp_path / "b.csv")).op("read")
    assert kept is not None
    (sent,) = kept.steps

    with pytest.raises(DataError, match="1 rows were read where 10000 had been sent"):
        replace(kept, steps=(replace(sent, parse=_parsed, schema=pa.schema({"n": pa.int64()})),)).to_table()
