"""LumosJob in a project of somebody's own: `dg` checks it and lists what it gives; mistakes come with their place."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from lumos_dagster import build_definitions

PYPROJECT = """
[project]
name = "shop"
version = "0.1"
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "shop"
"""
DEFINITIONS = """
from pathlib import Path
from dagster import definitions, load_from_defs_folder
@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
BY_FILE = """
type: lumos_dagster.components.LumosJob
attributes:
  file: people.yaml
"""
PEOPLE = """
version: 1
name: People
schedule: {cron: "0 2 * * *"}
jobs:
  read: {type: extractor, extractor_type: csv, options: {file_path: people.csv}}
  load: {type: loader, loader_type: console}
dag: {dependencies: {load: [read]}}
"""
INLINE = """
type: lumos_dagster.components.LumosJob
attributes:
  name: arrivals
  job:
    version: 1
    name: Arrivals
    vars: {on: no}  # a text by the rules of a job file, a boolean by Dagster's
    sensors: [{type: file, path: "inbox/*.csv"}]
    jobs:
      read: {type: extractor, extractor_type: csv, options: {file_path: "${sensor.path}"}}
      load: {type: loader, loader_type: console}
    dag: {dependencies: {load: [read]}}
---
type: lumos_dagster.components.LumosJob
attributes:
  job:
    version: 1
    name: Orders
    jobs:
      read: {type: extractor, extractor_type: csv, options: {file_path: orders.csv}}
      load: {type: loader, loader_type: console}
    dag: {dependencies: {load: [read]}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": PYPROJECT,
        "src/shop/__init__.py": "",
        "src/shop/definitions.py": DEFINITIONS,
        "src/shop/defs/people/defs.yaml": BY_FILE,
        "src/shop/defs/people/people.yaml": PEOPLE,
        "src/shop/defs/orders/defs.yaml": INLINE,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def dg_command(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(project / "src"), "DG_CLI_CONFIG": str(project / "none.toml")}
    command = [Path(sys.executable).with_name("dg"), *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_dg_checks_the_yaml_and_lists_what_it_gives(project: Path) -> None:
    checked = dg_command(project, "check", "yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "All component YAML validated successfully" in checked.stdout

    listed = dg_command(project, "list", "defs", "--json")
    assert listed.returncode == 0, listed.stdout + listed.stderr
    found = json.loads(listed.stdout)
    assert {job["name"] for job in found["jobs"]} == {"people", "arrivals", "orders"}
    assert [schedule["name"] for schedule in found["schedules"]] == ["people_schedule"]
    assert [sensor["name"].split("_")[0] for sensor in found["sensors"]] == ["arrivals"]


def test_dg_names_the_place_of_a_mistake(project: Path) -> None:
    assert dg_command(project, "check", "defs", "--no-check-yaml").returncode == 0
    place = project / "src/shop/defs/orders/defs.yaml"
    place.write_text(
        INLINE.replace(
            "extractor_type: csv, options: {file_path: orders", "extractor_type: csw, options: {file_path: orders"
        )
    )

    refused = dg_command(project, "check", "defs", "--no-check-yaml")

    assert refused.returncode == 1
    line = INLINE.splitlines().index(next(text for text in INLINE.splitlines() if "orders.csv" in text)) + 1
    said = refused.stdout + refused.stderr
    assert f"defs.yaml:{line}:" in said
    assert "unknown extractor type 'csw'" in said


def test_jobs_of_a_folder_merge_into_somebody_s_own_location(project: Path) -> None:
    @dg.job
    def own() -> None: ...

    merged = dg.Definitions.merge(
        dg.Definitions(jobs=[own]), build_definitions(jobs_dir=project / "src/shop/defs/people")
    )

    assert {job.name for job in merged.resolve_all_job_defs()} >= {"own", "people"}
