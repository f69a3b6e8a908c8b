"""The IO managers in a plain Dagster user's hands: assets and ops with DataFrames, Arrow tables and Relations."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from lumos_dagster.orchestration.io_managers import (
    ConnectorIOManager,
    CsvIOManager,
    JdbcIOManager,
    MemoryIOManager,
    MongoIOManager,
)
from lumos_dagster.relation import Relation
from lumos_dagster_tests.servers.dagster_ui import free_port
from lumos_dagster_tests.servers.postgres import PostgresDatabase

ROWS = {"n": [1, 2, None], "word": ["one", "", None]}


@pytest.fixture(params=["csv", "sqlite", "postgresql", "memory", "mongodb"])
def io_manager(request: pytest.FixtureRequest, tmp_path: Path) -> ConnectorIOManager:
    match request.param:
        case "csv":
            return CsvIOManager(folder=str(tmp_path / "files"), types="infer")
        case "sqlite":
            return JdbcIOManager(connection_string=f"jdbc:sqlite:{tmp_path}/out.db")
        case "postgresql":
            database: PostgresDatabase = request.getfixturevalue("postgres")
            with database.connect() as connection:
                connection.execute("create schema shop")
            return JdbcIOManager(connection_string=database.url)
        case "memory":
            return MemoryIOManager()
    url, name = request.getfixturevalue("mongodb_url"), request.getfixturevalue("mongodb_database")
    return MongoIOManager(connection_string=url, database=name)


@dg.asset(key_prefix="shop")
def as_frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS).convert_dtypes(dtype_backend="pyarrow")


@dg.asset(key_prefix="shop")
def as_table(as_frame: pd.DataFrame) -> pa.Table:
    assert as_frame["n"].isna().tolist() == [False, False, True]
    return pa.Table.from_pandas(as_frame, preserve_index=False).replace_schema_metadata(None)


@dg.asset(key_prefix="shop")
def as_relation(as_table: pa.Table) -> Relation:
    assert as_table.column("n").to_pylist() == [1, 2, None]
    return Relation.of(as_table)


@dg.asset(key_prefix="shop")
def end(as_relation: Relation) -> None:
    with as_relation.open() as rows:
        assert rows.read_all().select(["n", "word"]).to_pydict() == ROWS


def test_assets_pass_frames_tables_and_relations_and_a_new_run_replaces(
    io_manager: ConnectorIOManager, instance: dg.DagsterInstance
) -> None:
    assets = [as_frame, as_table, as_relation, end]
    for _ in range(2):
        result = dg.materialize(assets, instance=instance, resources={"io_manager": io_manager})
        assert result.success
    (told,) = result.asset_materializations_for_node("shop__as_frame")
    assert told.metadata["dagster/row_count"].value == 3


def test_one_asset_is_materialised_from_what_an_earlier_run_stored(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    resources = {"io_manager": JdbcIOManager(connection_string=f"jdbc:sqlite:{tmp_path}/out.db")}
    dg.materialize([as_frame], instance=instance, resources=resources)
    assert dg.materialize([as_frame, as_table], instance=instance, resources=resources, selection=[as_table]).success


def test_an_output_says_its_own_options_by_metadata(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    @dg.asset(metadata={"delimiter": ";", "owner": "nobody"})
    def semicolons() -> pa.Table:
        return pa.table(ROWS)

    dg.materialize([semicolons], instance=instance, resources={"io_manager": CsvIOManager(folder=str(tmp_path))})
    assert (tmp_path / "semicolons.csv").read_text() == 'n;word\n1;one\n2;""\n;\n'


def test_ops_hand_tables_on(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    seen = []

    @dg.op(out=dg.Out(io_manager_key="csv"))
    def give() -> pa.Table:
        return pa.table(ROWS)

    @dg.op
    def take(rows: pa.Table) -> None:
        seen.append(rows.num_rows)

    @dg.job(resource_defs={"csv": CsvIOManager(folder=str(tmp_path))})
    def hand_on() -> None:
        take(give())

    assert hand_on.execute_in_process(instance=instance).success
    assert seen == [3]


def test_what_cannot_be_stored_is_refused_by_name(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    @dg.asset
    def number() -> int:
        return 42

    result = dg.materialize(
        [number], instance=instance, resources={"io_manager": CsvIOManager(folder=str(tmp_path))}, raise_on_error=False
    )
    (failure,) = result.filter_events(lambda event: event.is_step_failure)
    assert "cannot store a int; give a pandas.DataFrame" in str(failure.step_failure_data)


def test_a_servers_refusal_names_the_trouble_and_no_secret(
    postgres: PostgresDatabase, instance: dg.DagsterInstance
) -> None:
    url = f"postgresql://careful:wrong-canary@127.0.0.1:{postgres.server.port}/{postgres.name}"
    result = dg.materialize(
        [as_frame],
        instance=instance,
        resources={"io_manager": JdbcIOManager(connection_string=url)},
        raise_on_error=False,
    )
    (failure,) = result.filter_events(lambda event: event.is_step_failure)
    assert "password authentication failed" in str(failure.step_failure_data)
    assert "wrong-canary" not in str(failure.step_failure_data)


def test_what_may_pass_is_left_to_the_retry_policy_of_the_users_own_op(instance: dg.DagsterInstance) -> None:
    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
    def numbers() -> pa.Table:
        return pa.table(ROWS)

    nobody = JdbcIOManager(connection_string=f"postgresql://me@127.0.0.1:{free_port()}/db")
    result = dg.materialize([numbers], instance=instance, resources={"io_manager": nobody}, raise_on_error=False)
    assert len(result.filter_events(lambda event: event.is_step_up_for_retry)) == 1
    assert not result.success
