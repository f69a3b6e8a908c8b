"""A sample of the harms from outside; all of them are in `make kill-matrix`."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lumos_dagster_tests.kill.cell import Bench
from lumos_dagster_tests.kill.harms import (
    Cut,
    Load,
    cut,
    deciding,
    fence,
    full_file,
    kill_by_clock,
    kill_one_of_two,
    restart,
)
from lumos_dagster_tests.kill.matrix import Execution, line_named
from lumos_dagster_tests.kill.servers import PostgresServer
from lumos_dagster_tests.kill.targets import Csv, MariaDB, MongoDB, PostgreSQL, SQLite


@pytest.fixture
def durable_postgres() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="lumos-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.mark.parametrize(
    ("mode", "arrives"), [("insert", True), pytest.param("upsert, commit: batch", False, marks=pytest.mark.slow)]
)
def test_a_line_cut_at_a_commit(mode: str, arrives: bool, place: Bench, on_postgres: PostgreSQL) -> None:
    load = Load(place, line_named(f"postgresql: {mode}"), "streaming", on_postgres)
    port = int(on_postgres.server.rsplit(":", 1)[1].split("/")[0])
    outcome = cut(load, port, Cut(deciding(load.line), arrives, turn=1 if arrives else 3, retried=not arrives))
    assert outcome.problem == "", outcome.harm


@pytest.mark.slow
def test_a_line_cut_after_so_many_bytes(place: Bench, on_mariadb: MariaDB) -> None:
    load = Load(place, line_named("mariadb: insert, commit: batch"), "staged", on_mariadb)
    outcome = cut(load, on_mariadb.database.server.port, Cut(1_000_000, arrives=False))
    assert (outcome.problem, outcome.between) == ("", "part")


def test_a_server_that_crashes_under_a_load(place: Bench, durable_postgres: PostgresServer) -> None:
    load = Load(place, line_named("postgresql: insert"), "streaming", PostgreSQL(durable_postgres.url("postgres")))
    outcome = restart(load, durable_postgres.restart, "before batch#4")
    assert (outcome.problem, outcome.between) == ("", "old")


@pytest.mark.slow
@pytest.mark.parametrize("execution", ["staged", "streaming"])
def test_no_room_for_a_file(execution: Execution, place: Bench) -> None:
    outcome = full_file(Load(place, line_named("csv: overwrite"), execution, Csv(place.folder)))
    assert (outcome.problem, outcome.between) == ("", "old")
    assert ("spool" if execution == "staged" else "target.csv") in place.log.read_text()


@pytest.mark.slow
def test_no_room_for_a_database_in_a_file(place: Bench) -> None:
    outcome = full_file(Load(place, line_named("sqlite: insert"), "streaming", SQLite(place.folder)))
    assert (outcome.problem, outcome.between) == ("", "old")
    assert "on their way: IO: failed to" in (told := place.log.read_text())
    assert "set TMPDIR to a folder that has room" in told


def test_a_load_that_is_overtaken_while_it_stands_commits_nothing(place: Bench, on_postgres: PostgreSQL) -> None:
    outcome = fence(Load(place, line_named("postgresql: insert"), "staged", on_postgres), "before record#1", drop=True)
    assert (outcome.problem, outcome.between) == ("", "old")


@pytest.mark.slow
def test_a_load_by_batches_that_is_overtaken_commits_no_more(place: Bench, on_mariadb: MariaDB) -> None:
    load = Load(place, line_named("mariadb: insert, commit: batch"), "staged", on_mariadb)
    outcome = fence(load, "after commit#3", drop=False)
    assert (outcome.problem, outcome.between) == ("", "part")


@pytest.mark.slow
def test_a_kill_by_the_clock(place: Bench, on_mongodb: MongoDB) -> None:
    outcome = kill_by_clock(Load(place, line_named("mongodb: replace"), "streaming", on_mongodb), 0.3)
    assert outcome.problem == "", outcome.harm


def test_the_process_of_a_run_killed_while_that_of_its_op_lives_on(place: Bench) -> None:
    load = Load(place, line_named("csv: append"), "staged", Csv(place.folder))
    assert kill_one_of_two(load, "before batch#3", "kill the run").problem == ""
