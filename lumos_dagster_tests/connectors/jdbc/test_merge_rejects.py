"""Rows that the table refuses when they are merged: found one by one, the others get in."""

import pytest

from lumos_dagster.connectors.jdbc import staging
from lumos_dagster.errors import DataError
from lumos_dagster_tests.connectors.jdbc.conftest import SAVING, Place

pytestmark = pytest.mark.parametrize("place", SAVING, indirect=True)

OLD = [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
ROWS = [
    {"id": 1, "name": "x"},
    {"id": 2, "name": "y"},
    {"id": 2, "name": "c"},  # the name is row 3's
    {"id": 5, "name": "d"},  # the name is row 4's
    {"id": 6, "name": "z"},
]
EXPECTED = {
    "upsert": [(1, "x"), (2, "y"), (3, "c"), (4, "d"), (6, "z")],
    "update": [(1, "x"), (2, "y"), (3, "c"), (4, "d")],
    "delete_insert": [(1, "x"), (2, "y"), (3, "c"), (4, "d"), (6, "z")],
}


@pytest.fixture
def table(place: Place) -> Place:
    place.sql("create table t (id bigint primary key, name varchar(10) unique)")
    place.sql("insert into t values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')")
    return place


@pytest.mark.parametrize("mode", EXPECTED)
def test_only_the_rows_to_blame_are_rejected(table: Place, mode: str) -> None:
    table.load(ROWS, on_error="reject", load_mode=mode)
    assert table.sql("select * from t order by id") == EXPECTED[mode]
    # An update takes no offence at row 4: there is no such id to update.
    assert (table.count.rejected, table.count.unmatched) == ((1, 2) if mode == "update" else (2, 0))


@pytest.mark.parametrize("mode", EXPECTED)
def test_the_same_load_again_books_the_same(table: Place, mode: str) -> None:
    first = table.load(ROWS, on_error="reject", load_mode=mode)
    counted = (table.count.rejected, table.count.rows_out)
    assert table.load(ROWS, on_error="reject", load_mode=mode) == first
    assert (table.count.rejected, table.count.rows_out) == counted
    assert table.sql("select * from t order by id") == EXPECTED[mode]


@pytest.mark.parametrize("mode", EXPECTED)
def test_skipped_rows_are_counted(table: Place, mode: str) -> None:
    table.listens = False
    table.load(ROWS, on_error="skip", load_mode=mode)
    assert table.count.skipped == (1 if mode == "update" else 2)


@pytest.mark.parametrize("mode", EXPECTED)
def test_without_reject_nothing_changes(table: Place, mode: str) -> None:
    with pytest.raises(DataError):
        table.load(ROWS, load_mode=mode)
    assert table.sql("select * from t order by id") == OLD


@pytest.mark.parametrize("mode", EXPECTED)
@pytest.mark.parametrize("some", [1, 2, 3, 1000])
def test_they_are_found_however_many_rows_are_tried_together(
    place: Place, mode: str, some: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_TRIED_ROWS", some)
    monkeypatch.setattr(staging, "_LEFT_OUT_ROWS", some)
    place.sql("create table t (id bigint primary key, n bigint check (n >= 0))")
    place.sql("insert into t values " + ", ".join(f"({number}, 0)" for number in range(30)))
    # Each key comes twice, the second time with a number that is not taken where it divides by 7.
    rows = [{"id": number, "n": number} for number in range(30)]
    rows += [{"id": number, "n": -1 if number % 7 == 0 else 100 + number} for number in range(30)]

    place.load(rows if mode != "delete_insert" else rows[30:], on_error="reject", load_mode=mode)

    wanted = {number: 100 + number for number in range(30)}
    # Where it is not taken, the row before it counts; of a key that is given once, what the table had.
    wanted |= {number: 0 if mode == "delete_insert" else number for number in range(0, 30, 7)}
    assert dict(place.sql("select id, n from t")) == wanted
    assert place.count.rejected == 5


def test_no_more_are_looked_for_than_may_be_rejected(table: Place) -> None:
    rows = [{"id": 10 + number, "name": "a"} for number in range(50)]

    with pytest.raises(DataError, match="load: 3 rows were rejected, more than max_rejects 2 allows"):
        table.load(rows, on_error="reject", max_rejects="2", load_mode="upsert")

    assert table.sql("select * from t order by id") == OLD
