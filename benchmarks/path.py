"""The data path of a job alone, without Dagster around it: python benchmarks/path.py JOB.yaml [staged|streaming|ops].

`ops` is streaming, timed as the ops of a run take their time: in a process that has loaded beforehand what the one
that Dagster forks for a step has loaded. It writes its seconds, and those of its CPU, into the file ops.seconds.
"""

import importlib
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from lumos_dagster.accounting import Book
from lumos_dagster.catalog import project_catalog
from lumos_dagster.config import load_job
from lumos_dagster.orchestration.garbage import seldom
from lumos_dagster.orchestration.work import Launch, check, perform
from lumos_dagster.plan import Path as Op
from lumos_dagster.plan import make_plan
from lumos_dagster.relation import Relation
from lumos_dagster.values import RunContext


def main(file: str, mode: str) -> None:
    """Do what the ops of a run do, in their order: with counts, ledger and spool."""
    job = load_job(Path(file), project_catalog())
    plan = make_plan(job, "staged" if mode == "staged" else "streaming")
    with tempfile.TemporaryDirectory() as storage:
        number = uuid.uuid4().hex
        run = RunContext(job.name, number, number, datetime.now(UTC), storage, vars=job.vars)
        launch = Launch(plan, run)
        check(launch)
        if mode == "ops":
            for module in importlib.import_module("lumos_dagster.orchestration.jobs").preloaded(job):
                importlib.import_module(module)
        begun = time.perf_counter(), time.process_time()
        given: dict[Op, Relation | None] = {}
        for path, node in plan.nodes.items():
            book = Book(run)
            inputs = {parent: rows for parent in node.parents if (rows := given[parent]) is not None}
            given[path] = perform(node, launch, inputs, book)
            book.check()
        if mode == "ops":
            taken = time.perf_counter() - begun[0], time.process_time() - begun[1]
            Path("ops.seconds").write_text(" ".join(map(str, taken)))


if __name__ == "__main__":
    seldom()  # as the command does
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "streaming")
