"""`commit: batch`: each batch is committed by itself, and a retry goes on behind the last one."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from lumos_dagster.connectors.jdbc.database import Database
from lumos_dagster.errors import TerminalError, TransientError
from lumos_dagster_tests.connectors.jdbc.conftest import Place

ROWS, BATCH, BREAKS_AT = 100, 20, 60
MODES = ["insert", "upsert", "update", "truncate", "replace"]
SCHEMA = pa.schema({"id": pa.int64(), "name": pa.string()})


def rows(breaks_at: int = ROWS, bad: int | None = None) -> pa.RecordBatchReader:
    """Batches of seven rows, so that none ends where a transaction does; the row `bad` has no name."""

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, ROWS, 7):
            if start >= breaks_at:
                raise TransientError("the source is gone")
            ids = list(range(start, min(ROWS, start + 7)))
            names = [None if number == bad else f"name {number}" for number in ids]
            yield pa.RecordBatch.from_pydict({"id": ids, "name": names}, schema=SCHEMA)

    return pa.RecordBatchReader.from_batches(SCHEMA, batches())


def prepare(place: Place, mode: str) -> None:
    place.sql("create table t (id bigint primary key, name varchar(20) not null)")
    if mode == "update":
        place.sql(f"insert into t values {', '.join(f'({number}, {chr(39)}old{chr(39)})' for number in range(50))}")
    if mode in ("upsert", "truncate", "replace"):
        place.sql("insert into t values (3, 'old'), (1000, 'old')")


EXPECTED = {
    "insert": [(number, f"name {number}") for number in range(ROWS)],
    "upsert": [*((number, f"name {number}") for number in range(ROWS)), (1000, "old")],
    "update": [(number, f"name {number}") for number in range(50)],
    "truncate": [(number, f"name {number}") for number in range(ROWS)],
    "replace": [(number, f"name {number}") for number in range(ROWS)],
}


@pytest.mark.parametrize("mode", MODES)
def test_a_retry_goes_on_behind_the_last_committed_batch(place: Place, mode: str) -> None:
    prepare(place, mode)
    with pytest.raises(TransientError):
        place.load(rows(BREAKS_AT + 1), load_mode=mode, commit="batch", batch_size=BATCH)
    first = place.load(rows(), load_mode=mode, commit="batch", batch_size=BATCH)
    assert f"{BREAKS_AT} rows were committed by earlier attempts" in place.log[-1]
    assert place.sql("select * from t order by id") == EXPECTED[mode]
    again = place.load(rows(), load_mode=mode, commit="batch", batch_size=BATCH)
    assert again == first
    assert place.sql("select * from t order by id") == EXPECTED[mode]


def test_what_is_committed_can_be_seen_before_the_load_ends(place: Place) -> None:
    prepare(place, "insert")
    with pytest.raises(TransientError):
        place.load(rows(BREAKS_AT + 1), commit="batch", batch_size=BATCH)
    assert place.sql("select count(*) from t") == [(BREAKS_AT,)]


def test_rows_rejected_before_the_crash_are_booked_again(place: Place) -> None:
    prepare(place, "insert")
    with pytest.raises(TransientError):
        place.load(rows(BREAKS_AT + 1, bad=5), on_error="reject", commit="batch", batch_size=BATCH)
    result = place.load(rows(bad=5), on_error="reject", commit="batch", batch_size=BATCH)
    assert (result.inserted, place.count.rejected) == (ROWS - 1, 1)
    assert place.sql("select count(*) from t") == [(ROWS - 1,)]


def test_scripts_run_once_however_often_the_load_is_tried(place: Place) -> None:
    prepare(place, "insert")
    place.sql("create table told (what varchar(10))")
    scripts = {"pre_sql": "insert into told values ('before')", "post_sql": "insert into told values ('after')"}
    with pytest.raises(TransientError):
        place.load(rows(BREAKS_AT + 1), commit="batch", batch_size=BATCH, **scripts)
    place.load(rows(), commit="batch", batch_size=BATCH, **scripts)
    assert place.sql("select what from told") == [("before",), ("after",)]


def test_a_replaced_table_is_swapped_in_at_the_end(server_place: Place) -> None:
    place = server_place
    prepare(place, "replace")
    with pytest.raises(TransientError):
        place.load(rows(BREAKS_AT + 1), load_mode="replace", commit="batch", batch_size=BATCH)
    assert place.sql("select id from t order by id") == [(3,), (1000,)]
    place.load(rows(), load_id="another", load_mode="replace", commit="batch", batch_size=BATCH)
    assert place.sql("select count(*) from t") == [(ROWS,)]
    left = "select count(*) from information_schema.tables where table_name like '\\_lumos\\_new%'"
    assert place.sql(left) == [(0,)]


def test_an_older_process_of_the_same_load_commits_nothing_more(server_place: Place) -> None:
    """The other one has taken the load over and brought it to its end."""
    place = server_place
    prepare(place, "insert")

    def overtaken() -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict({"id": list(range(BATCH)), "name": ["mine"] * BATCH}, schema=SCHEMA)
        yield pa.RecordBatch.from_pydict({"id": [BATCH], "name": ["mine"]}, schema=SCHEMA)
        place.sql("update _lumos_loads set epoch = epoch + 1")
        yield pa.RecordBatch.from_pydict({"id": [BATCH + 1], "name": ["mine"]}, schema=SCHEMA)

    reader = pa.RecordBatchReader.from_batches(SCHEMA, overtaken())
    with pytest.raises(TerminalError, match="taken this load over"):
        place.load(reader, commit="batch", batch_size=BATCH)
    assert place.sql("select count(*) from t") == [(BATCH,)]


@pytest.mark.parametrize(
    ("commit_", "number"), [("batch", 1), ("batch", 3), ("batch", 6), ("load", 1)], ids=lambda value: f"{value}"
)
def test_one_that_is_overtaken_before_a_commit_does_not_say_that_it_has_loaded(
    server_place: Place, monkeypatch: pytest.MonkeyPatch, commit_: str, number: int
) -> None:
    """Its connection is gone, so that it asks the ledger, and finds what the other one has done."""
    place, database = server_place, server_place.loader().address().database
    prepare(place, "insert")
    place.load(SCHEMA.empty_table(), "another")  # which makes the ledger
    commits, commit = iter(range(1, 100)), type(database).commit

    def held_up(self: Database, raw: Any, waiting: Iterator[None]) -> None:
        if next(commits) == number:
            is_mariadb = place.name == "mariadb"
            place.sql(
                f"kill {raw.thread_id()}" if is_mariadb else f"select pg_terminate_backend({raw.info.backend_pid})"
            )
            monkeypatch.undo()
            place.load(rows(), commit=commit_, batch_size=BATCH)
        commit(self, raw, waiting)

    monkeypatch.setattr(type(database), "commit", held_up)
    with pytest.raises(TerminalError, match="taken this load over"):
        place.load(rows(), commit=commit_, batch_size=BATCH)
    assert place.sql("select * from t order by id") == EXPECTED["insert"]


def test_delete_insert_by_batches_is_refused_with_the_reason(place: Place) -> None:
    with pytest.raises(ValidationError, match="rows of one key may lie in two batches"):
        place.loader(load_mode="delete_insert", commit="batch")
