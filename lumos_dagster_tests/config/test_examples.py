"""The examples that the project was asked to run are read as written, with the components that it has."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from lumos_dagster.catalog import Catalog
from lumos_dagster.config import json_schema, load_job
from lumos_dagster.config.model import Entry, JobFile, Pipeline, Retry
from lumos_dagster.config.yaml_text import read_yaml
from lumos_dagster_tests.config.parts import EXAMPLES, entry


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_read_without_a_warning_and_fits_the_schema(path: Path, catalog: Catalog) -> None:
    job = load_job(path, catalog)

    assert job.warnings == ()
    assert list(Draft202012Validator(json_schema(catalog)).iter_errors(dict(read_yaml(job.text).data))) == []


def test_csv_to_postgres(catalog: Catalog) -> None:
    job = load_job(EXAMPLES / "csv_to_postgres.yaml", catalog)

    assert (job.name, job.title) == ("csv_to_postgres", "CSV到PostgreSQL迁移")
    assert _edges(job) == {
        "extract_users": (), "transform_users": ("extract_users",), "load_to_postgres": ("transform_users",),
    }  # fmt: skip
    assert (job.failure_policy, job.retry) == ("fail", Retry(3, 60))
    load = entry(job, "load_to_postgres")
    assert {key: load.options[key] for key in ("load_mode", "key_column", "batch_size", "create_table")} == {
        "load_mode": "upsert", "key_column": "id", "batch_size": 500, "create_table": True,
    }  # fmt: skip
    assert load.options["table_schema"].startswith("CREATE TABLE IF NOT EXISTS users (\n  id INTEGER")


def test_csv_to_mongodb(catalog: Catalog) -> None:
    job = load_job(EXAMPLES / "csv_to_mongodb.yaml", catalog)

    assert list(_edges(job)) == ["extract_from_csv", "transform_data", "load_to_mongodb"]
    assert entry(job, "load_to_mongodb").options["mode"] == "upsert"


def test_chain(catalog: Catalog) -> None:
    job = load_job(EXAMPLES / "chain_to_mongodb.yaml", catalog)

    assert _edges(job) == {
        "csv-extract": (), "transform-data": ("csv-extract",), "load-to-mongodb": ("transform-data",),
    }  # fmt: skip


def test_memory(catalog: Catalog) -> None:
    job = load_job(EXAMPLES / "memory.yaml", catalog)

    assert entry(job, "load_to_memory").options == {"key": "products", "mode": "replace"}


def test_pipeline(catalog: Catalog) -> None:
    orders, refunds = load_job(EXAMPLES / "pipeline.yaml", catalog).entries

    assert isinstance(orders, Pipeline)
    assert [stage.type for stage in orders.stages] == ["csv", "filter", "map", "memory"]
    assert {(stage.timeout, stage.retry) for stage in orders.stages} == {(3600, Retry(3, 60, 2.0, 300))}
    assert refunds.parents == ("orders",)


def _edges(job: JobFile) -> dict[str, tuple[str, ...]]:
    return {one.name: one.parents for one in job.entries if isinstance(one, Entry)}
