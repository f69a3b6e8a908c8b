"""`lumos validate`, `list` and `schema`."""

import json
from pathlib import Path

from lumos_dagster_tests.cli.conftest import JOB, Lumos


def test_validate_shows_every_mistake_of_every_file_with_its_place(project: Path, lumos: Lumos) -> None:
    broken = JOB.replace("extractor_type: csv", "extractor_type: cvs").replace("table_name", "tabel_name")
    (project / "yaml_jobs" / "broken.yaml").write_text(broken)
    result = lumos("validate")
    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert any(
        ":5: jobs.read.extractor_type" in line and "broken.yaml:" in line and "Did you mean 'csv'?" in line
        for line in lines
    )
    assert any("jobs.load.options.tabel_name" in line and "Did you mean 'table_name'?" in line for line in lines)
    assert any("numbers.yaml: valid: job numbers, 3 ops" in line for line in lines)


def test_validate_of_good_files_ends_with_0_and_tells_it_as_json(lumos: Lumos) -> None:
    result = lumos("validate", "yaml_jobs/numbers.yaml", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"valid": ["yaml_jobs/numbers.yaml"], "problems": [], "warnings": []}


def test_list_shows_jobs_and_broken_files(project: Path, lumos: Lumos) -> None:
    (project / "yaml_jobs" / "broken.yaml").write_text("version: 1\n")
    plain = lumos("list")
    assert plain.exit_code == 0
    assert "Numbers to SQLite  (read -> keep -> load)" in plain.stdout
    assert "broken.yaml" in plain.stdout
    jobs = json.loads(lumos("list", "--json").stdout)["jobs"]
    assert [row["job"] for row in jobs] == ["numbers", None]


def test_schema_is_a_json_schema_with_every_option(lumos: Lumos) -> None:
    text = lumos("schema").stdout
    assert json.loads(text)["$schema"].startswith("https://json-schema.org/")
    for option in ("file_path", "table_name", "load_mode", "rename_field"):
        assert option in text


MEMORY = """
version: 1
name: Memory
jobs:
  - id: keep
    pipeline:
      extractor: {extractor_type: memory, options: {records: [{n: 1}]}}
      loader: {loader_type: memory, options: {key: k}}
  - id: show
    pipeline:
      extractor: {extractor_type: memory, options: {key: k}}
      loader: {loader_type: console, options: {limit: 5}}
"""


def test_a_mistake_that_only_the_plan_shows_has_its_line_too(project: Path, lumos: Lumos) -> None:
    (project / "yaml_jobs" / "memory.yaml").write_text(MEMORY)
    result = lumos("validate", "yaml_jobs/memory.yaml")
    assert result.exit_code == 2
    assert result.stdout.startswith("yaml_jobs/memory.yaml:11:7: jobs.show.extract: reads memory:k, which keep.load ")
