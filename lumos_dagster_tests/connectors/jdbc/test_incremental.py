"""Incremental reading: what a job must look like, and how windows are cut where the database has types of its own."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from lumos_dagster.accounting import Book
from lumos_dagster.catalog import Catalog
from lumos_dagster.config import parse_job
from lumos_dagster.connectors.jdbc.incremental import Incremental
from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster.plan import make_plan
from lumos_dagster.watermarks import FindWindow, Watermark, Window
from lumos_dagster_tests.connectors.jdbc.conftest import Place

JOB = """
version: 1
name: Nightly
jobs:
  read:
    type: extractor
    extractor_type: jdbc
    options: {{connection_string: "jdbc:sqlite:a.db", table_name: t, incremental: {{cursor_column: id, lag: {lag}}}}}
{loaders}
dag: {{dependencies: {{{edges}}}}}
"""
LOADER = "  {name}: {{type: loader, loader_type: {type}, options: {{{options}}}}}"
TARGET = 'connection_string: "jdbc:sqlite:b.db", table_name: t, '


def planned(lag: object, *loaders: tuple[str, str]) -> None:
    texts = [LOADER.format(name=f"load_{at}", type=kind, options=options) for at, (kind, options) in enumerate(loaders)]
    edges = ", ".join(f"load_{at}: [read]" for at in range(len(loaders)))
    make_plan(parse_job(JOB.format(lag=lag, loaders="\n".join(texts), edges=edges), "nightly.yaml", Catalog()))


@pytest.mark.parametrize(
    ("lag", "loaders", "message"),
    [
        (0, [("memory", "")], "the loader load_0 cannot take these rows: it keeps no watermarks"),
        (0, [("jdbc", TARGET)] * 2, "exactly one loader must take the rows.*there are load_0, load_1"),
        (0, [("jdbc", TARGET + "load_mode: replace")], "load_mode: replace would lose the rows of earlier loads"),
        (0, [("jdbc", TARGET + "mode: truncate")], "load_mode: truncate would lose the rows of earlier loads"),
        (5, [("jdbc", TARGET)], "lag reads rows again, and load_mode: insert would double them; use load_mode: upsert"),
        ("15m", [("jdbc", TARGET + "load_mode: append")], "lag reads rows again"),
        ("'${LAG}'", [("jdbc", TARGET)], "lag reads rows again"),
        (0, [("jdbc", TARGET + "commit: batch")], "commit: batch leaves rows of a failed load there"),
        (0, [("jdbc", TARGET + "load_mode: '${MODE}'")], "must be written out"),
    ],
)
def test_a_job_that_would_lose_or_double_rows_is_refused(
    lag: object, loaders: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        planned(lag, *loaders)
    assert "nightly.yaml:8" in str(raised.value)


def test_a_job_that_does_neither_is_valid() -> None:
    planned(0, ("jdbc", TARGET))
    planned("1d 12h", ("jdbc", TARGET + "load_mode: upsert"))
    planned(0, ("jdbc", TARGET + "load_mode: upsert, commit: batch"))


def test_without_a_job_nobody_keeps_the_watermark(place: Place) -> None:
    place.load([{"id": 1}], create_table=True)
    with pytest.raises(ConfigError, match="needs a job in which a loader keeps its watermark"):
        place.read(incremental={"cursor_column": "id"})


@pytest.mark.parametrize("lag", [-1, "", "5", "soon", "5 minutes", float("nan"), float("inf")])
def test_a_lag_that_is_none(lag: object) -> None:
    with pytest.raises((ConfigError, ValidationError), match="lag"):
        Incremental.model_validate({"cursor_column": "id", "lag": lag})


def test_a_cursor_column_that_is_not_there(place: Place) -> None:
    place.load([{"id": 1}], create_table=True)
    with pytest.raises(ConfigError, match=r"incremental.cursor_column: table .* has no 'idd'.*Did you mean 'id'"):
        read(place, None, cursor_column="idd")


def read(place: Place, last: Watermark | None, **incremental: Any) -> tuple[list[int], Window]:
    """What one load takes after `last`, and its window."""
    windows: list[Window] = []

    def window(find: FindWindow) -> Window:
        windows.append(find(last))
        return windows[0]

    with Book(place.run).task("read") as task:
        task.window = window
        with place.extractor(incremental=incremental).read(task) as rows:
            return sorted(rows.read_all()["id"].to_pylist()), windows[0]


CURSORS: dict[str, tuple[pa.DataType, list[Any], Any]] = {
    "integers": (pa.int64(), [2**62 + number for number in range(6)], 2),
    "floats": (pa.float64(), [0.1 * number for number in range(6)], 0.15),
    "dates": (pa.date32(), [date(2026, 1, number + 1) for number in range(6)], "2d"),
    "timestamps": (pa.timestamp("us"), [datetime(2026, 1, 1, 0, 0, number, 7) for number in range(6)], "2s"),
    "texts": (pa.string(), list("abcdef"), 0),
}


@pytest.mark.parametrize("values", CURSORS.values(), ids=CURSORS)
def test_every_type_of_cursor_goes_on_exactly_where_it_was(
    values: tuple[pa.DataType, list[Any], Any], place: Place
) -> None:
    kind, cursors, lag = values
    rows = pa.table({"id": pa.array(range(6), pa.int64()), "c": pa.array(cursors, kind)})
    place.load(rows.slice(0, 4), create_table=True)
    ids, first = read(place, None, cursor_column="c")
    assert ids == [0, 1, 2, 3]
    assert read(place, first.until, cursor_column="c") == ([], Window(first.until, first.until))
    place.load(rows.slice(4), "2")
    ids, second = read(place, first.until, cursor_column="c")
    assert ids == [4, 5]
    assert second.after == first.until
    lagging, _ = read(place, second.until, cursor_column="c", lag=lag)
    assert lagging == ([] if lag == 0 else [4, 5])


def test_decimals(postgres_place: Place) -> None:
    postgres_place.load([{"id": n, "c": Decimal(n) / 100 + 10**15} for n in range(6)], create_table=True)
    ids, window = read(postgres_place, Watermark("1000000000000000.03", "decimal128(18, 2)"), cursor_column="c")
    lagging, _ = read(postgres_place, window.until, cursor_column="c", lag=0.02)
    assert lagging == [4, 5]
    assert (ids, window.until) == ([4, 5], Watermark("1000000000000000.05", "decimal128(18, 2)"))


def test_a_table_without_rows_has_no_watermark(place: Place) -> None:
    place.load(pa.table({"id": pa.array([], pa.int64())}), create_table=True)
    assert read(place, None, cursor_column="id") == ([], Window(None, None))


def test_a_watermark_of_another_type_is_told(postgres_place: Place) -> None:
    postgres_place.load([{"id": 1}], create_table=True)
    with pytest.raises(DataError, match=re.escape("the watermark '2026-01-01' (date32[day]) does not fit column 'id'")):
        read(postgres_place, Watermark("2026-01-01", "date32[day]"), cursor_column="id")


def test_a_lag_that_the_values_cannot_have(place: Place) -> None:
    place.load([{"id": 1, "name": "x"}], create_table=True)
    with pytest.raises(ConfigError, match=r"incremental\.lag: '5m' cannot be taken from 'x' in column 'name'"):
        read(place, Watermark("x", "string"), cursor_column="name", lag="5m")
