"""The three shapes become one model."""

from textwrap import dedent

import pytest

from lumos_dagster.config.model import Entry, Pipeline, Retry, Schedule
from lumos_dagster.errors import Problem
from lumos_dagster_tests.config.parts import Edit, Print, Read, Write, entry, parse

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


def job(jobs: str, rest: str = "") -> str:
    return "version: 1\nname: Orders\n" + dedent(jobs) + dedent(rest)


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
        dag:
          dependencies: {print: [a]}
        jobs:
          a: {type: extractor, extractor_type: csv, options: {file_path: a}}
          b: {type: extractor, extractor_type: csv, options: {file_path: b}, next: print}
          print: {type: loader, loader_type: console, depends_on: [d, a, c, d]}
          c: {type: extractor, extractor_type: csv, options: {file_path: c}, next: [print]}
          d: {type: extractor, extractor_type: csv, options: {file_path: d}}
        """)
    )

    assert entry(found, "print").parents == ("a", "b", "d", "c")


def test_an_edge_into_an_extractor_is_kept_as_order() -> None:
    found = parse(
        job("""\
        jobs:
          a: {type: extractor, extractor_type: csv, options: {file_path: a}}
          b: {type: extractor, extractor_type: csv, options: {file_path: b}, depends_on: a}
        """)
    )

    assert entry(found, "b").parents == ("a",)


ONE = "jobs: {a: {type: extractor, extractor_type: csv, options: {file_path: a}%s}}\n"


@pytest.mark.parametrize(
    ("dag", "own", "job_retry", "own_retry"),
    [
        ("", "", Retry(), None),
        ("dag: {max_retries: 2, retry_delay_seconds: 5}", "", Retry(2, 5), None),
        ("dag: {failure_policy: retry}", "", Retry(3), None),
        ("dag: {failure_policy: retry, max_retries: 0}", "", Retry(0), None),
        ("dag: {failure_policy: retry}", ", failure_policy: fail", Retry(3), Retry(0)),
        ("dag: {retry_delay_seconds: 5}", ", failure_policy: retry", Retry(0, 5), Retry(3, 5)),
        ("dag: {max_retries: 2, retry_delay_seconds: 5}", ", retry: {count: 1}", Retry(2, 5), Retry(1, 5)),
        ("dag: {max_retries: 2, retry_delay_seconds: 5}", ", retry: {delay: 0.5, jitter: true}", Retry(2, 5), Retry(2, 0.5, jitter=True)),
        ("dag: {max_retries: 2}", ", retry: {count: 0}", Retry(2), Retry(0)),
    ],
)  # fmt: skip
def test_the_entrys_own_retry_wins(dag: str, own: str, job_retry: Retry, own_retry: Retry | None) -> None:
    found = parse(job(ONE % own, dag))

    assert found.retry == job_retry
    assert entry(found, "a").retry == own_retry


@pytest.mark.parametrize(
    ("written", "meant"), [("null", "null"), ("reject", "reject"), ("", "null"), ("skip", "skip"), ("'null'", "null")]
)
def test_on_error_null_is_the_word(written: str, meant: str) -> None:
    text = ONE % f", on_error: {written}"
    found = parse(job(text, f"dag:\n  on_error: {written}\n"))

    assert found.on_error == meant
    assert entry(found, "a").on_error == meant


@pytest.mark.parametrize(
    ("written", "meant"), [("0", "0"), ("'7'", "7"), ("1%", "1%"), ("0.5%", "0.5%"), ("100%", "100%")]
)
def test_max_rejects_is_a_count_or_a_share(written: str, meant: str) -> None:
    found = parse(job(ONE % f", max_rejects: {written}", f"dag: {{max_rejects: {written}}}"))

    assert found.max_rejects == meant
    assert entry(found, "a").max_rejects == meant


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


@pytest.mark.parametrize(
    ("rest", "key"),
    [
        ("plugins: [http]", "plugins"),
        ("plugins: {http: {net: [example.com]}}", "plugins"),
        ("wasm_plugins: {enabled: true, plugins_dir: p, auto_load: true}", "wasm_plugins"),
        ("sensors: [{type: file, path: 'in/*.csv', min_age_seconds: 5}]", "sensors"),
        ("sensors: [{type: job, after: other, on: failure}]", "sensors"),
        ("sensors: [{type: sql, connection_string: '${DB}', query: select 1}]", "sensors"),
        ("partitions: {type: daily, start: 2026-01-01}", "partitions"),
        ("as_assets: true", "as_assets"),
    ],
)
def test_what_comes_later_is_accepted_with_a_warning(rest: str, key: str) -> None:
    (warning,) = parse(job(ONE % "", rest)).warnings

    assert isinstance(warning, Problem)
    assert (warning.path, warning.line, warning.file) == (key, 4, "jobs/orders.yaml")
    assert "in this version" in warning.message


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
