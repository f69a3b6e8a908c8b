"""What the catalogue shows of jobs: assets that meet, lineage down to columns, what each load told, checks."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lumos_dagster.orchestration.location import build_definitions

CLEAN = """
version: 1
name: Cleans orders
owners: [data@example.com]
schedule: {{cron: "0 2 * * *", timezone: Asia/Shanghai, status: running}}
jobs:
  read: {{type: extractor, extractor_type: csv, options: {{file_path: "{folder}/orders.csv"}}}}
  clean:
    type: transformer
    transformer_type: json
    on_error: {on_error}
    options:
      transforms:
        - {{operation: validate, field: amount, rule: not_null}}
        - {{operation: rename, from: id, to: order_id}}
        - {{operation: merge_fields, fields: [first, last], to: customer, separator: " "}}
        - {{operation: add_field, field: source, value: "${{SHOP_TOKEN}}"}}
        - {{operation: mask, field: card}}
        - {{operation: remove_field, fields: [first, last]}}
  load:
    type: loader
    loader_type: jdbc
    options: {{connection_string: "jdbc:sqlite:{folder}/shop.db", table_name: orders, load_mode: replace, columns: {{amount: total}}}}
dag: {{dependencies: {{clean: [read], load: [clean]}}}}
"""
EXPORT = """
version: 1
name: Exports orders
jobs:
  read: {{type: extractor, extractor_type: jdbc, options: {{connection_string: "sqlite:///{folder}/shop.db", query: "select o.* from orders o"}}}}
  load: {{type: loader, loader_type: csv, options: {{file_path: "{folder}/export.csv"}}}}
dag: {{dependencies: {{load: [read]}}}}
"""
ROWS = "id,first,last,card,amount\n1,Ada,Lovelace,4111111111111111,5\n2,Alan,Turing,4222222222222222,\n"

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `owners`")  # execute_in_process builds the job once more


@pytest.fixture(autouse=True)
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_TOKEN", "token-of-the-shop")
    (tmp_path / "orders.csv").write_text(ROWS)
    folder = tmp_path / "jobs"
    folder.mkdir()
    (folder / "clean.yaml").write_text(CLEAN.format(folder=tmp_path, on_error="reject"))
    (folder / "export.yaml").write_text(EXPORT.format(folder=tmp_path))
    return folder


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def deps(spec: dg.AssetSpec) -> set[str]:
    return {dep.asset_key.to_user_string() for dep in spec.deps}


def run(definitions: dg.Definitions, job: str, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return definitions.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = [event for event in result.all_events if event.is_step_materialization]
    return dict(event.step_materialization_data.materialization.metadata)


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    found = [event for event in result.all_events if event.event_type_value == "ASSET_CHECK_EVALUATION"]
    return {event.asset_check_evaluation_data.check_name: event.asset_check_evaluation_data for event in found}


def test_two_jobs_meet_in_one_table_and_lineage_runs_from_file_to_file(jobs: Path) -> None:
    found = specs(build_definitions(jobs))
    assert set(found) == {"csv/orders.csv", "sqlite/shop.db/orders", "csv/export.csv"}
    assert deps(found["sqlite/shop.db/orders"]) == {"csv/orders.csv"}
    assert deps(found["csv/export.csv"]) == {"sqlite/shop.db/orders"}
    table = found["sqlite/shop.db/orders"]
    assert (table.kinds, list(table.owners), table.group_name) == ({"sqlite"}, ["data@example.com"], "clean")
    assert table.description == "Loaded by clean.load. Read by export.read."
    assert found["csv/orders.csv"].group_name == "sources"


def test_a_running_schedule_says_how_fresh_the_asset_must_be(jobs: Path) -> None:
    policy = specs(build_definitions(jobs))["sqlite/shop.db/orders"].freshness_policy
    assert policy == dg.FreshnessPolicy.cron("0 2 * * *", timedelta(days=1), "Asia/Shanghai")


@pytest.mark.parametrize(
    "cron",
    ["* * * * *", "*/7 * * * *", "@daily", "@hourly", "0 0 29 2 *", "0 9 * * 1-5", "0 0 1,15 * *", "30 2 31 * *"],
)
def test_every_cron_gives_a_policy(jobs: Path, cron: str) -> None:
    text = (jobs / "clean.yaml").read_text().replace("0 2 * * *", cron)
    (jobs / "clean.yaml").write_text(text)
    assert specs(build_definitions(jobs))["sqlite/shop.db/orders"].freshness_policy


@pytest.mark.parametrize("execution", ["staged", "streaming"])
def test_a_load_tells_columns_lineage_rows_and_a_sample_without_what_is_masked(
    jobs: Path, instance: dg.DagsterInstance, execution: str
) -> None:
    (jobs / "clean.yaml").write_text(f"execution: {execution}\n" + (jobs / "clean.yaml").read_text())
    result = run(build_definitions(jobs), "clean", instance)
    assert result.success
    metadata = told(result)
    columns = [column.name for column in metadata["dagster/column_schema"].value.columns]
    assert columns == ["order_id", "card", "total", "customer", "source"]
    lineage = metadata["dagster/column_lineage"].value.deps_by_column
    read = {
        name: [(dep.asset_key.to_user_string(), dep.column_name) for dep in found] for name, found in lineage.items()
    }
    assert read == {
        "order_id": [("csv/orders.csv", "id")],
        "card": [("csv/orders.csv", "card")],
        "total": [("csv/orders.csv", "amount")],
        "customer": [("csv/orders.csv", "first"), ("csv/orders.csv", "last")],
    }
    assert metadata["dagster/row_count"].value == 1
    sample = metadata["sample"].value
    assert sample == "| order_id | total | customer | source |\n|---|---|---|---|\n| 1 | 5 | Ada Lovelace | ******** |"
    if execution == "streaming":
        assert metadata["rejected"].value == 1
        assert metadata["rejects"].value == f"lumos rejects show {result.run_id} --op clean"


@pytest.mark.parametrize("execution", ["staged", "streaming"])
def test_rules_and_the_balance_are_checks_of_what_is_loaded(
    jobs: Path, instance: dg.DagsterInstance, execution: str
) -> None:
    (jobs / "clean.yaml").write_text(f"execution: {execution}\n" + (jobs / "clean.yaml").read_text())
    definitions = build_definitions(jobs)
    declared = {
        (spec.asset_key.to_user_string(), spec.name)
        for check in definitions.assets or ()
        if isinstance(check, dg.AssetChecksDefinition)
        for spec in check.check_specs
    }
    assert declared == {
        ("sqlite/shop.db/orders", "clean_amount_not_null"),
        ("sqlite/shop.db/orders", "rows_balance"),
        ("csv/export.csv", "rows_balance"),
    }
    found = evaluations(run(definitions, "clean", instance))
    rule = found["clean_amount_not_null"]
    assert (rule.passed, rule.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert {name: value.value for name, value in rule.metadata.items()} == {"rows": 2, "broken": 1}
    assert found["rows_balance"].passed


def test_a_rule_that_ends_the_run_is_a_check_that_failed(
    jobs: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    text = CLEAN.format(folder=tmp_path, on_error="reject")
    (jobs / "clean.yaml").write_text(text.replace("rule: not_null", "rule: not_null, on_error: fail"))
    result = run(build_definitions(jobs), "clean", instance)
    assert not result.success
    records = instance.get_records_for_run(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    events = [record.event_log_entry.dagster_event for record in records]
    found = {
        event.asset_check_evaluation_data.check_name: event.asset_check_evaluation_data for event in events if event
    }
    assert set(found) == {"clean_amount_not_null"}
    assert (found["clean_amount_not_null"].passed, found["clean_amount_not_null"].severity) == (
        False,
        dg.AssetCheckSeverity.ERROR,
    )


def test_another_table_at_launch_is_another_asset(jobs: Path, instance: dg.DagsterInstance) -> None:
    job = build_definitions(jobs).resolve_job_def("clean")
    config = {"ops": {"load": {"config": {"table_name": "trial"}}}}
    result = job.execute_in_process(instance=instance, run_config=config)
    (event,) = [event for event in result.all_events if event.is_step_materialization]
    assert event.asset_key == dg.AssetKey(["sqlite", "shop.db", "trial"])


def test_jobs_that_read_what_each_other_write_still_load(jobs: Path, tmp_path: Path) -> None:
    (jobs / "back.yaml").write_text(EXPORT.format(folder=tmp_path).replace("export.csv", "orders.csv"))
    definitions = build_definitions(jobs)
    dg.Definitions.validate_loadable(definitions)
    assert len(specs(definitions)) == 3


@pytest.mark.parametrize(
    ("component", "options", "key"),
    [
        ("jdbc", {"connection_string": "jdbc:postgresql://ann:s3cret@db:5432/shop", "table_name": "orders"}, "postgresql/db/shop/public/orders"),
        ("jdbc", {"connection_string": "postgresql+psycopg2://db:6000/shop?password=s3cret", "table_name": "x.orders"}, "postgresql/db_6000/shop/x/orders"),
        ("jdbc", {"connection_string": "jdbc:mysql://ann:s3cret@db/shop", "table_name": "orders"}, "mysql/db/shop/orders"),
        ("jdbc", {"connection_string": "${SHOP_DB}", "table_name": "orders"}, "jdbc/SHOP_DB/orders"),
        ("jdbc", {"connection_string": "jdbc:postgresql://ann:s3cret@${HOST}:${PORT}/shop", "table_name": "orders"}, "jdbc/orders"),
        ("mongodb", {"connection_string": "mongodb://ann:s3cret@db:27017/x", "database": "shop", "collection": "orders"}, "mongodb/db/shop/orders"),
        ("csv", {"file_path": "./out/../a b.csv"}, "csv/a_b.csv"),
        ("csv", {"file_path": "s3://key:s3cret@bucket/a.csv?sig=s3cret"}, "csv/s3/bucket/a.csv"),
        ("csv", {"file_path": "${vars.where}/${partition}.csv"}, "csv/out/partition.csv"),
        ("memory", {"key": "k", "persist": True}, "memory/k"),
        ("memory", {"key": "k"}, "one/memory/k"),
        ("console", {}, "one/load"),
    ],
)  # fmt: skip
def test_keys(component: str, options: dict[str, Any], key: str) -> None:
    from lumos_dagster.catalog import LOADERS
    from lumos_dagster.config.model import Entry, JobFile
    from lumos_dagster.orchestration.assets.keys import asset_key

    entry = Entry("load", "loader", component, LOADERS[component], options)
    job = JobFile("one.yaml", "one", "One", (entry,), vars={"where": "out"})
    assert asset_key(job, "load", entry).to_user_string() == key


def test_a_key_of_ones_own(jobs: Path) -> None:
    text = (jobs / "export.yaml").read_text().replace("loader_type: csv", "loader_type: csv, asset: shop/exported")
    (jobs / "export.yaml").write_text(text)
    assert "shop/exported" in specs(build_definitions(jobs))


def test_names_in_any_script_are_keys_and_checks(jobs: Path, instance: dg.DagsterInstance) -> None:
    text = (jobs / "clean.yaml").read_text().replace("table_name: orders", "table_name: 订单 表")
    (jobs / "clean.yaml").write_text(text.replace("amount", "金额"))
    (jobs.parent / "orders.csv").write_text(ROWS.replace("amount", "金额"), encoding="utf-8")
    definitions = build_definitions(jobs)
    dg.Definitions.validate_loadable(definitions)
    assert "sqlite/shop.db/订单_表" in specs(definitions)
    assert set(evaluations(run(definitions, "clean", instance))) == {"rows_balance", "clean_金额_not_null"}


MEETING = """
version: 1
name: Meeting
jobs:
  orders: {{type: extractor, extractor_type: csv, options: {{file_path: "{folder}/orders.csv"}}}}
  people: {{type: extractor, extractor_type: memory, options: {{records: [{{id: "1", town: Rome, pin: "1234"}}]}}}}
  hidden: {{type: transformer, transformer_type: json, options: {{transforms: [{{operation: mask, field: pin}}]}}}}
  both: {{type: transformer, transformer_type: join, options: {{on: id, how: left}}}}
  sums: {{type: transformer, transformer_type: aggregate, options: {{group_by: town, aggregations: {{n: count, last_pin: last(pin), first_name: first(first)}}}}}}
  sort: {{type: transformer, transformer_type: sort, options: {{by: town}}}}
  load: {{type: loader, loader_type: csv, options: {{file_path: "{folder}/sums.csv"}}}}
dag: {{dependencies: {{hidden: [people], both: [orders, hidden], sums: [both], sort: [sums], load: [sort]}}}}
"""


@pytest.mark.parametrize("mode", ["staged", "streaming"])
def test_columns_go_back_through_joins_and_groups_and_what_was_masked_stays_hidden(
    mode: str, jobs: Path, tmp_path: Path
) -> None:
    (jobs / "meeting.yaml").write_text(MEETING.format(folder=tmp_path))
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        result = (
            build_definitions(jobs)
            .resolve_job_def("meeting")
            .execute_in_process(instance=instance, run_config={"resources": {"lumos": {"config": {"execution": mode}}}})
        )
    (event,) = result.get_asset_materialization_events()
    lineage = event.materialization.metadata["dagster/column_lineage"].value.deps_by_column
    assert {name: [(dep.asset_key.path[-1], dep.column_name) for dep in deps] for name, deps in lineage.items()} == {
        "town": [("people", "town")], "last_pin": [("people", "pin")], "first_name": [("orders.csv", "first")],
    }  # fmt: skip
    sample = str(event.materialization.metadata["sample"].value)
    assert "Rome" in sample
    assert "last_pin" not in sample
