"""What step processes are forked from: an error while it loads would be swallowed, and every step would be slow."""

import subprocess
import sys
from dataclasses import replace

import pytest

from lumos_dagster.catalog import EXTRACTORS, LOADERS
from lumos_dagster.config.model import Entry, JobFile
from lumos_dagster.connectors.jdbc.address import DATABASES
from lumos_dagster.connectors.jdbc.database import Database
from lumos_dagster.orchestration.jobs import PRELOAD, execution_config


@pytest.mark.parametrize("database", DATABASES, ids=lambda database: database.name)
def test_each_database_names_its_driver(database: Database) -> None:
    options = {"connection_string": f"jdbc:{database.schemes[0]}://localhost/shop"}
    driver = LOADERS["jdbc"].modules(options)[-1]
    assert database.driver_errors().__module__.partition(".")[0] in (driver, f"_{driver}")
    assert LOADERS["jdbc"].modules({"connection_string": "${SHOP}"}) == ("lumos_dagster.connectors.jdbc.loader",)


def test_the_modules_load_by_name_with_all_that_a_step_needs() -> None:
    read = Entry("read", "extractor", "csv", EXTRACTORS["csv"])
    target = {"connection_string": "jdbc:postgresql://localhost/shop", "table_name": "orders"}
    load = replace(read, name="load", kind="loader", component=LOADERS["jdbc"], options=target)
    job = JobFile("job.yaml", "job", "Job", (read, load))
    modules = execution_config("multiprocess", job)["multiprocess"]["start_method"]["forkserver"]["preload_modules"]
    assert modules[0] == PRELOAD
    program = f"import {', '.join(modules)}, sys, threading; print(threading.active_count(), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    threads, *loaded = done.stdout.split()
    assert {
        "dagster", "sqlalchemy", "alembic.context", "lumos_dagster.orchestration.jobs",
        "lumos_dagster.connectors.csv.extractor", "lumos_dagster.connectors.jdbc.loader", "psycopg",
    } <= set(loaded)  # fmt: skip
    assert "pymongo" not in loaded
    assert threads == "1"  # a thread would not be there after the fork, but what it had locked would stay so
