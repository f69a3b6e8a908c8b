"""Jobs whose rows meet apart, or part: staged and streaming, both executors, retries."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from lumos_dagster.config.model import Execution, Retry
from lumos_dagster.transforms.aggregate import Aggregate
from lumos_dagster.transforms.join import Join
from lumos_dagster.transforms.python import Python
from lumos_dagster.transforms.sort import Sort
from lumos_dagster.transforms.split import Split
from lumos_dagster.transforms.sql import Sql
from lumos_dagster_tests.orchestration.parts import Book, Numbers, entry, job, run_job
from lumos_dagster_tests.orchestration.test_executors import run

MODES: tuple[Execution, ...] = ("staged", "streaming")

SHOP = """
version: 1
name: Shop
jobs:
  orders:
    type: extractor
    extractor_type: csv
    options: {file_path: orders.csv, types: {id: int, customer: int, amount: "decimal(10,2)"}}
  customers:
    type: extractor
    extractor_type: jdbc
    options: {connection_string: "jdbc:sqlite:shop.db", table_name: customers}
  named: {type: transformer, transformer_type: join, options: {how: left, on: {customer: id}, suffix: _of_customer}}
  parts:
    type: transformer
    transformer_type: split
    options: {outputs: {home: "country = 'CN'", abroad: "country is not null"}, otherwise: unknown}
  totals:
    type: transformer
    transformer_type: sql
    options:
      query: >
        select country, count(*) as orders, sum(amount) as total
        from orders join customers on orders.customer = customers.id group by country order by country
  load_home: {type: loader, loader_type: csv, options: {file_path: home.csv}}
  load_rest: {type: loader, loader_type: csv, options: {file_path: rest.csv}}
  load_totals: {type: loader, loader_type: csv, options: {file_path: totals.csv}}
dag:
  dependencies:
    named: [orders, customers]
    parts: [named]
    totals: [customers, orders]
    load_home: [parts.home]
    load_rest: [parts.unknown, parts.abroad]
    load_totals: [totals]
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for folder in ("jobs", "home"):
        (tmp_path / folder).mkdir()
    (tmp_path / "jobs" / "shop.yaml").write_text(SHOP)
    (tmp_path / "orders.csv").write_text("id,customer,amount\n1,1,1.10\n2,2,2.20\n3,1,3.30\n4,9,4.40\n5,3,5.50\n")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute("create table customers (id integer, country text)")
        database.executemany("insert into customers values (?, ?)", [(1, "CN"), (2, "FR"), (3, "CN")])
    return tmp_path


@pytest.mark.parametrize(
    ("executor", "mode"),
    [
        ("in_process", "streaming"),
        pytest.param("multiprocess", "staged", marks=pytest.mark.slow),
        pytest.param("in_process", "staged", marks=pytest.mark.slow),
        pytest.param("multiprocess", "streaming", marks=pytest.mark.slow),
    ],
)
def test_rows_are_joined_parted_and_asked_in_either_mode_under_both_executors(
    mode: Execution, executor: str, shop: Path
) -> None:
    done = run(shop, "lumos", "run", "shop", "--mode", mode, "--executor", executor, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (shop / "home.csv").read_text().split() == [
        "id,customer,amount,id_of_customer,country", "1,1,1.10,1,CN", "3,1,3.30,1,CN", "5,3,5.50,3,CN",
    ]  # fmt: skip
    assert (shop / "rest.csv").read_text().split()[1:] == ["4,9,4.40,,", "2,2,2.20,2,FR"]
    assert (shop / "totals.csv").read_text().split() == ["country,orders,total", "CN,3,9.90", "FR,1,2.20"]
    stages = json.loads(done.stdout)["stages"]
    assert (stages["parts"]["rows_in"], stages["parts"]["rows_out"]) == (5, 5)
    assert (stages["load_home"]["inserted"], stages["load_rest"]["inserted"]) == (3, 2)


def test_a_wrong_column_is_told_with_its_line_before_anything_is_written(shop: Path) -> None:
    (shop / "jobs" / "shop.yaml").write_text(SHOP.replace("sum(amount)", "sum(amuont)"))
    done = run(shop, "lumos", "run", "shop", "--mode", "streaming", "--executor", "in_process", "--json")
    assert done.returncode != 0
    told = json.loads(done.stdout)["failed"]["load_totals"]
    assert "shop.yaml:22:" in told
    assert 'jobs.totals.options.query: line 1, column 41 of the query: Referenced column "amuont" not found' in told
    assert not (shop / "totals.csv").exists()


@pytest.mark.parametrize("mode", MODES)
def test_a_retry_opens_every_input_again(mode: Execution, folder: Path, instance: dg.DagsterInstance) -> None:
    query = {"query": 'select numbers.n + 10 * more.n as n from more join "numbers" using (n) order by n desc'}
    entries = (
        entry("numbers", "extractor", Numbers),
        entry("more", "extractor", Numbers),
        entry("both", "transformer", Sql, ["numbers", "more"], options=query),
        entry("load", "loader", Book, ["both"], options={"folder": str(folder), "fails": 2}),
    )
    ran = run_job(job(*entries, retry=Retry(2), execution=mode), instance)
    assert ran.success, ran.failures
    assert len((folder / "load.tries").read_text().split()) == 3
    numbers = sorted((11 * n for n in range(10)), reverse=True)
    assert (folder / "load").read_text() == " ".join(map(str, numbers))


class Piecemeal(Book):
    """Commits as it goes."""

    @property
    def atomic(self) -> bool:
        return False


def test_a_load_that_is_not_atomic_gets_what_a_query_gave_the_first_time(
    folder: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    entries = (
        entry("numbers", "extractor", Numbers),
        entry("other", "loader", Book, ["numbers"], options={"folder": str(folder)}),
        entry(
            "dice", "transformer", Sql, ["numbers"], options={"query": "select (random() * 1e15)::bigint n from input"}
        ),
        entry("load", "loader", Piecemeal, ["dice"], options={"folder": str(folder), "fails": 1}),
    )
    ran = run_job(job(*entries, retry=Retry(1), execution="streaming"), instance)
    assert ran.success, ran.failures
    kept = next(tmp_path.rglob("load.input.arrow"))
    with pa.OSFile(str(kept)) as file, pa.ipc.open_stream(file) as reader:
        assert (folder / "load").read_text() == " ".join(map(str, reader.read_all()["n"].to_pylist()))


@pytest.mark.parametrize("mode", MODES)
def test_parents_that_need_not_be_apart_come_united_in_the_order_listed(
    mode: Execution, folder: Path, instance: dg.DagsterInstance
) -> None:
    entries = (
        entry("a", "extractor", Numbers),
        entry("b", "extractor", Numbers),
        entry("sorted", "transformer", Sort, ["b", "a"], options={"by": ["n desc"]}),
        entry(
            "counted", "transformer", Aggregate, ["sorted"], options={"group_by": "n", "aggregations": {"x": "count"}}
        ),
        entry("load", "loader", Book, ["counted"], options={"folder": str(folder)}),
    )
    ran = run_job(job(*entries, execution=mode), instance)
    assert ran.success, ran.failures
    assert (folder / "load").read_text() == " ".join(str(n) for n in reversed(range(10)))
    counts = ran.metadata["load" if mode == "streaming" else "counted"]
    assert "merged" in str(counts)


def test_a_function_that_fails_is_tried_again_as_the_job_says(folder: Path, instance: dg.DagsterInstance) -> None:
    function = f"{__name__}:refuse"
    entries = (
        entry("numbers", "extractor", Numbers),
        entry("call", "transformer", Python, ["numbers"], options={"function": function}),
        entry("load", "loader", Book, ["call"], options={"folder": str(folder)}),
    )
    TRIES.clear()
    ran = run_job(job(*entries, retry=Retry(2), execution="streaming"), instance)
    assert not ran.success
    assert len(TRIES) == 3
    assert "refuse, given batch 1" in ran.failures["load"]
    assert "RuntimeError: not today" in ran.failures["load"]


TRIES: list[int] = []


def refuse(rows: object) -> None:
    TRIES.append(1)
    raise RuntimeError("not today")


def test_a_child_that_takes_two_outputs_apart_gets_them_by_their_full_names(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    entries = (
        entry("numbers", "extractor", Numbers),
        entry("part", "transformer", Split, ["numbers"], options={"outputs": {"low": "n < 5"}, "otherwise": "high"}),
        entry("joined", "transformer", Join, ["part.low", "part.high"], options={"how": "full", "on": "n"}),
        entry("load", "loader", Book, ["joined"], options={"folder": str(folder)}),
    )
    ran = run_job(job(*entries), instance)
    assert ran.success, ran.failures
    assert (folder / "load").read_text() == " ".join(map(str, range(10)))
