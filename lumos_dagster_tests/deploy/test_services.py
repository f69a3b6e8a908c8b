"""The services of the compose file on a real PostgreSQL: a dead run is gone on with, and no secret is kept or shown."""

import base64
import json
import os
import signal
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from lumos_dagster_tests.servers.canaries import files, leaks, tables
from lumos_dagster_tests.servers.deployed import Deployed, deployed
from lumos_dagster_tests.servers.instances import on_postgres
from lumos_dagster_tests.servers.postgres import PASSWORD, PASSWORD_USER, PostgresDatabase, PostgresServer

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("deployed")]

CANARIES = {
    "CANARY_PASSWORD": PASSWORD,
    "CANARY_WRONG": "wrong-canary-4711",
    "CANARY_IN_URL": "url-canary-4712",
    "CANARY_MONGODB": "mongo-canary-4713",
    "CANARY_SALT": "salt-canary-4715",
    "CANARY_VALUE": "value-canary-4716",
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
        "hashed": ("csv", rows, "console", ""),
        "bad_row": ("memory", 'records: [{id: "1", name: "${CANARY_VALUE}"}, {id: "x", name: b}]', "jdbc", f'connection_string: "postgresql://{PASSWORD_USER}:${{CANARY_PASSWORD}}@{place}", table_name: killed'),
        "killed": ("csv", rows, "jdbc", f'connection_string: "postgresql://{PASSWORD_USER}:${{CANARY_PASSWORD}}@{place}", table_name: killed'),
    }  # fmt: skip
    files = {
        name: JOB.format(name=name, reads=reads, source=source, writes=writes, target=given)
        for name, (reads, source, writes, given) in parts.items()
    }
    salted = "{transforms: [{operation: hash, field: name, salt: '${CANARY_SALT}'}, {operation: add_field, field: by, value: '${CANARY_VALUE}'}, {operation: remove_field, field: by}]}"
    hashing = f"  hash: {{type: transformer, transformer_type: json, options: {salted}}}\n"
    files["hashed"] = (
        files["hashed"].replace("  load:", f"{hashing}  load:").replace("load: [read]", "hash: [read], load: [hash]")
    )
    return files


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


SHOWN = """query($id: ID!) { runOrError(runId: $id) { ... on Run {
  status runConfigYaml tags { key value } assetMaterializations { metadataEntries { label description
    ... on TextMetadataEntry { text } ... on MarkdownMetadataEntry { mdStr } ... on JsonMetadataEntry { jsonString } } }
  eventConnection { events { __typename ... on MessageEvent { message }
    ... on ExecutionStepFailureEvent { error { message stack causes { message stack } }
      failureMetadata { metadataEntries { label ... on TextMetadataEntry { text } } } } } } } } }"""
LOCATION = """query { repositoriesOrError { ... on RepositoryConnection { nodes {
  pipelines { name description metadataEntries { label ... on MarkdownMetadataEntry { mdStr } ... on PathMetadataEntry { path } }
    solids { definition { ... on SolidDefinition { description configField { name
      configType { ... on CompositeConfigType { fields { name description defaultValueAsJson } } } } } } } }
  assetNodes { assetKey { path } description metadataEntries { label } } } } } }"""
ENDS = {
    "in_url": "SUCCESS", "in_option": "SUCCESS", "wrong": "FAILURE", "literal": "FAILURE", "no_such_file": "FAILURE",
    "no_mongodb": "FAILURE", "hashed": "SUCCESS", "bad_row": "FAILURE",
}  # fmt: skip


def test_no_secret_is_kept_written_or_answered(
    services: Deployed, database: PostgresDatabase, target: PostgresDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    runs = {job: services.ui.launch(job) for job in ENDS}
    assert {job: services.ui.finished(run_id) for job, run_id in runs.items()} == ENDS
    answers = {f"answer on {job}": services.ui.graphql(SHOWN, id=run_id) for job, run_id in runs.items()}
    answers["answer on the location"] = services.ui.graphql(LOCATION)
    assert "password" in json.dumps(answers["answer on wrong"])  # the failure is told, the password is not
    assert "rows_in" in json.dumps(answers["answer on in_url"])
    shown = [(where, json.dumps(answer, ensure_ascii=False).encode()) for where, answer in answers.items()]

    secrets = {**CANARIES, "LITERAL": LITERAL}
    assert leaks([*files(services.ui.home), *tables(database.url), *tables(target.url), *shown], secrets) == []


@pytest.mark.parametrize("form", ["plain", "url", "base64", "compressed"])
def test_what_is_looked_for_would_be_found(form: str, tmp_path: Path) -> None:
    secret = "p@ss wörd-4711"
    written = {
        "plain": f"x{secret}".encode(),
        "url": quote(f"user:{secret}").encode(),
        "base64": base64.b64encode(f"user:{secret}".encode()),
        "compressed": b"header" + zlib.compress(f"is {secret}".encode()),
    }[form]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(written)
    assert leaks(files(tmp_path), {"IT": secret}) == [f"IT in {tmp_path}/deep/file"]


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.1)
    raise AssertionError("it does not come")
