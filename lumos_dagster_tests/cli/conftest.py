"""A project folder, and the `lumos` command run in it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lumos_dagster.cli import main

Lumos = Callable[..., Result]

JOB = """
version: 1
name: Numbers to SQLite
vars:
  table: numbers
jobs:
  read:
    type: extractor
    extractor_type: csv
    options:
      file_path: numbers.csv
  keep:
    type: transformer
    transformer_type: json
    options:
      transforms:
        - {operation: convert_field, field: n, type: int, on_error: fail}
        - {operation: filter_field, field: n, operator: ">", value: 1}
  load:
    type: loader
    loader_type: jdbc
    options:
      connection_string: jdbc:sqlite:out.db
      table_name: ${vars.table}
      create_table: true
dag:
  dependencies:
    keep: [read]
    load: [keep]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one job, its data, and a Dagster home of its own."""
    (tmp_path / "yaml_jobs").mkdir()
    (tmp_path / "yaml_jobs" / "numbers.yaml").write_text(JOB)
    (tmp_path / "numbers.csv").write_text("n,word\n1,one\n2,two\n3,three\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LUMOS_JOBS_DIR", raising=False)
    return tmp_path


@pytest.fixture
def lumos(project: Path) -> Lumos:
    """Run the command in the project; what it prints is in `.stdout` and `.stderr`."""

    def run(*arguments: str) -> Result:
        assert Path.cwd() == project
        before = dict(os.environ)
        try:
            return CliRunner().invoke(main, list(arguments))
        finally:
            os.environ.clear()
            os.environ.update(before)

    return run
