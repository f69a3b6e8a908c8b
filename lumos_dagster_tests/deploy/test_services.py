"""The services of the compose file on a real PostgreSQL: jobs run, and a dead run is gone on with."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from lumos_dagster_tests.servers.deployed import Deployed, deployed
from lumos_dagster_tests.servers.instances import on_postgres
from lumos_dagster_tests.servers.postgres import PASSWORD, PASSWORD_USER, PostgresDatabase, PostgresServer

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("deployed")]

CANARIES = {
    "CANARY_PASSWORD": PASSWORD,
    "CANARY_WRONG": "wrong-canary-4711",
    "CANARY_IN_URL": "url-canary-4712",
    "CANARY_MONGODB": "mongo-canary-4713",
}
LITERAL = "literal-canary-4714"
ROWS = 20_000
JOB = """
version: 1
name: {name}
execution: streaming
jobs:
  read: {{type: extractor, extractor_type: {reads}, options: {{{source}}}}}
  load: {{type: loader, loader_type: {writes}, options: {{{target}}}}}
dag: {{dependencies: {{load: [read]}}}}
"""


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[PostgresDatabase]:
    yield from _fresh(postgres_server, "deployed_instance")


@pytest.fixture(scope="module")
def target(postgres_server: PostgresServer) -> Iterator[PostgresDatabase]:
    yield from _fresh(postgres_server, "deployed_target")


def _fresh(server: PostgresServer, name: str) -> Iterator[PostgresDatabase]:
    server.run(f"create database {name} owner {PASSWORD_USER}")
    yield PostgresDatabase(server, name)
    server.run(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, database: PostgresDatabase, target: PostgresDatabase
) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deployed")
    (folder / "jobs").mkdir()
    lines = "".join(f"{number},name {number}\n" for number in range(ROWS))
    (folder / "rows.csv").write_text(f"id,name\n{lines}")
    for name, text in jobs(folder, target).items():
        (folder / "jobs" / f"{name}.yaml").write_text(text)
    with target.connect() as connection:
        connection.execute("create table killed (id bigint primary key, name text)")
        connection.execute(f"alter table killed owner to {PASSWORD_USER}")
    home = folder / "home"
    instance = on_postgres(home, database)
    secrets = {**CANARIES, "LUMOS_JOBS_DIR": str(folder / "jobs")}
    with deployed(home, instance, secrets) as running:
        yield running


def jobs(folder: Path, target: PostgresDatabase) -> dict[str, str]:
    """Job name -> its file: passwords from the environment, in options and in URLs; right, wrong and literal ones."""
    place = f"127.0.0.1:{target.server.port}/{target.name}"
    rows = f'file_path: "{folder}/rows.csv"'

    def to_postgres(url: str, more: str = "") -> tuple[str, str, str, str]:
        return (
            "csv",
            rows,
            "jdbc",
            f'connection_string: "{url}", table_name: canary, create_table: true, load_mode: replace{more}',
        )

    parts = {
        "in_url": to_postgres(f"postgresql://{PASSWORD_USER}:${{CANARY_PASSWORD}}@{place}"),
        "in_option": to_postgres(f"jdbc:postgresql://{place}", f', username: {PASSWORD_USER}, password: "${{CANARY_PASSWORD}}"'),
        "wrong": to_postgres(f"jdbc:postgresql://{place}?user={PASSWORD_USER}&password=${{CANARY_WRONG}}"),
        "literal": to_postgres(f"postgresql://{PASSWORD_USER}:{LITERAL}@{place}"),
        "no_such_file": ("csv", 'file_path: "http://me:${CANARY_IN_URL}@127.0.0.1:9/rows.csv"', "console", ""),
        "no_mongodb": ("csv", rows, "mongodb", 'connection_string: "mongodb://me:${CANARY_MONGODB}@127.0.0.1:9/shop?serverSelectionTimeoutMS=500", database: shop, collection: rows'),
        "killed": ("csv", rows, "jdbc", f'connection_string: "postgresql://{PASSWORD_USER}:${{CANARY_PASSWORD}}@{place}", table_name: killed'),
    }  # fmt: skip
    return {
        name: JOB.format(name=name, reads=reads, source=source, writes=writes, target=given)
        for name, (reads, source, writes, given) in parts.items()
    }


def test_a_run_whose_process_is_killed_is_gone_on_with(services: Deployed, target: PostgresDatabase) -> None:
    query = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'copy%'"
    tags = "query($id: ID!) { runOrError(runId: $id) { ... on Run { tags { key value } } } }"
    with psycopg.connect(target.url) as other:
        other.execute("insert into killed values (%s, 'mine')", (ROWS - 1,))
        run_id = services.ui.launch("killed")
        until(lambda: bool(target.rows(query)))
        found = services.ui.graphql(tags, id=run_id)["runOrError"]["tags"]
        (worker,) = [tag["key"] for tag in found if tag["key"].startswith("lumos/worker/")]
        os.kill(int(worker.rsplit("/", 1)[1]), signal.SIGKILL)
        assert services.ui.finished(run_id) == "FAILURE"
        other.rollback()
    children = "query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId } } } }"
    wanted = {"tags": [{"key": "dagster/parent_run_id", "value": run_id}]}
    until(lambda: bool(services.ui.graphql(children, f=wanted)["runsOrError"]["results"]))
    (again,) = services.ui.graphql(children, f=wanted)["runsOrError"]["results"]

    assert services.ui.finished(again["runId"]) == "SUCCESS"
    assert target.rows("select count(*), count(distinct id) from killed") == [(ROWS, ROWS)]
    assert target.rows("select distinct load_id from _lumos_loads where job = 'killed'") == [(run_id,)]


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.1)
    raise AssertionError("it does not come")
