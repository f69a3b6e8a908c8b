"""A table that is read inside a query and written by the same job in one pass."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lumos_dagster.connectors.jdbc import JdbcExtractor, JdbcLoader
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.orchestration.parts import entry, job, run_job


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"load_mode": "replace"}, 3),
        ({"load_mode": "replace", "table_schema": "create table t (id bigint)"}, 3),
        ({"pre_sql": "alter table t add column more text", "pre_sql_commits": True}, 6),
    ],
)
def test_reading_and_writing_do_not_wait_for_each_other(
    place: Place, instance: dg.DagsterInstance, options: dict[str, Any], count: int
) -> None:
    place.load([{"id": number} for number in range(3)], create_table=True)
    # Where they did wait, the load would fail instead of waiting for ever.
    url = place.url + ("?options=-c%20lock_timeout%3D5000" if place.name == "postgresql" else "")
    chain = (
        entry("extract", "extractor", JdbcExtractor, options={"connection_string": url, "query": "select id from t"}),
        entry(
            "load", "loader", JdbcLoader, ["extract"], options={"connection_string": url, "table_name": "t", **options}
        ),
    )
    ran = run_job(job(*chain, execution="streaming"), instance)

    assert ran.failures == {}
    assert place.sql("select count(*) from t") == [(count,)]
