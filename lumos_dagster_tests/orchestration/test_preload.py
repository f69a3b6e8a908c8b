"""What step processes are forked from: an error while it loads would be swallowed, and every step would be slow."""

import subprocess
import sys
from dataclasses import replace

from lumos_dagster.catalog import EXTRACTORS, LOADERS
from lumos_dagster.config.model import Entry, JobFile
from lumos_dagster.orchestration.jobs import PRELOAD, execution_config


def test_the_modules_load_by_name_with_all_that_a_step_needs() -> None:
    read = Entry("read", "extractor", "csv", EXTRACTORS["csv"])
    job = JobFile(
        "job.yaml", "job", "Job", (read, replace(read, name="load", kind="loader", component=LOADERS["jdbc"]))
    )
    modules = execution_config("multiprocess", job)["multiprocess"]["start_method"]["forkserver"]["preload_modules"]
    assert modules[0] == PRELOAD
    program = f"import {', '.join(modules)}, sys, threading; print(threading.active_count(), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    threads, *loaded = done.stdout.split()
    assert {
        "dagster", "sqlalchemy", "alembic.context", "lumos_dagster.orchestration.jobs",
        "lumos_dagster.connectors.csv.extractor", "lumos_dagster.connectors.jdbc.loader",
    } <= set(loaded)  # fmt: skip
    assert "pymongo" not in loaded
    assert threads == "1"  # a thread would not be there after the fork, but what it had locked would stay so
