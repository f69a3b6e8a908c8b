"""Every connector inside a real Dagster run, under both executors: the rows, and their counts in the metadata."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from lumos_dagster.catalog import EXTRACTORS, LOADERS
from lumos_dagster_tests.servers.postgres import PostgresDatabase

ROWS = 'id,word\n1,one\n2,""\n3,\n4,"a ""b"", c"\n'

Options = Mapping[str, object]


PLACES = ["csv", "memory", "jdbc sqlite", "jdbc postgresql", "mongodb"]
CASES = [*(("in_process", place) for place in ("csv", "jdbc sqlite", "mongodb")), ("multiprocess", "memory")]
ALL_CASES = [(executor, place) for executor in ("in_process", "multiprocess") for place in PLACES]
LONG_CASES = [case for case in ALL_CASES if case not in CASES]


@pytest.fixture
def place(request: pytest.FixtureRequest) -> tuple[str, Options, Options]:
    """A connector's type, and the options to load into a place and to read it back."""
    kind = request.param.split()[0]
    match request.param:
        case "csv":
            return kind, {"file_path": "there.csv"}, {"file_path": "there.csv"}
        case "memory":
            return kind, {"key": "there"}, {"key": "there", "required": True}
        case "mongodb":
            url = request.getfixturevalue("mongodb_url")
            database = request.getfixturevalue("mongodb_database")
            options = {"connection_string": url, "database": database, "collection": "there"}
            return kind, {**options, "mode": "upsert", "key_field": "id"}, {**options, "projection": {"_id": 0}}
    url = "jdbc:sqlite:there.db"
    if request.param == "jdbc postgresql":
        database = request.getfixturevalue("postgres")
        assert isinstance(database, PostgresDatabase)
        url = database.url
    options = {"connection_string": url, "table_name": "there"}
    return kind, {**options, "create_table": True, "load_mode": "upsert"}, options


def test_the_places_above_are_all_connectors() -> None:
    assert {"csv", "memory", "jdbc", "mongodb"} | {"console"} == set(EXTRACTORS) | set(LOADERS)


@pytest.mark.parametrize(
    ("executor", "place"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.slow) for case in LONG_CASES)],
    indirect=["place"],
)
def test_rows_go_there_and_back_and_are_counted(
    executor: str, place: tuple[str, Options, Options], tmp_path: Path
) -> None:
    kind, target, source = place
    job = {
        "version": 1,
        "name": "There and back",
        "jobs": [
            {"name": "read", "type": "extractor", "extractor_type": "csv", "options": {"file_path": "in.csv"},
             "next": "there"},
            {"name": "there", "type": "loader", "loader_type": kind, "options": dict(target), "next": "back"},
            {"name": "back", "type": "extractor", "extractor_type": kind, "options": dict(source), "next": "write"},
            {"name": "write", "type": "loader", "loader_type": "csv", "options": {"file_path": "out.csv"}},
        ],
    }  # fmt: skip
    (tmp_path / "in.csv").write_text(ROWS)
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    done = subprocess.run(
        [sys.executable, "-m", "lumos_dagster.cli", "run", "job.yaml", "--executor", executor, "--json"],
        cwd=tmp_path, env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home")},
        capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out.csv").read_text() == ROWS
    stages = json.loads(done.stdout)["stages"]
    assert {name: (stage["rows_in"], stage["rows_out"]) for name, stage in stages.items()} == {
        "read": (0, 4), "there": (4, 4), "back": (0, 4), "write": (4, 4),
    }  # fmt: skip
