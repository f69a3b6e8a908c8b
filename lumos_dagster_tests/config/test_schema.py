"""The JSON Schema takes what the reader takes, and refuses what it refuses."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from lumos_dagster.config import json_schema
from lumos_dagster.config.yaml_text import read_yaml
from lumos_dagster_tests.config.parts import CATALOG, mistakes, parse
from lumos_dagster_tests.config.test_shapes import CHAIN, MAP, PIPELINE

HEAD = "version: 1\nname: Orders\n"
READ = "a: {type: extractor, extractor_type: csv, options: {file_path: a}}"
ONE = f"{HEAD}jobs:\n  {READ}\n"
LOAD = "type: loader, loader_type: jdbc, depends_on: a"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema(CATALOG)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(json.loads(json.dumps(schema)))


def wrong(validator: Draft202012Validator, text: str) -> str:
    error = best_match(validator.iter_errors(dict(read_yaml(text).data)))
    return "" if error is None else f"{error.json_path}: {error.message}"


@pytest.mark.parametrize(
    "text",
    [
        MAP,
        CHAIN,
        PIPELINE,
        ONE,
        ONE
        + "dag:\ntags:\ndescription:\nvars: {x: [1, {y: 2}]}\nschedule: {cron: '@daily', timezone: UTC, status: running}",
        ONE
        + "  b: {type: loader, extractor_type: console, depends_on: a, retry: {count: 1}, on_error: null, max_rejects: 1%}",
        ONE
        + f"  b: {{{LOAD}, options: {{connection_string: '${{DB}}', batch_size: '${{SIZE}}', mode: '${{MODE:-insert}}'}}}}",
        ONE
        + "  b: {type: transformer, transformer_type: basic, depends_on: a, options: {operations: '${vars.ops}'}}\nvars: {ops: []}",
        ONE.replace("file_path: a", "file_path: [a, '$TODAY'], has_header: $RUN_ID"),
        ONE.replace("file_path: a", "file_path: a, on_error: null, max_rejects: 5"),
        ONE + "sensors: [{type: job, after: x, on: success}]\npartitions: {type: static, keys: [a]}\nplugins: []",
        ONE.replace("version: 1", "version: '1.0'").replace("Orders", "订单"),
    ],
)
def test_a_good_file_passes_both(validator: Draft202012Validator, text: str) -> None:
    parse(text)

    assert wrong(validator, text) == ""


@pytest.mark.parametrize(
    "text",
    [
        ONE + "excecution: staged",
        ONE + "execution: ${MODE}",
        ONE.replace("version: 1", "version: 2"),
        ONE.replace("Orders", "' '"),
        "name: x\nversion: 1",
        f"{HEAD}jobs: {{}}",
        f"{HEAD}jobs: []",
        f"{HEAD}jobs: text",
        ONE.replace("a: {type", "a.b: {type"),
        ONE.replace("type: extractor, ", ""),
        ONE.replace("extractor_type: csv", "extractor_type: cvs"),
        ONE.replace("extractor_type: csv, ", ""),
        ONE.replace("extractor_type: csv", "loader_type: console"),
        ONE.replace("file_path: a", "file_path: a, has_header: 7"),
        ONE.replace("file_path: a", "file_path: a, limit: 7"),
        ONE.replace("file_path: a", "file_path: a, on_error: drop"),
        ONE.replace(", options: {file_path: a}", ""),
        ONE.replace("file_path: a", ""),
        ONE + f"  b: {{{LOAD}, options: {{connection_string: x, load_mode: upsrt}}}}",
        ONE + f"  b: {{{LOAD}, options: {{connection_string: x, batch_size: 0}}}}",
        ONE + f"  b: {{{LOAD}, options: {{connection_string: x, load_mode: insert, mode: upsert}}}}",
        ONE + f"  b: {{{LOAD}, extractor_type: csv, options: {{connection_string: x}}}}",
        ONE
        + "  b: {type: transformer, transformer_type: json, depends_on: a, options: {transforms: [{operation: upper}]}}",
        ONE + "  b: {type: transformer, transformer_type: json, depends_on: a, "
        "options: {transforms: [{operation: upper, field: [x], fields: [y]}]}}",
        ONE + "  b: {type: loader, loader_type: console, depends_on: a, timeout: 0}",
        ONE + "  b: {type: loader, loader_type: console, depends_on: a, retry: {count: -1}}",
        ONE + "dag: {max_retry: 1}",
        ONE + "schedule: {timezone: UTC}",
        f"{HEAD}jobs: [{{type: extractor, extractor_type: csv, options: {{file_path: a}}}}]",
        f"{HEAD}jobs: [{{{READ[4:-1]}, name: a b}}]",
        PIPELINE.replace("id: second", "id: sec ond"),
        PIPELINE.replace("extractor_type: csv", "extractor_type: console"),
        PIPELINE.replace("loader: {loader_type: console}", "loader: {}"),
        PIPELINE.replace("      loader: {loader_type: console}\n", ""),
        PIPELINE.replace("transformer_type: json", "transformer_type: json, type: transformer"),
        PIPELINE.replace("options: {}", "options: {limits: 5}"),
    ],
)
def test_a_broken_file_passes_neither(validator: Draft202012Validator, text: str) -> None:
    assert mistakes(text)
    assert wrong(validator, text) != ""


def test_what_an_option_means_stands_in_the_schema() -> None:
    definitions: dict[str, Any] = json_schema(CATALOG)["$defs"]

    options = definitions["Write"]["properties"]
    assert definitions["Write"]["description"] == "Writes a table."
    assert options["table_name"]["description"] == "Which table."
    assert options["mode"] == options["load_mode"]
    assert options["load_mode"]["default"] == "insert"
    assert definitions["RetryText"]["properties"]["count"]["description"].startswith("Extra attempts")
