"""A launch may change options and variables; the result is checked as the file is."""

from collections.abc import Mapping
from typing import Any

import pytest

from lumos_dagster.config import override_job
from lumos_dagster.config.model import Entry, JobFile, Pipeline
from lumos_dagster.errors import ConfigError
from lumos_dagster_tests.config.parts import entry, parse

TEXT = """\
version: 1
name: Orders
vars: {day: 2026-01-01, table: "orders_${vars.day}"}
jobs:
  - {name: read-it, type: extractor, extractor_type: csv, options: {file_path: "in-${vars.day}.csv"}}
  - name: load
    type: loader
    loader_type: jdbc
    depends_on: read-it
    options: {connection_string: "${DB}", table_name: "${vars.table}", mode: upsert}
  - id: all
    pipeline:
      extractor: {extractor_type: csv, options: {file_path: a.csv}}
      transformers: [{transformer_type: json}]
      loader: {loader_type: console, options: {limit: 5}}
"""


@pytest.fixture
def job() -> JobFile:
    return parse(TEXT)


def test_nothing_changed_is_the_same_job(job: JobFile) -> None:
    assert override_job(job, {}, {}) is job


def test_options_take_the_place_of_the_files(job: JobFile) -> None:
    changes: Mapping[str, Mapping[str, Any]] = {
        "read-it": {"file_path": ["a.csv", "b.csv"]},
        "load": {"load_mode": "insert", "batch_size": "${SIZE}"},
        "all.load": {"limit": 7},
        "all.transform_1": {"operations": [{"operation": "upper", "field": ["x"]}]},
    }

    changed = override_job(job, changes, {})

    assert entry(changed, "read-it").options == {"file_path": ["a.csv", "b.csv"]}
    assert entry(changed, "load").options == {
        "connection_string": "${DB}", "table_name": "${vars.table}", "load_mode": "insert", "batch_size": "${SIZE}",
    }  # fmt: skip
    pipeline = changed.entries[2]
    assert isinstance(pipeline, Pipeline)
    assert [stage.options for stage in pipeline.stages] == [
        {"file_path": "a.csv"}, {"transforms": [{"operation": "upper", "field": ["x"]}]}, {"limit": 7},
    ]  # fmt: skip
    assert [stage.parents for stage in pipeline.stages] == [(), ("extract",), ("transform_1",)]
    assert entry(job, "load").options["load_mode"] == "upsert"


def test_another_spelling_takes_the_place_of_the_first(job: JobFile) -> None:
    changed = override_job(job, {"load": {"mode": "insert"}}, {})

    assert entry(changed, "load").options["load_mode"] == "insert"
    assert "mode" not in entry(changed, "load").options


def test_variables_take_the_place_of_the_files(job: JobFile) -> None:
    assert override_job(job, {}, {"day": "2026-02-02"}).vars == {"day": "2026-02-02", "table": "orders_${vars.day}"}


def test_every_mistake_of_a_launch_is_told_at_once(job: JobFile) -> None:
    changes: Mapping[str, Mapping[str, Any]] = {
        "read-it": {"file_paths": "x", "has_header": "perhaps"},
        "load": {"load_mode": "insert", "mode": "upsert", "table_name": "${vars.dya}"},
        "all.extract": {"delimiter": []},
        "lod": {},
    }

    with pytest.raises(ConfigError) as refused:
        override_job(job, changes, {"dai": 1, "day": "${vars.tabel}"})

    assert [str(problem) for problem in refused.value.problems] == [
        "jobs/orders.yaml: vars.dai: unknown variable 'dai'; allowed: day, table. Did you mean 'day'?",
        "jobs/orders.yaml: vars.day: ${vars.tabel} is not under vars: (known: day, table); did you mean ${vars.table}?",
        "jobs/orders.yaml: jobs.lod: unknown job 'lod'; allowed: read-it, load, all.extract, all.transform_1, all.load. "
        "Did you mean 'load'?",
        "jobs/orders.yaml: jobs.read-it.options.has_header: must be true or false; found 'perhaps'",
        "jobs/orders.yaml: jobs.read-it.options.file_paths: unknown key 'file_paths'; "
        "allowed: file_path, has_header, delimiter. Did you mean 'file_path'?",
        "jobs/orders.yaml: jobs.load.options.mode: 'load_mode' and 'mode' are two spellings of one option. Keep one of them.",
        "jobs/orders.yaml: jobs.load.options.table_name: ${vars.dya} is not under vars: (known: day, table); "
        "did you mean ${vars.day}?",
        "jobs/orders.yaml: jobs.all.extract.options.delimiter: must be text; found []",
    ]


def test_variables_of_a_launch_may_not_go_round_in_a_circle(job: JobFile) -> None:
    with pytest.raises(ConfigError, match="circle"):
        override_job(job, {}, {"day": "${vars.table}"})


def test_the_rest_of_the_job_stays(job: JobFile) -> None:
    changed = override_job(job, {"all.load": {"limit": 7}}, {})

    assert changed.digest == job.digest
    assert changed.entries[:2] == job.entries[:2]
    assert isinstance(changed.entries[0], Entry)
