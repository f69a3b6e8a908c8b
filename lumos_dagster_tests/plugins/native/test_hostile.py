"""Native plugins that mean harm, or are broken: each ends in one clear error, and the host goes on."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from lumos_dagster.errors import (
    ConfigError,
    DataError,
    Interrupted,
    LumosError,
    PluginError,
    TerminalError,
    TransientError,
)
from lumos_dagster.plugins.guest import Limits, Rights
from lumos_dagster.plugins.native.driver import NativeDriver
from lumos_dagster.plugins.store import install
from lumos_dagster_tests.plugins.conftest import run_as_command
from lumos_dagster_tests.plugins.native.conftest import HERE, Compile, Natives

ROWS = pa.table({"text": ["one", "two"]})
SHORT = Limits(memory_mb=64, timeout_seconds=1.0, log_lines=50)
ROOMY = Limits(memory_mb=64, timeout_seconds=60.0, log_lines=50)
ENDLESS = ("loops", "sleeps")

WORKER = "lumos_dagster.plugins.native.worker"
HARM = {
    "segfault": r"get_next: crashed with SIGSEGV \(Segmentation fault\)",
    "abort": r"get_next: crashed with SIGABRT \(Aborted\)",
    "exit": "get_next: ended its process with exit code 0",
    "exit 3": "get_next: ended its process with exit code 3",
    "divides by zero": "get_next: crashed with SIGFPE",
    "recurses": "get_next: crashed with SIGSEGV",
    "another thread": "get_next: crashed with SIGABRT",
    "loops": "get_next: ran longer than its limit of 1 s",
    "sleeps": "get_next: ran longer than its limit of 1 s",
    "leaks": "get_next: crashed with SIGSEGV .*; it may use 64 MiB of memory, and its process had",
    "floods": "get_next: floods the log: more than its limit of 50 lines",
    "floods by log": "get_next: floods the log: more than its limit of 50 lines",
    "closes its socket": "get_next: crashed with SIGKILL",
    "segfault in open": "open: crashed with SIGSEGV",
    "segfault in close": "close: crashed with SIGSEGV",
    "no stream": "get_schema: its stream failed: .*released Arrow Stream",
    "a stream of NULLs": "get_schema: crashed with SIGSEGV",
    "an error of the stream's own": "get_schema: its stream failed: .*of its own making",
    "a format that is none": r"get_schema: its stream failed: .*'\?'",
    "no schema": "get_schema: its stream failed: .*released",
    "too few columns": "get_next: its stream failed: ",
    "a batch that is too long": "get_next: its stream failed: ",
    "offsets out of bounds": "get_next: its stream failed: .*offset",
    "bad UTF-8": "get_next: its stream failed: .*Invalid UTF8",
    "fails silently": "get_next: its stream failed: without a reason",
}


def workers() -> list[psutil.Process]:
    """The processes of plugins that this one has; servers of other tests may be its children too."""
    return [child for child in psutil.Process().children() if WORKER in child.cmdline()]


@pytest.mark.parametrize("harm", HARM)
def test_a_plugin_that_does_harm_ends_in_one_error_that_names_the_call(hostile: Natives, harm: str) -> None:
    with pytest.raises(PluginError, match=f"^plugin hostile: {HARM[harm]}"):
        hostile.transform(json.dumps({"harm": harm}), ROWS, SHORT if harm in ENDLESS else ROOMY)

    assert workers() == []


REPORTED: dict[str, tuple[type[LumosError], str]] = {
    "config": (ConfigError, "open: no such place"),
    "transient": (TransientError, "open: the line is busy"),
    "data": (DataError, "open: row 7 is too wide"),
    "fatal": (TerminalError, "open: wrong password"),
    "an unknown kind": (TerminalError, "open: no idea"),
    "no message": (TerminalError, "open: failed without a reason"),
    "an endless message": (TerminalError, "open: x{2048}"),
    "bad text in its message": (DataError, "open: a \ufffd b"),
    "fails late": (TransientError, "get_next: gone while reading"),
}


@pytest.mark.parametrize("harm", REPORTED)
def test_what_a_plugin_reports_keeps_its_class(hostile: Natives, harm: str) -> None:
    kind, text = REPORTED[harm]
    with pytest.raises(kind, match=f"^plugin hostile: {text}$"):
        hostile.transform(json.dumps({"harm": harm}), ROWS)


def test_a_loader_fails_as_a_whole(hostile: Natives) -> None:
    assert hostile.load('{"harm": ""}', ROWS) == 2
    with pytest.raises(TransientError, match=r"^plugin hostile: load: gone while writing$"):
        hostile.load('{"harm": "fails late"}', ROWS)
    with pytest.raises(PluginError, match=r"^plugin hostile: load: crashed with SIGABRT"):
        hostile.load('{"harm": "abort"}', ROWS)
    with pytest.raises(PluginError, match=r"^plugin hostile: extract: it is no extractor$"):
        hostile.extract("{}")


def test_an_error_above_passes_through(hostile: Natives) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from ROWS.to_batches()
        raise DataError("the source is bad")

    rows = pa.RecordBatchReader.from_batches(ROWS.schema, batches())
    opened = NativeDriver().open(hostile.binary, Rights(), Limits(), hostile.task)
    with (
        pytest.raises(DataError, match=r"^the source is bad$"),
        opened as guest,
        guest.transform('{"harm": ""}', rows) as changed,
    ):
        changed.read_all()


def test_what_it_prints_is_log(hostile: Natives) -> None:
    hostile.transform('{"harm": "prints"}', ROWS)
    assert sorted(hostile.lines) == ["in two lines", "printed", "warning: logged"]


@pytest.mark.parametrize("harm", ["heeds", "loops"])
def test_a_cancelled_op_ends_its_plugin(hostile: Natives, harm: str) -> None:
    cancel = threading.Timer(1.0, hostile.task.cancellation.cancel, [Interrupted("op: interrupted")])
    cancel.start()
    with pytest.raises(Interrupted):
        hostile.transform(json.dumps({"harm": harm}), ROWS)
    cancel.join()
    assert workers() == []


def test_the_plugin_ends_with_a_host_that_is_killed(hostile: Natives) -> None:
    script = f"""
import os, types
from pathlib import Path
import pyarrow as pa
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.plugins.guest import Limits, Rights
from lumos_dagster.plugins.native.driver import NativeDriver
task = types.SimpleNamespace(cancellation=Cancellation(), log=lambda line: None)
with NativeDriver().open(Path({str(hostile.binary)!r}), Rights(), Limits(), task) as guest:
    with guest.transform('{{"harm": "loops"}}', pa.table({{"text": ["one"]}}).to_reader()) as rows:
        print("started", flush=True)
        rows.read_all()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "started\n"
        (worker,) = psutil.Process(host.pid).children()
        os.kill(host.pid, signal.SIGKILL)
    worker.wait(timeout=20)


BROKEN = {
    "-DNAME=another_name": "load: it exports no lumos_plugin_entry",
    "-DENTRY=NULL": "lumos_plugin_entry: it does not speak version 1 of the ABI, the one of this host",
    "-DSIZE=40": "lumos_plugin_entry: its struct_size is 40, less than the 64 bytes of version 1.0",
    "-DMAJOR=2": "lumos_plugin_entry: its abi_major is 2, this host speaks 1",
    "-DTRANSFORM=NULL": "lumos_plugin_entry: it has neither extract, transform nor load",
    "-DMETADATA=NULL": "lumos_plugin_entry: its metadata_json is NULL",
    '-DMETADATA="{"': "lumos_plugin_entry: its metadata_json is no JSON: .*char 1",
    '-DMETADATA="[]"': "lumos_plugin_entry: its metadata_json is no object with a name",
    '-DMETADATA="\\xff"': "lumos_plugin_entry: its metadata_json is no JSON: .*utf-8",
    "-DMETADATA=(const char*)8": "lumos_plugin_entry: crashed with SIGSEGV",
    "-DENTRY=(void*)8": "lumos_plugin_entry: crashed with SIGSEGV",
    "-DAT_LOAD=abort()": "load: crashed with SIGABRT",
    "-DAT_LOAD=_exit(0)": "load: ended its process with exit code 0",
}


@pytest.mark.parametrize("flag", BROKEN)
def test_a_library_that_breaks_the_abi_is_refused_where_it_is_asked(compiled: Compile, flag: str) -> None:
    with pytest.raises(PluginError, match=f"^plugin broken: {BROKEN[flag]}"):
        NativeDriver().describe(compiled(HERE / "broken.c", flag))


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    with pytest.raises(PluginError, match=r"^plugin text: load: it is no library that can be loaded here: "):
        NativeDriver().describe(tmp_path / "text.so")


def test_a_plugin_is_not_loaded_into_this_process(hostile: Natives) -> None:
    hostile.transform('{"harm": ""}', ROWS)
    NativeDriver().describe(hostile.binary)
    assert hostile.binary.name not in Path("/proc/self/maps").read_text()


JOB = """
version: 1
name: Crashes
jobs:
  read: {{type: extractor, extractor_type: memory, options: {{records: [{{text: one}}]}}}}
  change: {{type: transformer, transformer_type: trouble, depends_on: read, options: {{harm: {harm}}}}}
  show: {{type: loader, loader_type: csv, depends_on: change, options: {{file_path: out.csv}}}}
"""


@pytest.mark.parametrize(
    ("harm", "executor"), [("segfault", "in_process"), ("exit 3", "multiprocess"), ("abort", "in_process")]
)
def test_a_crash_fails_the_op_by_the_plugins_own_name_and_nothing_else(
    harm: str, executor: str, hostile: Natives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUMOS_PLUGINS_DIR", str(tmp_path / "plugins"))
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(hostile.binary, source / "library.so")
    (source / "plugin.toml").write_text('name = "trouble"\ndriver = "native"\nentry = "library.so"\n')
    install(source, Rights(), tmp_path / "plugins")
    (tmp_path / "crashes.yaml").write_text(JOB.format(harm=harm))

    told = run_as_command(tmp_path / "crashes.yaml", executor)

    assert told.returncode == 1
    assert re.search(f"change: FAILED: plugin trouble: {HARM[harm]}", told.stdout), told.stdout + told.stderr
    assert not (tmp_path / "out.csv").exists()
