"""The three shapes become one model."""

from lumos_dagster.config.model import Entry, Pipeline, Retry, Schedule
from lumos_dagster_tests.config.parts import ONE, Edit, Print, Read, Write, entry, job, parse

MAP = """\
version: '1.0'
name: Orders
description: From a file to a table
vars: {day: "$TODAY"}
jobs:
  extract:
    type: extractor
    extractor_type: csv
    options:
      file_path: in-${vars.day}.csv
  edit:
    type: transformer
    transformer_type: json
    options:
      operations: [{operation: upper, field: [name]}]
  load:
    type: loader
    loader_type: jdbc
    options: {connection_string: "${DB_URL}", table_name: orders, mode: upsert, batch_size: "${SIZE:-10}"}
dag:
  dependencies:
    edit: [extract]
    load: edit
"""
CHAIN = """\
version: 1
name: Orders
jobs:
  - name: csv-extract
    type: extractor
    extractor_type: csv
    options: {file_path: in.csv}
    next: edit
  - name: edit
    type: transformer
    transformer_type: basic
    next: [print, print-again]
  - {name: print, type: loader, loader_type: console, options: }
  - {id: print-again, name: "再次打印", type: loader, loader_type: console}
"""
PIPELINE = """\
version: 1.0
name: Orders
jobs:
  - id: first
    name: 第一
    timeout: 3600
    retry: {count: 3, delay: 60, backoff_factor: 2.0, max_delay: 300}
    failure_policy: continue
    on_error: reject
    max_rejects: 1%
    pool: files
    asset: shop/orders
    pipeline:
      id: anything
      extractor: {extractor_type: csv, options: {file_path: in.csv}}
      transformers:
        - {transformer_type: json}
        - {transformer_type: basic, options: }
      loader: {loader_type: console, options: {}}
  - id: second
    enabled: false
    pipeline:
      extractor: {extractor_type: csv, options: {file_path: in.csv}}
      loader: {loader_type: console}
  - {id: after, type: loader, loader_type: console, depends_on: first}
dag:
  dependencies:
    first: []
    second: [first]
"""


def test_the_map_shape() -> None:
    found = parse(MAP)

    assert (found.name, found.title, found.description) == ("orders", "Orders", "From a file to a table")
    assert found.path == "jobs/orders.yaml"
    assert found.text == MAP
    assert found.entries == (
        Entry("extract", "extractor", "csv", Read, {"file_path": "in-${vars.day}.csv"}),
        Entry("edit", "transformer", "json", Edit, {"transforms": [{"operation": "upper", "field": ["name"]}]}, ("extract",)),
        Entry(
            "load", "loader", "jdbc", Write,
            {"connection_string": "${DB_URL}", "table_name": "orders", "load_mode": "upsert", "batch_size": "${SIZE:-10}"},
            ("edit",),
        ),
    )  # fmt: skip
    assert found.warnings == ()


def test_the_chain_shape() -> None:
    found = parse(CHAIN)

    assert [(one.name, one.parents) for one in found.entries] == [
        ("csv-extract", ()), ("edit", ("csv-extract",)), ("print", ("edit",)), ("print-again", ("edit",)),
    ]  # fmt: skip
    assert entry(found, "print-again").description == "再次打印"


def test_the_pipeline_shape() -> None:
    first, second, after = parse(PIPELINE).entries

    assert isinstance(first, Pipeline)
    assert [(one.name, one.kind, one.type, one.parents) for one in first.stages] == [
        ("extract", "extractor", "csv", ()),
        ("transform_1", "transformer", "json", ("extract",)),
        ("transform_2", "transformer", "basic", ("transform_1",)),
        ("load", "loader", "console", ("transform_2",)),
    ]
    assert first.description == "第一"
    for stage in first.stages:
        assert (stage.timeout, stage.failure_policy, stage.pool) == (3600, "continue", "files")
        assert (stage.on_error, stage.max_rejects) == ("reject", "1%")
        assert stage.retry == Retry(3, 60, 2.0, 300)
    assert [stage.asset for stage in first.stages] == [None, None, None, "shop/orders"]
    assert isinstance(second, Pipeline)
    assert (second.parents, second.enabled, len(second.stages)) == (("first",), False, 2)
    assert (after.name, after.parents) == ("after", ("first",))


def test_edges_from_all_sides_are_united_in_the_order_of_the_file() -> None:
    found = parse(
        job("""\
        jobs:
          a: {type: extractor, extractor_type: csv, options: {file_path: a}}
          b: {type: extractor, extractor_type: csv, options: {file_path: b}, next: print}
          print: {type: loader, loader_type: console, depends_on: [d, c, d]}
          c: {type: extractor, extractor_type: csv, options: {file_path: c}, next: [print]}
          d: {type: extractor, extractor_type: csv, options: {file_path: d}}
        dag:
          dependencies: {print: [a, b]}
        """)
    )

    assert entry(found, "print").parents == ("b", "d", "c", "a")


def test_an_edge_into_an_extractor_is_kept_as_order() -> None:
    found = parse(
        job("""\
        jobs:
          a: {type: extractor, extractor_type: csv, options: {file_path: a}}
          b: {type: extractor, extractor_type: csv, options: {file_path: b}, depends_on: a}
        """)
    )

    assert entry(found, "b").parents == ("a",)


def test_all_that_is_said_about_a_job() -> None:
    found = parse(
        job(
            ONE % ", description: What it does, timeout: 1.5, enabled: false, pool: p, asset: x/y",
            """\
            execution: streaming
            executor: multiprocess
            tags: {team: data, cost: 7, urgent: true}
            owners: [ops@example.com, "team:data"]
            dag: {failure_policy: continue, on_error: skip, dependencies: }
            schedule: {cron: "0 2 * * *", timezone: Asia/Shanghai, status: running}
            schedules: [{cron: "@daily"}]
            """,
        )
    )

    assert (found.execution, found.executor) == ("streaming", "multiprocess")
    assert found.tags == {"team": "data", "cost": "7", "urgent": "true"}
    assert found.owners == ("ops@example.com", "team:data")
    assert (found.failure_policy, found.on_error) == ("continue", "skip")
    assert found.schedules == (Schedule("0 2 * * *", "Asia/Shanghai", running=True), Schedule("@daily"))
    one = entry(found, "a")
    assert (one.description, one.timeout, one.enabled, one.pool, one.asset) == ("What it does", 1.5, False, "p", "x/y")


def test_a_type_under_extractor_type_is_accepted_with_a_warning() -> None:
    found = parse(
        job("""\
        jobs:
          a: {type: extractor, extractor_type: csv, options: {file_path: a}}
          b:
            type: transformer
            extractor_type: json
            depends_on: a
          c:
            type: loader
            extractor_type: console
            depends_on: b
        """)
    )

    assert [(one.type, one.component) for one in found.entries if isinstance(one, Entry)] == [
        ("csv", Read), ("json", Edit), ("console", Print),
    ]  # fmt: skip
    assert [(warning.line, warning.path, warning.hint) for warning in found.warnings] == [
        (7, "jobs.b.extractor_type", "Write transformer_type."),
        (11, "jobs.c.extractor_type", "Write loader_type."),
    ]


def test_a_job_may_be_offered_as_assets() -> None:
    assert parse(job(ONE % "", "as_assets: true")).as_assets
    assert not parse(job(ONE % "")).as_assets


def test_anchors_stand_for_what_they_name() -> None:
    found = parse(
        job("""\
        vars: {base: &base {connection_string: "${DB_URL}", batch_size: 7}}
        jobs:
          a: {type: extractor, extractor_type: csv, options: {file_path: a}}
          b: {type: loader, loader_type: jdbc, depends_on: a, options: {<<: *base, table_name: t}}
        """)
    )

    assert entry(found, "b").options == {"connection_string": "${DB_URL}", "batch_size": 7, "table_name": "t"}
