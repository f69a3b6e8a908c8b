"""Rejected rows are kept as they were, counted once however often they were read, and private."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lumos_dagster.accounting import BadRow, Book
from lumos_dagster.counting import counted_in
from lumos_dagster.errors import DataError
from lumos_dagster.rejects import find
from lumos_dagster.relation import Relation
from lumos_dagster.values import RunContext

ROW = {
    "whole": 2**63 - 1,
    "float": -0.0,
    "infinite": -math.inf,
    "decimal": Decimal("1.50"),
    "bytes": b"\x00\xff",
    "date": date(1, 1, 1),
    "time": time(23, 59, 59, 999999),
    "local": datetime(2026, 1, 1, 2, 3, 4, 5),
    "instant": datetime(2026, 1, 1, tzinfo=UTC),
    "fine": pd.Timestamp("2026-01-01T00:00:00.123456789"),
    "duration": timedelta(days=-1, microseconds=3),
    "truth": True,
    "nothing": None,
    "empty": "",
    "text": 'é 🙂 "\n\u2028',
    "nested": {"list": [1, None, {"d": Decimal("0.10")}], "$decimal": "not one", "none": {}},
}


def attempt(run: RunContext, number: int, rows: list[dict[str, Any]], ends: str = "well", op: str = "convert") -> None:
    """An attempt that rejects the rows, and ends well or with an error."""
    book = Book(run, number)
    try:
        with book.task(op, "reject") as task:
            task.count.rows_in = len(rows)
            bad = (BadRow(place, "a", row.get("a"), "does not fit", row) for place, row in enumerate(rows, 1))
            task.bad_rows(bad, len(rows))
            if ends != "well":
                raise DataError(ends)
    except DataError:
        return
    book.check()


def states(run: RunContext) -> list[tuple[str, int, int, str]]:
    return [(kept.attempt.run, kept.attempt.attempt, kept.rows, kept.state) for kept in find(run.storage)]


def test_a_row_comes_back_with_the_values_it_had(run: RunContext) -> None:
    attempt(run, 0, [ROW, {"nan": math.nan}])

    (kept,) = find(run.storage)
    first, second = (record["row"] for record in kept.records())
    assert first == ROW
    assert [type(value) for value in first.values()] == [type(value) for value in ROW.values()]
    assert math.copysign(1, first["float"]) == -1
    assert first["fine"].nanosecond == 789
    assert math.isnan(second["nan"])
    assert (kept.rows, kept.reason, kept.state) == (2, "does not fit", "kept")


def test_an_attempt_that_was_tried_again_does_not_count_twice(run: RunContext) -> None:
    attempt(run, 0, [{"a": 1}], "connection lost")
    assert states(run) == [("run-1", 0, 1, "failed")]
    attempt(run, 1, [{"a": 1}, {"a": 2}])
    assert states(run) == [("run-1", 0, 1, "superseded"), ("run-1", 1, 2, "kept")]


def test_a_later_attempt_without_rejects_supersedes_too(run: RunContext) -> None:
    attempt(run, 0, [{"a": 1}], "connection lost")
    attempt(run, 1, [])
    assert states(run) == [("run-1", 0, 1, "superseded")]


def test_a_resume_supersedes_what_the_failed_run_rejected_and_a_new_run_does_not(run: RunContext) -> None:
    attempt(run, 0, [{"a": 1}], "connection lost")
    attempt(run, 0, [{"a": 1}], op="another")
    attempt(replace(run, run_id="run-2"), 0, [{"a": 1}])
    attempt(replace(run, run_id="run-3", load_id="run-3"), 0, [{"a": 1}])

    found = {(kept.attempt.run, kept.attempt.op): kept.state for kept in find(run.storage)}
    assert found == {
        ("run-1", "convert"): "superseded", ("run-1", "another"): "kept",
        ("run-2", "convert"): "kept", ("run-3", "convert"): "kept",
    }  # fmt: skip
    assert [kept.state for kept in find(run.storage, "run-1")] == ["superseded", "kept"]


def test_rows_that_do_not_balance_make_the_rejects_evidence_only(run: RunContext) -> None:
    book = Book(run)
    with book.task("convert", "reject") as task:
        task.bad_rows([BadRow(1, "a", 1, "no", {"a": 1})], 1)
    with pytest.raises(DataError, match="do not balance"):
        book.check()
    assert [kept.state for kept in find(run.storage)] == ["failed"]


def test_nobody_else_may_read_or_list_them(run: RunContext) -> None:
    attempt(run, 0, [{"a": 1}])
    modes = {path.name: path.stat().st_mode & 0o777 for path in Path(run.storage, "rejects").rglob("*")}
    assert modes == {"run-1": 0o700, "convert.0.jsonl": 0o600, "convert.0.json": 0o600}
    assert Path(run.storage, "rejects").stat().st_mode & 0o777 == 0o700


def test_storage_may_be_anywhere(run: RunContext) -> None:
    run = replace(run, storage="memory://lumos-rejects")
    attempt(run, 0, [ROW], "connection lost")
    attempt(run, 1, [ROW])
    assert [state for *_, state in states(run)] == ["superseded", "kept"]


def test_too_large_a_share_of_rejects_stops_a_load_before_it_commits(run: RunContext) -> None:
    """A loader's last bad row may be found when all rows are in: a check after its commit would be too late."""
    committed = False

    def load(bad_at_the_end: bool) -> Iterator[None]:
        nonlocal committed
        with (
            Book(run).task("load", "reject", "10%") as task,
            Relation.of(pd.DataFrame({"a": range(10)})).open() as rows,
        ):
            bad = [BadRow(1, "a", 0, "no", {"a": 0})] * 2
            for place, _ in enumerate(counted_in(rows, task)):
                if place == 0 and not bad_at_the_end:
                    task.bad_rows(bad, 2)
            task.bad_rows(bad, 2)
            committed = True
        yield

    for late in (True, False):
        with pytest.raises(DataError, match="more than max_rejects 10%"):
            list(load(late))
        assert not committed
