"""Memory stays flat whatever the size of the input, in both modes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lumos_dagster_tests.servers.postgres import PostgresDatabase

LIMIT_MIB = 500
LINE = "{n},Customer number {n},{n}.25,2026-03-04,some words that make the row about a hundred bytes long {n}\n"
JOB = """
version: 1
name: Big
jobs:
  read: {{type: extractor, extractor_type: csv, options: {{file_path: big.csv}}}}
  clean:
    type: transformer
    transformer_type: json
    options:
      transforms:
        - {{operation: convert_field, field: id, type: int}}
        - {{operation: uppercase, field: name}}
  load:
    type: loader
    loader_type: jdbc
    options: {{connection_string: "{url}", table_name: big, create_table: true}}
dag: {{dependencies: {{clean: [read], load: [clean]}}}}
"""
# Not ru_maxrss: a child takes that over from the process that started it.
MEASURED = """
import pathlib, re, sys
from lumos_dagster.cli import main
try:
    main(sys.argv[1:])
finally:
    status = pathlib.Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) // 1024, file=sys.stderr)
"""


def write_csv(path: Path, mebibytes: int) -> int:
    """A CSV of about that size; gives its rows."""
    rows, chunk = 0, 100_000
    with path.open("w") as stream:
        stream.write("id,name,amount,day,words\n")
        while stream.tell() < mebibytes << 20:
            stream.write("".join(LINE.format(n=number) for number in range(rows, rows + chunk)))
            rows += chunk
    return rows


def peak_mebibytes(project: Path, mode: str, rows: int) -> int:
    """Run the job in one process and give its peak of resident memory."""
    command = [sys.executable, "-c", MEASURED, "run", "job.yaml", "--mode", mode, "--json", "--executor", "in_process"]
    environment = {**os.environ, "DAGSTER_HOME": str(project / "home")}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["stages"]["load"]["inserted"] == rows
    return int(done.stderr.split()[-1])


@pytest.mark.parametrize("mode", ["streaming", pytest.param("staged", marks=pytest.mark.slow)])
@pytest.mark.parametrize("mebibytes", [150, pytest.param(2048, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_a_big_csv_loads_in_little_memory(
    mode: str, mebibytes: int, tmp_path: Path, postgres: PostgresDatabase
) -> None:
    (tmp_path / "job.yaml").write_text(JOB.format(url=postgres.url))
    rows = write_csv(tmp_path / "big.csv", mebibytes)
    peak = peak_mebibytes(tmp_path, mode, rows)
    print(f"{mebibytes} MiB of CSV, {mode}: peak {peak} MiB")
    assert peak < LIMIT_MIB
    assert postgres.rows("select count(*), max(id) from big") == [(rows, rows - 1)]
