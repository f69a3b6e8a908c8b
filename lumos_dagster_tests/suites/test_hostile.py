"""A hostile string is a value, a name and a path like any other, or a clear error."""

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.connectors.jdbc import JdbcLoader
from lumos_dagster.errors import LumosError
from lumos_dagster.values import RunContext
from lumos_dagster_tests.suites.hostile import FILES, NAMES, VALUES
from lumos_dagster_tests.suites.routes import Route, read, saved, straight, through_table, write

# Next to each value its own name, and a null: what shifts, merges or swaps shows.
TABLE = pa.table({
    "what": pa.array([*VALUES, "no value"]),
    "value": pa.array([*VALUES.values(), None]),
    "behind": pa.array([*reversed(VALUES.values()), None]),
})  # fmt: skip


def test_values_come_back_and_the_file_is_the_same(any_route: Route, tmp_path: Path, run: RunContext) -> None:
    source = saved(run, tmp_path / "in.csv", TABLE)

    out = any_route(source)

    assert read(run, CsvExtractor, {"file_path": str(out)}) == TABLE
    assert out.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("value", ["", None, "\n", "\ufeffa", '"'], ids=repr)
def test_one_value_alone_is_a_row(any_route: Route, tmp_path: Path, run: RunContext, value: str | None) -> None:
    source = saved(run, tmp_path / "in.csv", pa.table({"a": pa.array([value], pa.string())}))

    assert any_route(source).read_bytes() == source.read_bytes()


def test_names_of_columns_come_back(route: Route, tmp_path: Path, run: RunContext) -> None:
    source = saved(run, tmp_path / "in.csv", pa.table({name: [name] for name in NAMES}))

    assert route(source).read_bytes() == source.read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_names_of_files_are_taken_as_they_are(tmp_path: Path, run: RunContext, name: str) -> None:
    source = saved(run, tmp_path / f"{name}.csv", TABLE.slice(0, 3))

    out = straight(run)(source)

    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [f"{name}.csv"]
    assert out.read_bytes() == source.read_bytes()


def test_names_of_tables_are_taken_as_they_are(database: str, tmp_path: Path, run: RunContext) -> None:
    source = saved(run, tmp_path / "in.csv", TABLE.slice(0, 3))

    for name in NAMES:
        assert through_table(run, database, name)(source).read_bytes() == source.read_bytes(), name


def test_names_that_a_database_takes_for_one_or_for_its_own_are_an_error(
    request: pytest.FixtureRequest, tmp_path: Path, run: RunContext
) -> None:
    """To a CSV file they are names like any other."""
    refused = {f"jdbc:sqlite:{tmp_path}/rows.db": ["A", "a"], request.getfixturevalue("postgres").url: ["ctid", "a"]}

    for url, names in refused.items():
        source = saved(run, tmp_path / "in.csv", pa.table({name: [name] for name in names}))
        with pytest.raises(LumosError, match=r"duplicate column name|conflicts with a system"):
            through_table(run, url)(source)
        assert straight(run)(source).read_bytes() == source.read_bytes()


def test_what_postgresql_cannot_keep_is_an_error(request: pytest.FixtureRequest, run: RunContext) -> None:
    place = {"connection_string": request.getfixturevalue("postgres").url, "table_name": "t"}

    for table in (
        pa.table({"a": ["x\0y"]}),
        pa.table({"a\0b": ["x"]}),
        pa.table({"x" * 64: ["x"]}),
        pa.table({"日" * 22: ["x"]}),
    ):
        with pytest.raises(LumosError):
            write(run, JdbcLoader, {**place, "load_mode": "replace"}, table)


def test_what_a_csv_file_cannot_keep_is_an_error(tmp_path: Path, run: RunContext) -> None:
    for table in (pa.table({"a": ["x\0y"]}), pa.table({"a\0b": ["x"]}), pa.table({"": ["x"]})):
        with pytest.raises(LumosError):
            saved(run, tmp_path / "in.csv", table)
    with pytest.raises(ValidationError, match="file_path"):  # bytes that are no text are no name
        saved(run, tmp_path / "\udcff.csv", TABLE)

    assert list(tmp_path.glob("*.csv")) == []
