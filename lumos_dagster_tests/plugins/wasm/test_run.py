"""Guests in real runs of their own process: told to end, and failing while the other ops go on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime

from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.store import install
from lumos_dagster_tests.plugins.wasm.guests import core

PROJECT = Path(__file__).parents[3]
LOUD_LOOP = core(
    "(call $log (i32.const 1) (i32.const 4096) (i32.const 13)) (loop $l (br $l)) (unreachable)",
    {"name": "loops"},
    imports='(import "lumos" "log" (func $log (param i32 i32 i32)))',
    extra='(data (i32.const 4096) "now I loop...")',
)
JOB = """
version: 1
name: hang
executor: {executor}
plugins: {{loops: {{timeout_seconds: {seconds}}}}}
dag: {{failure_policy: continue}}
jobs:
  read: {{type: extractor, extractor_type: memory, options: {{records: [{{word: one}}, {{word: two}}]}}}}
  hang: {{type: transformer, transformer_type: loops, depends_on: read}}
  lost: {{type: loader, loader_type: csv, depends_on: hang, options: {{file_path: lost.csv}}}}
  kept: {{type: loader, loader_type: csv, depends_on: read, options: {{file_path: kept.csv}}}}
"""


def start(folder: Path, executor: str, seconds: float) -> "subprocess.Popen[str]":
    """A run of the job in a process of its own."""
    (folder / "loops.wasm").write_bytes(wasmtime.wat2wasm(LOUD_LOOP))
    install(folder / "loops.wasm", Rights(), folder / "plugins")
    (folder / "job.yaml").write_text(JOB.format(executor=executor, seconds=seconds))
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    environment = {**os.environ, "DAGSTER_HOME": str(home), "LUMOS_PLUGINS_DIR": str(folder / "plugins")}
    command = [Path(sys.executable).with_name("lumos"), "run", "job.yaml"]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.parametrize(
    ("executor", "told"),
    [("in_process", signal.SIGINT), pytest.param("multiprocess", signal.SIGTERM, marks=pytest.mark.slow)],
)
def test_a_run_that_is_told_to_end_in_the_midst_of_a_guests_call_ends_cleanly(
    tmp_path: Path, executor: str, told: signal.Signals
) -> None:
    process = start(tmp_path, executor, 120)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "now I loop" in line:
            break
    process.send_signal(told)

    rest = process.communicate(timeout=60)[0]

    assert process.returncode == 1, "".join(lines) + rest  # no death by a signal
    assert "hang: FAILED" in rest
    assert not (tmp_path / "lost.csv").exists()


def test_a_guest_that_never_ends_fails_its_op_and_the_others_go_on(tmp_path: Path) -> None:
    process = start(tmp_path, "in_process", 2)

    said = process.communicate(timeout=120)[0]

    assert "plugin loops: transform: ran longer than its limit of 2 s" in said
    assert (tmp_path / "kept.csv").read_text() == "word\none\ntwo\n"
    assert not (tmp_path / "lost.csv").exists()


def test_the_job_of_the_example_plugins_runs(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    command = [Path(sys.executable).with_name("lumos"), "run", "made_up_customers"]
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}

    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "info: 20000 rows, checksum 3573c4d93482afe3" in done.stdout
